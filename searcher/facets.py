"""Facets: what the photos that a plan lets through have in common, counted, each with the filter that keeps those."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, distinct, exists, extract, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from searcher import database, filters, search
from searcher.answers import AUTOMATIC
from searcher.catalog import PEOPLE, Details, File, Image, Question, Tag
from searcher.library import Library
from searcher.portable import listed
from searcher.query import Known, Part, Plan, typed
from searcher.told import counting
from vlm.raw import RAW
from vlm.video import VIDEO

MOST = 20  # values of each kind
_KINDS = {suffix[1:]: kind for kind, suffixes in (("raw", RAW), ("video", VIDEO)) for suffix in suffixes}

ImageId = InstrumentedAttribute[int] | ColumnElement[int]
Value = ColumnElement[Any] | InstrumentedAttribute[Any]
Among = Callable[[ImageId], list[ColumnElement[bool]]]  # what holds of the ids of the images that count
Counts = Sequence[tuple[Any, int]]


@dataclass(frozen=True)
class Facet:
    """A value that `count` photos have; `term` is the filter that keeps them, as it is typed in a query."""

    value: str
    count: int
    term: str


def facets(library: Library, plan: Plan | None = None) -> dict[str, list[Facet]]:
    """The most frequent values of the photos that a plan's filters and exact words let through, or of all photos.

    By kind: tag, year, camera, place, type, rating, and each column of answers that has a name of its own; at most
    `MOST` of each, the most frequent first. Tags that people took away do not count. Raises AskpixError when a filter
    cannot be understood.
    """
    with database.session(library.engine) as session:
        among = _among(session, None if plan is None else search.allowed_ids(library, session, plan))
        known = filters.known(session)
        found = {
            "tag": _facets("tag", _tags(session, among), known),
            "year": _facets("date", _said(session, among, extract("year", Details.taken_at)), known),
            "camera": _facets("camera", _said(session, among, Details.camera), known),
            "place": _facets("place", _places(session, among), known),
            "type": _facets("type", _types(session, among), known),
            "rating": _facets("rating", _said(session, among, Details.rating), known),
        }
        named = select(Question.name, Question.id).where(~Question.name.startswith(AUTOMATIC, autoescape=True))
        questions = session.execute(named.order_by(Question.name)).all()
        columns = {name: _facets(name, _answers(session, among, number), known) for name, number in questions}
    return {**columns, **found}


def _facets(field: str, counts: Counts, known: Known) -> list[Facet]:
    def term(value: str) -> str:
        return typed(Plan((Part("where", f"{field}:{value}"),)), known)

    return [Facet(str(value), count, term(value)) for value, count in counts]


def _among(session: Session, allowed: Sequence[int] | None) -> Among:
    """Those images that a file still holds, and that are allowed."""
    held = exists().where(File.image_id == Image.id, File.missing_since.is_(None))
    if allowed is not None:
        present = listed(session.scalars(select(Image.id).where(Image.id.in_(listed(allowed)), held)).all())
        return lambda image_id: [image_id.in_(present)]
    # As a rule few are gone, so that there is little to compare every row with.
    gone = session.scalars(select(Image.id).where(~held)).all()
    return lambda image_id: [image_id.not_in(listed(gone))] if gone else []


def _most(session: Session, value: Value, count: ColumnElement[int], *holds: ColumnElement[bool]) -> Counts:
    """The most frequent values, with how often there are, of the rows of which these conditions hold."""
    counted = select(value, count).where(value.is_not(None), *holds).group_by(value)
    return [(one, number) for one, number in session.execute(counted.order_by(count.desc(), value).limit(MOST))]


def _tags(session: Session, among: Among) -> Counts:
    those = among(Tag.image_id)
    removed = select(Tag.image_id, Tag.name).where(Tag.model == PEOPLE, Tag.score == 0, *those)
    kept = tuple_(Tag.image_id, Tag.name).not_in(removed)
    return _most(session, Tag.name, func.count(distinct(Tag.image_id)), *those, kept)


def _said(session: Session, among: Among, value: Value) -> Counts:
    """Values of what the files say, one an image."""
    return _most(session, value, func.count(), *among(Details.image_id))


def _places(session: Session, among: Among) -> Counts:
    """Cities, regions and countries."""
    names = (Details.city, Details.region, Details.country)
    counts: Counter[str] = Counter()
    for *some, count in session.execute(select(*names, func.count()).where(*among(Details.image_id)).group_by(*names)):
        counts.update(dict.fromkeys(filter(None, some), count))
    return _first(counts)


def _types(session: Session, among: Among) -> Counts:
    """Formats, but those of raw files and of videos by these names."""
    name = func.lower(Image.format)
    counts: Counter[str] = Counter()
    for one, count in session.execute(select(name, func.count()).where(*among(Image.id)).group_by(name)):
        counts[_KINDS.get(one, one)] += count
    return _first(counts)


def _first(counts: Counter[str]) -> Counts:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST]


def _answers(session: Session, among: Among, question: int) -> Counts:
    """Answers as they are told, whatever their case."""
    told = counting(question).subquery().c
    return _most(session, func.lower(told.told), func.count(), *among(told.image_id))
