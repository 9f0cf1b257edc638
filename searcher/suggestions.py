"""What a query that is being typed may become: searches of before, and words, tags, places and more that photos have.

All is read where an index leads to it, so that it is quick in a large library; words come from the newest photos that
have them. The query's last term is the one that is completed.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sqlalchemy import delete, func, or_, select, union
from sqlalchemy.orm import InstrumentedAttribute, Session

from searcher import database, filters, wordsearch
from searcher.catalog import Album, Answer, Details, Keyword, PastSearch, Question, Tag, now
from searcher.library import Library
from searcher.query import FIELDS, IS, Known, Part, Plan, typed

MOST = 10
KEPT = 1_000  # past searches
_SAMPLE = 300  # photos whose words are looked at
_SCANNED = 20_000  # photos whose cameras are looked at, the newest and the oldest
_NAMES = 300  # names of which the most frequent are chosen
_COUNTED = 1_000  # photos of a name, at most
_EACH = 3  # suggestions of one kind, where there are several
_VOCABULARY = 10_000  # tags that a word is compared with
_ALIKE = 0.65  # how alike two spellings are, by the share of letters that they have in common in the same order
_SHORTEST = 2  # letters of a word that is completed
_LAST = "\U0010ffff"  # after all that names hold
_FIXED = {"is": IS, "type": ("photo", "video", "raw", "jpeg", "png", "heif", "webp"), "rating": ("5", ">=4", ">=3")}
_VALUE = re.compile(r'(?:^|\s)(-?)([a-z][a-z0-9_]*):(?:["“«„「]([^"”»“」]*)|(\S*))$', re.ASCII)
_WORD = re.compile(r"(?:^|(?<=\s))[^\W\d_][\w'-]*$")
_WORDS = re.compile(r"[^\W\d_][\w'-]+")

Values = Sequence[str]


@dataclass(frozen=True)
class Suggestion:
    """A whole query; `kind` is past, word, field, or the field whose value it ends with, and `value` what was added.

    A field is one that still needs a value; `about` says what it is for.
    """

    query: str
    kind: str
    value: str
    about: str = ""


def suggest(library: Library, begun: str) -> list[Suggestion]:
    """The likeliest ways on from what was typed, `MOST` at most; from nothing the searches of before."""
    begun = begun.lstrip()
    with database.session(library.engine) as session:
        if not begun:
            return _past(session, "", MOST)
        if said := _VALUE.search(begun):
            minus, field, quoted, bare = said.groups()
            before = begun[: said.start()]
            values = _values(session, field, quoted if quoted is not None else bare)
            return [*_past(session, begun, 2), *_ending(session, before, minus, field, values)][:MOST]
        return [*_past(session, begun, _EACH), *_completed(session, begun)][:MOST]


def spelled(session: Session, field: str, wrong: str) -> Values:
    """Values of a field that photos have, and that look much like one that none has."""
    match field:
        case "tag" | "keyword":
            known: Values = _distinct(session, Tag.name if field == "tag" else Keyword.name, "", _VOCABULARY)
        case "camera" | "lens":
            known = _all(session, Details.camera if field == "camera" else Details.lens)
        case "place":
            known = _all(session, Details.city, Details.region, Details.country)
        case _:
            known = []
    names = {name.casefold(): name for name in known}
    close = get_close_matches(wrong.casefold(), [name for name in names if name != wrong.casefold()], 2, _ALIKE)
    return [names[name] for name in close]


def remember(library: Library, query: str) -> None:
    """Keep a search that was made, or that it was made again; the oldest beyond `KEPT` are forgotten."""
    with database.writing(library.engine) as session:
        past = session.get(PastSearch, query) or PastSearch(text=query, times=0)
        past.times, past.last_at = past.times + 1, now()
        session.add(past)
        session.flush()
        oldest = select(PastSearch.text).order_by(PastSearch.last_at.desc()).offset(KEPT)
        session.execute(delete(PastSearch).where(PastSearch.text.in_(oldest.limit(KEPT))))


def forget(library: Library, query: str | None = None) -> None:
    """Forget a past search, or all of them."""
    with database.writing(library.engine) as session:
        session.execute(delete(PastSearch).where(*[PastSearch.text == query] if query is not None else []))


def past_searches(library: Library) -> list[str]:
    """All that are kept, the latest first."""
    with database.session(library.engine) as session:
        return list(session.scalars(select(PastSearch.text).order_by(PastSearch.last_at.desc())))


def _past(session: Session, begun: str, most: int) -> list[Suggestion]:
    """Past searches of which this begins a word, the latest first."""
    told, folded = func.case_folded(PastSearch.text), begun.casefold()
    begins = or_(told.startswith(folded, autoescape=True), told.contains(f" {folded}", autoescape=True))
    some = select(PastSearch.text).where(begins, told != folded.strip())
    return [
        Suggestion(query, "past", query)
        for query in session.scalars(some.order_by(PastSearch.last_at.desc()).limit(most))
    ]


def _completed(session: Session, begun: str) -> list[Suggestion]:
    """What the last word may be the beginning of."""
    said = _WORD.search(begun)
    if said is None:
        return []
    word, before = said[0], begun[: said.start()]
    words = [Suggestion(before + one, "word", one) for one in _words(session, word)]
    columns = session.scalars(select(Question.name).order_by(Question.name))
    about = {**FIELDS, **dict.fromkeys(columns, "")}
    fields = [
        Suggestion(f"{before}{field}:", "field", f"{field}:", what)
        for field, what in about.items()
        if field.startswith(word) and field != "like"
    ]
    values = [
        one
        for field in ("tag", "place", "album")
        for one in _ending(session, before, "", field, _values(session, field, word)[:_EACH])
    ]
    return [*words, *fields[:_EACH], *values]


def _ending(session: Session, before: str, minus: str, field: str, values: Values) -> list[Suggestion]:
    """Queries that end with a value of a field."""
    known = filters.known(session)
    return [
        Suggestion(f"{before.rstrip()} {_term(f'{minus}{field}:{value}', known)}".lstrip(), field, value)
        for value in values
        if value.strip()
    ]


def _term(term: str, known: Known) -> str:
    return typed(Plan((Part("where", term),)), known)


def _values(session: Session, field: str, begun: str) -> Values:  # noqa: PLR0911  one a field
    match field:
        case "tag":
            return _names(session, Tag.name, begun)
        case "keyword":
            return _names(session, Keyword.name, begun)
        case "album":
            names = session.scalars(select(Album.name).order_by(func.lower(Album.name)))
            return [name for name in names if _begins(name, begun)][:MOST]
        case "place":
            return _places(session, begun)
        case "camera" | "lens":
            column = Details.camera if field == "camera" else Details.lens
            return [name for name in _devices(session, column) if _begins(name, begun)][:MOST]
        case "date":
            return [year for year in _years(session) if year.startswith(begun)][:MOST]
        case "caption":
            return _words(session, begun) if begun else []
    return [value for value in _FIXED.get(field, _answers(session, field)) if value.startswith(begun.casefold())][:MOST]


def _begins(name: str, begun: str) -> bool:
    """Whether this begins a word of a name."""
    return f" {name.casefold()}".find(f" {begun.casefold()}") >= 0


def _names(session: Session, column: InstrumentedAttribute[str], begun: str) -> Values:
    """The most frequent names that begin so, in the usual cases, by an index over them."""
    beginnings = dict.fromkeys((begun, begun.lower(), begun.capitalize(), begun.title(), begun.upper()))
    names = [name for one in beginnings for name in _distinct(session, column, one)]
    counts = {name: _count(session, column, name) for name in dict.fromkeys(names)}
    return sorted(counts, key=lambda name: (-counts[name], name))[:MOST]


def _distinct(session: Session, column: InstrumentedAttribute[str], begun: str, most: int = _NAMES) -> Values:
    """Names that begin so, each looked up behind the one before, so that no other row of it is read."""
    within = column < begun + _LAST
    each = select(func.min(column).label("name")).where(column >= begun, within).cte("names", recursive=True)
    following = select(func.min(column)).where(column > each.c.name, within).scalar_subquery()
    each = each.union_all(select(following).where(each.c.name.is_not(None)))
    return list(session.scalars(select(each.c.name).where(each.c.name.is_not(None)).limit(most)))


def _all(session: Session, *columns: InstrumentedAttribute[str | None]) -> Values:
    """Every name in these columns."""
    each = union(*(select(column).where(column.is_not(None)) for column in columns))
    return [name for name in session.scalars(each) if name]


def _count(session: Session, column: InstrumentedAttribute[str], name: str) -> int:
    some = select(column).where(column == name).limit(_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _words(session: Session, begun: str) -> Values:
    """The most frequent words that begin so in what was written about the newest photos that have such."""
    counts: Counter[str] = Counter()
    # The index holds stems: "running" is found by "run", so what is not found is sought by less of it.
    for stem in dict.fromkeys((begun, begun[: max(_SHORTEST, len(begun) - 3)])):
        for texts in _written(session, stem, ("people", "captions", "tags")):
            words = {word.casefold() for word in _WORDS.findall(" ".join(texts))}
            counts.update(word for word in words if word.startswith(begun.casefold()) and len(word) > len(begun))
        if counts:
            break
    return [word for word, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))][:_EACH]


def _places(session: Session, begun: str) -> Values:
    """The most frequent cities, regions and countries of which this begins a word, of the newest photos of such."""
    names = Details.city, Details.region, Details.country
    if begun:
        ids = _having(session, begun, ("places",))
        some = select(*names).where(Details.image_id.in_(ids))
    else:
        some = select(*names).where(Details.country.is_not(None)).order_by(Details.image_id.desc()).limit(_SAMPLE)
    counts = Counter(name for row in session.execute(some) for name in row if name and _begins(name, begun))
    return [name for name, _ in counts.most_common(MOST)]


def _devices(session: Session, column: InstrumentedAttribute[str | None]) -> Values:
    """The most frequent cameras or lenses of the newest photos, and of the oldest."""
    ends = [Details.image_id.desc(), Details.image_id]
    some = [select(column).where(column.is_not(None)).order_by(end).limit(_SCANNED) for end in ends]
    counts = Counter(name for one in some for name in session.scalars(one) if name)
    return [name for name, _ in counts.most_common()]


def _written(session: Session, begun: str, columns: Sequence[str]) -> list[list[str]]:
    """What was written in these columns about the newest photos of which a word begins so."""
    written = wordsearch.written(session, _having(session, begun, columns))
    return [[texts[name] for name in columns] for texts in written.values()]


def _having(session: Session, begun: str, columns: Sequence[str]) -> list[int]:
    """The ids of the newest photos of which a word that begins so was written in these columns."""
    parts = re.findall(r"\w+", begun)
    if not parts or len(begun) < _SHORTEST:
        return []
    return list(wordsearch.beginning(session, parts, columns, _SAMPLE))


def _years(session: Session) -> Values:
    """The years of the photos, the latest first."""
    # Each by itself is the first of the index, both together are a look at all.
    first, last = (session.scalar(select(end(Details.taken_at))) for end in (func.min, func.max))
    return [str(year) for year in range(last.year, first.year - 1, -1)] if first and last else []


def _answers(session: Session, column: str) -> Values:
    """The most frequent answers among the newest kept under a name."""
    answers = select(Answer.text).join(Question, Question.id == Answer.question_id).where(Question.name == column)
    newest = answers.order_by(Answer.image_id.desc()).limit(10 * _SAMPLE)
    return [answer for answer, _ in Counter(map(str.casefold, session.scalars(newest))).most_common()]
