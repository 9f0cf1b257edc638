"""SQLite and PostgreSQL give the same results, exactly: one library, in both, asked and changed in the same ways."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, inspect, select

from indexer.prune import prune
from indexer.runs import latest_runs
from postgres import Server
from searcher import (
    Library,
    accounts,
    albums,
    captions,
    changes,
    columns,
    corrections,
    credentials,
    database,
    export,
    suggestions,
    timeline,
    wordsearch,
)
from searcher.catalog import PEOPLE, Answer, Base, Details, File, Image, Keyword, Question, Reading
from searcher.catalog_answers import answer_from_catalog
from searcher.copying import _plain, copy
from searcher.duplicates import duplicates
from searcher.facets import facets
from searcher.query import Plan
from searcher.settings import Settings
from vlm.errors import AskpixError

Pair = tuple[Library, Library]  # in SQLite, and in PostgreSQL

PLACES = [
    ("Paris", "Île-de-France", "France"),
    ("København", None, "Danmark"),
    ("北京", None, "中国"),
    ("Straße", "100% Bayern", "Deutschland"),
    (None, None, None),
]
WRITTEN = ["Grand Opening", "海边的狗 open", "café ELEVE", "price: 12 €", ""]
WORDS = (
    "dog dogs running cat a photo of people table psychology trekking café 海 狗 open élève zzz water walk_s".split()
)

QUERIES = [
    "a dog",
    "dogs running on grass",
    '"a cat"',
    "food -table",
    "a tower in Paris",
    "grand opening",
    "海边的狗",
    "café",
    "flowers place:københavn",
    "animal rating:>=3",
    "camera:canon a dog",
    "date:2019-05",
    "before 2019",
    "tag:dog",
    "-tag:dog",
    "keyword:ÉLÈVE",
    "text:open",
    "caption:dog -is:dated",
    "is:placed type:photo",
    "is:duplicate",
    "place:straße",
    'place:"100% bayern"',
    "path:ANIMALS",
    "description:100%",
    "has_dog:yes",
    "album:Été",
    "album:dogs",
]


@pytest.fixture(scope="module")
def made(untouched_demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo library in SQLite, with what photos of all kinds may say of themselves, and what people said."""
    folder = shutil.copytree(untouched_demo_folder, tmp_path_factory.mktemp("both") / "library")
    with Library(folder) as library:
        with database.writing(library.engine) as session:
            ids = session.scalars(select(Image.id).order_by(Image.id)).all()
            said = [dict(zip(("city", "region", "country"), PLACES[i % len(PLACES)], strict=True)) for i in ids]
            for i, place in zip(ids, said, strict=True):
                about = session.get_one(Details, i)
                for name, value in place.items():
                    setattr(about, name, value)
                about.rating = i % 7 - 1 if i % 7 else None
                about.camera = f"Canon {'EOS' if i % 2 else 'éos'} {i % 3}" if i % 4 else None
                about.taken_at = datetime(2017 + i % 4, 1 + i % 12, 1 + i % 28, i % 24) if i % 5 else None
                about.description = "100% wool" if i % 9 == 0 else None
            names = [{"image_id": i, "name": name} for i in ids for name in ("Élève", "straße", "b")[: i % 4]]
            session.execute(insert(Keyword), names)
            texts = [(i, WRITTEN[i % len(WRITTEN)]) for i in ids]
            session.add_all(Reading(image_id=i, model="r", text=text, lines=[]) for i, text in texts)
            question = Question(name="has_dog", text="Is there a dog?")
            session.add(question)
            session.flush()
            for i in ids:
                kept = {"question_id": question.id, "image_id": i, "confidence": 0.1 + i % 9 / 10}
                session.add(Answer(**kept, model="builtin", text="Yes" if i % 3 else "no", why={"a": [1, 2.5]}))
            session.get_one(Image, ids[1]).duplicate_of = ids[5]
            session.get_one(Image, ids[2]).duplicate_of = ids[5]
            wordsearch.refresh(session, ids)
        albums.make_album(library, "Été")
        albums.make_album(library, "dogs", "a dog")
        albums.add_to_album(library, "Été", ids[:7])
        for query in ("A dog in Paris", "Doggy", "été"):
            suggestions.remember(library, query)
    return folder


@pytest.fixture
def both(made: Path, tmp_path: Path, postgres: Server, postgres_template: str) -> Iterator[Pair]:
    """Two libraries that are equal but for their database."""
    one, other = (shutil.copytree(made, tmp_path / name / "library") for name in ("sqlite", "postgres"))
    url = postgres.make(template=postgres_template)
    copy(other / database.CATALOG, url)
    (other / database.CATALOG).unlink()
    with Library(one) as first, Library(settings=Settings(library=other, catalog=url)) as second:
        yield first, second


def plain(value: Any) -> Any:
    """What a result says, without where the library lies."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Base):
        return {name: plain(getattr(value, name)) for name in inspect(type(value)).columns.keys()}  # noqa: SIM118
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def same(both: Pair, ask: Any) -> Any:
    """What both answer, which must be the same and of the same types; or how both refuse it."""
    found = []
    for library in both:
        try:
            found.append(plain(ask(library)))
        except AskpixError as error:
            found.append(str(error))
    assert found[0] == found[1]
    assert repr(found[0]) == repr(found[1]), "also the types"
    return found[0]


def test_searches_find_the_same_for_the_same_reasons(both: Pair) -> None:
    hits = [len(same(both, lambda library, query=query: library.find(query, k=60))["hits"]) for query in QUERIES]
    assert sum(count > 0 for count in hits) > len(QUERIES) / 2
    for query in QUERIES[:8]:
        same(both, lambda library, query=query: library.search(query, k=60, min_confidence=0))
    same(both, lambda library: library.similar(3))
    same(both, lambda library: library.browse("tag:dog"))
    same(both, lambda library: library.photo(10**12))
    same(both, lambda library: library.find("nothing:here"))


def test_words_are_found_alike(both: Pair) -> None:
    """Phrases, forms of words, columns and beginnings; the most telling come first."""
    dice = Random(1)

    def ask(library: Library, texts: list[str], names: list[str]) -> list[Any]:
        with database.session(library.engine) as session:
            found = [sorted(session.scalars(wordsearch.having(text, *names))) for text in texts]
            every = sorted(session.scalars(wordsearch.having_all(texts, *names)))
            begun = list(wordsearch.beginning(session, texts[:1], names or wordsearch.COLUMNS, 5))
            most = [list(wordsearch.best(session, [wordsearch.any_of(texts, names)], k)) for k in (5, 9)]
            few = list(wordsearch.best(session, [wordsearch.any_of(texts, names)], 100, [1, 2, 3, 10**10]))
            return [found, every, begun, most, sorted(few), wordsearch.counts(session, texts, 7)]

    for _ in range(60):
        texts = [" ".join(dice.choices(WORDS, k=dice.choice((1, 1, 2)))) for _ in range(dice.choice((1, 3)))]
        texts += dice.choice(([], ["it's"], ['"!']))
        names = dice.sample(wordsearch.COLUMNS, dice.choice((0, 1, 2)))
        same(both, lambda library, texts=texts, names=names: ask(library, texts, names))
    same(both, texts_of)


def texts_of(library: Library) -> Any:
    with database.session(library.engine) as session:
        return sorted(wordsearch.written(session, session.scalars(select(Image.id)).all()).items())


def test_lists_counts_and_suggestions_are_the_same(both: Pair) -> None:
    same(both, facets)
    for query in ("a dog", "tag:dog", "rating:>=2", '"a"'):
        same(both, lambda library, query=query: facets(library, library.plan(query)))
    for begun in (
        "",
        "d",
        "do",
        "DOG",
        "ru",
        "tag:",
        "tag:d",
        "place:",
        "place:p",
        "place:北",
        "keyword:É",
        "camera:c",
    ):
        same(both, lambda library, begun=begun: suggestions.suggest(library, begun))
    for begun in ("date:", "album:é", "has_dog:", "type:", "caption:do", "lens:", "a run", "été"):
        same(both, lambda library, begun=begun: suggestions.suggest(library, begun))
    for by_date in (True, False):
        for query in (None, "tag:dog", "a -dog", "is:duplicate"):
            same(both, lambda library, query=query, by_date=by_date: listing(library, query, by_date))
    same(both, albums.albums)
    same(both, columns.columns)
    same(both, lambda library: [[copy.size for copy in group] for group in duplicates(library)])
    same(both, lambda library: [dataclasses.replace(one, image="") for one in export.records(library, "-tag:dog")])
    same(both, lambda library: [run.as_json() for run in latest_runs(library, 5)])
    same(both, pages_of_captions)


def listing(library: Library, query: str | None, by_date: bool) -> list[Any]:
    plan = Plan() if query is None else library.plan(query)
    with database.session(library.engine) as session:
        found = timeline.listing(library, session, plan, by_date=by_date)
        ids = found.ids(100)
        beside = [found.beside(i) for i in ids[::5]]
        return [found.count(), found.months(), ids, found.ids(5, 7), found.after(9, *ids[:1]), beside, found.dated]


def pages_of_captions(library: Library) -> list[Any]:
    wanted = [captions.Wanted(library.captions_by, words, by) for words in ("", "a dog") for by in ("", PEOPLE)]
    with database.session(library.engine) as session:
        first = [captions.page(session, one, 9) for one in wanted]
        after = captions.page(session, wanted[0], 9, first[0][-1].place, surest=False)
        return [first, after, [captions.count(session, one, 100) for one in wanted], captions.writers(session)]


def test_questions_about_the_library_are_answered_alike(both: Pair) -> None:
    for question in (
        "how many photos per year?",
        "which camera do I use most?",
        "when was I last in Paris?",
        "which countries have I been to?",
        "what is the oldest photo?",
        "how many photos of dogs do I have?",
        "what do I photograph most?",
        "how many photos per month?",
    ):
        same(both, lambda library, question=question: answer_from_catalog(library, question))


def change_everything(library: Library) -> list[Any]:
    """What people do to a library."""
    said: list[Any] = []
    corrections.correct_caption(library, 4, "A red balloon over København")
    corrections.correct_tags(library, 4, add=["Balloon", "été"], remove=["dog"])
    action = corrections.tag_photos(library, [1, 2, 3, 8], ["party"], [], "Tagged")
    corrections.correct_caption(library, 5, "Something else")
    said.append(changes.undo(library, action))
    albums.rename_album(library, "ÉTÉ", "Summer")
    said.append(albums.add_to_album(library, "summer", range(5, 12)))
    said.append(albums.remove_from_album(library, "Summer", [6, 99]))
    columns.correct_answer(library, 3, "has_dog", "perhaps")
    columns.set_standing(library, "has_dog", True)
    asked = [photo for i in (1, 2, 3) if (photo := library.photo(i))]
    said.append([reply.answer for reply in library.ask("Is it indoors?", asked, save_as="indoors")])
    said.append([reply.answer for reply in library.ask("Is it indoors?", asked, save_as="indoors")])
    accounts.make_account(library, "Žofie", "correct horse", "admin")
    said.append(accounts.check_password(library, "ŽOFIE", "correct horse") is not None)
    said.append(accounts.check_password(library, "zofie", "correct horse"))
    key = credentials.make_key(library, accounts.accounts(library)[0], "script")
    said.append(credentials.key_account(library, key).name)
    said.append(library.search("balloon over Copenhagen")[0].photo.caption)
    with database.writing(library.engine) as session:
        gone = session.scalars(select(File).where(File.image_id.in_([5, 7]))).all()
        for file in gone:
            file.missing_since = datetime(2026, 1, 1)
    forgotten = prune(library)
    said += [forgotten.files, forgotten.images]
    suggestions.remember(library, "a\0b")
    return said


def test_what_is_changed_is_changed_alike(both: Pair) -> None:
    same(both, change_everything)
    same(both, tables)
    same(both, lambda library: library.find("balloon", k=60))
    same(both, facets)
    same(both, texts_of)


def tables(library: Library) -> dict[str, list[Any]]:
    """All rows of all tables, without what is chance or a time."""
    chance = {"password", "action", "hash", "key"}
    found = {}
    with database.session(library.engine) as session:
        for table in Base.metadata.sorted_tables:
            kept = [i for i, one in enumerate(table.columns) if not one.name.endswith("_at") and one.name not in chance]
            rows = [[row[i] for i in kept] for row in _plain(session, table.name)]
            found[table.name] = json.loads(json.dumps(sorted(rows, key=repr), default=str))
    return found
