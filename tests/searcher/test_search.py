"""A plan carried out: embeddings and words together, filters exactly, near misses apart, and why."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from indexer.pipeline import IndexRun
from searcher import Hit, Library, database, wordsearch
from searcher.catalog import Caption, Details, Keyword, Reading, Tag, Wish
from searcher.query import Part, Plan
from support import Askpix, records
from vlm.errors import AskpixError

NAMES = ("animals/cat", "animals/horses", "food/coffee", "landscapes/mountains", "places/eiffel_tower")


@pytest.fixture(scope="module")
def library(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Five photographs, of which people, cameras and the pictures themselves say things."""
    root = tmp_path_factory.mktemp("search")
    for name in NAMES:
        (root / "photos").mkdir(exist_ok=True)
        with Image.open(photos / f"{name}.jpg") as opened:
            exif = opened.getexif()
            exif[0x0110] = "Box Brownie" if "cat" in name else "Leica M6"
            opened.save(root / "photos" / f"{Path(name).stem}.jpg", exif=exif)
    with Library(root / "library", create=True) as made:
        for _ in IndexRun(made, [root / "photos"]):
            pass
        with database.writing(made.engine) as session:
            ids = {hit.photo.path.stem: hit.photo.id for hit in made.browse()}
            session.add(Keyword(image_id=ids["horses"], name="Grand Prix Pardubice"))
            session.add(Reading(image_id=ids["coffee"], model="reader", text="Café Schlömilch\n两只狗", lines=[]))
            session.get_one(Details, ids["eiffel_tower"]).city = "Paris"
            wordsearch.refresh(session, ids.values())
        yield made


def stems(hits: list[Hit]) -> list[str]:
    return [hit.photo.path.stem for hit in hits]


@pytest.mark.parametrize("query", ["Pardubice", "schlomilch", "Grand Prix", "两只狗"])
def test_rare_names_that_embeddings_miss_are_found_by_words(library: Library, query: str) -> None:
    first = library.search(query)[0]
    assert first.photo.path.stem == ("horses" if "r" in query and "l" not in query else "coffee")
    assert first.confidence > 0.5
    assert first.why["words_gave"] > 0
    assert set(first.why["written"]) & {"people", "reading"}


def test_words_that_are_not_wanted(library: Library) -> None:
    everything = set(stems(library.search("an animal", min_confidence=0)))
    without = stems(library.search("an animal -pardubice", min_confidence=0))
    assert everything - set(without) == {"horses"}
    both = library.search("an animal", min_confidence=0)
    less = library.search("an animal -horse", min_confidence=0)
    sure = {hit.photo.path.stem: hit.confidence for hit in both}
    assert "horses" not in stems(less)[:1]
    assert all(hit.confidence <= sure[hit.photo.path.stem] for hit in less)
    assert set(stems(library.search("-pardubice", k=9))) == everything - {"horses"}


def test_words_in_quotation_marks_must_be_there(library: Library) -> None:
    assert stems(library.search('"prix pardubice"')) == ["horses"]
    assert library.search('"pardubice prix"') == []
    found = library.find('a photo "grand prix"', min_confidence=0.0)
    assert stems(found.hits)[0] == "horses"
    assert len(found.hits) == 5  # with 0 all are shown, those without the words last
    found = library.find('a horse "grand prix"')
    assert stems(found.hits) in (["horses"], [])
    assert "horses" not in stems(found.near) or not found.hits


def test_near_misses_are_apart(library: Library) -> None:
    found = library.find("a submarine under the ice", min_confidence=0.9)
    assert found.hits == []
    assert 0 < len(found.near) <= 5
    assert all(hit.confidence < 0.9 for hit in found.near)
    assert library.find("a submarine under the ice", min_confidence=0).near == []


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("camera:brownie", {"cat"}),
        ("-camera:leica", {"cat"}),
        ('text:"cafe schlomilch"', {"coffee"}),
        ("is:text", {"coffee"}),
        ("place:paris", {"eiffel_tower"}),
        ("is:placed", {"eiffel_tower"}),
        ('keyword:"grand prix pardubice"', {"horses"}),
        ("path:mount type:jpeg", {"mountains"}),
        ("type:photo -path:coffee -path:horses", {"cat", "mountains", "eiffel_tower"}),
        ("type:video", set()),
        ("is:duplicate", set()),
    ],
)
def test_filters_alone_and_under_a_search(library: Library, query: str, wanted: set[str]) -> None:
    assert set(stems(library.search(query))) == wanted
    assert set(stems(library.search(f"a photo of something {query}", min_confidence=0))) == wanted


def test_a_place_in_plain_words_is_a_filter_that_can_be_switched_off(library: Library) -> None:
    plan = library.plan("a tower in Paris")
    assert [(part.kind, part.value) for part in plan.parts] == [("text", "a tower"), ("where", "place:Paris")]
    assert stems(library.search(plan, min_confidence=0)) == ["eiffel_tower"]
    assert len(library.search(plan.with_changes(off=[1]), min_confidence=0)) == 5
    assert [part.kind for part in library.plan("a tower in Pardubice").parts] == ["text"]  # no photo is from there


def test_every_part_says_what_it_gave(library: Library) -> None:
    cat = library.search("path:cat")[0].photo
    plan = library.plan(f"an animal^2 (snow)^0.5 -horse like:{cat.id}^0.5 -path:coffee")
    hit = library.find(plan, min_confidence=0).hits[0]
    kinds = [part.kind for part in plan.parts]
    gave = dict(zip(kinds, hit.why["parts"], strict=True))
    assert gave["where"] == {"holds": True}
    assert gave["not"]["gave"] <= 0
    total = sum(part.get("gave", 0) for part in hit.why["parts"]) + hit.why["words_gave"]
    assert hit.score == pytest.approx(total, abs=1e-3)


def test_more_and_less_like_this(library: Library) -> None:
    ids = {hit.photo.path.stem: hit.photo.id for hit in library.browse()}
    more = library.search(f"an animal^0.2 like:{ids['horses']}", min_confidence=0)
    less = library.search(f"an animal -like:{ids['horses']}", min_confidence=0)
    assert stems(more)[0] == "horses"
    assert stems(less)[-1] == "horses"


def test_a_plan_may_name_a_picture_file(library: Library, photos: Path) -> None:
    plan = Plan((Part("like", str(photos / "animals" / "cat.jpg")),))
    assert stems(library.search(plan, k=1)) == ["cat"]


def test_nothing_asked_for(library: Library) -> None:
    for asked in (Plan(), Plan((Part("text", "a dog", on=False),))):
        with pytest.raises(AskpixError, match="nothing to search for"):
            library.find(asked)
    with pytest.raises(AskpixError, match="is to be field:value terms"):
        library.search("a dog", where="snow")
    with pytest.raises(AskpixError, match="there is no album 'x'; there are: none yet"):
        library.search("album:x")
    with pytest.raises(AskpixError, match="image 99 is not indexed"):
        library.search("like:99")


def test_what_is_found_without_a_caption_is_wished_for(photos: Path, tmp_path: Path) -> None:
    for name in NAMES[:2]:
        shutil.copy(photos / f"{name}.jpg", tmp_path)
    with Library(tmp_path / "library", create=True) as library:
        for _ in IndexRun(library, [tmp_path], captions=False):
            pass
        cat = library.search("a cat", k=1, min_confidence=0)[0].photo
        with database.session(library.engine) as session:
            assert session.scalars(select(Wish.image_id)).all() == [cat.id]
        for _ in IndexRun(library, [tmp_path]):
            pass
        with database.session(library.engine) as session:
            assert session.scalars(select(Wish)).all() == []
            assert len(session.scalars(select(Caption)).all()) == 2
        assert library.search(f'"{library.photo(cat.id).caption}"')[0].photo.id == cat.id  # type: ignore[union-attr]


def test_tags_that_people_took_away_do_not_count(library: Library) -> None:
    with database.session(library.engine) as session:
        tag = session.scalars(select(Tag).order_by(Tag.score.desc())).first()
    assert tag is not None
    assert tag.image_id in [hit.photo.id for hit in library.search(f'tag:"{tag.name}"')]
    with database.writing(library.engine) as session:
        session.add(Tag(image_id=tag.image_id, model="people", name=tag.name, score=0))
    assert tag.image_id not in [hit.photo.id for hit in library.search(f'tag:"{tag.name}"')]
    assert tag.name not in library.photo(tag.image_id).tags  # type: ignore[union-attr]


def test_the_command_line_shows_the_plan(askpix: Askpix, library: Library) -> None:
    (line,) = records(askpix("search", "a tower in Paris", "--library", library.folder, "--json"))
    assert [part["said"] for part in line["plan"]] == ["a tower", "in Paris"]
    assert set(line) >= {"query", "plan", "hits", "near"}
    wrong = askpix("search", "colour:red", "--library", library.folder)
    assert wrong.returncode == 2
    assert "there is no field 'colour' to search in; there are: path," in wrong.stderr
