"""Captions as people read and correct them: those that are shown, the least sure first, page by page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from searcher import wordsearch
from searcher.catalog import PEOPLE, Caption, File

MACHINES = "machines"  # instead of a model's name: any of them
_C = Caption

Place = tuple[float, int]  # of a caption in the order: its confidence, and its image


@dataclass(frozen=True)
class Written:
    """A caption, by its image; `model` is PEOPLE if they wrote it."""

    image_id: int
    model: str
    text: str
    confidence: float
    created_at: datetime

    @property
    def place(self) -> Place:
        """Where it is in the order."""
        return self.confidence, self.image_id


@dataclass(frozen=True)
class Wanted:
    """Which captions: with all these `words`, `by` PEOPLE, any of the MACHINES or one of them, written in this time.

    Of an image the caption that is shown is meant, as `captions_by` is preferred to other models; of a model named here
    its own, unless people wrote another.
    """

    captions_by: str
    words: str = ""
    by: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(
    session: Session, wanted: Wanted, size: int, after: Place | None = None, surest: bool = False
) -> list[Written]:
    """As many captions as `size`, the least sure (or the surest) first, from after a place on."""
    # Each model's are in order by an index of their own; the least sure of all are among the least sure of each.
    found = chain.from_iterable(
        session.execute(_ordered(wanted, model, after, surest).limit(size)).all() for model in _models(session, wanted)
    )
    rows = [Written(*row) for row in found]
    return sorted(rows, key=lambda row: row.place, reverse=surest)[:size]


def count(session: Session, wanted: Wanted, most: int) -> int:
    """How many captions there are; counting ends at `most`."""
    some = _chosen(wanted, _C.image_id).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def images(session: Session, wanted: Wanted) -> Iterator[int]:
    """The images whose captions are wanted, in the order of their ids."""
    yield from session.scalars(_chosen(wanted, _C.image_id).order_by(_C.image_id).execution_options(yield_per=10_000))


def texts(session: Session, wanted: Wanted, ids: list[int]) -> dict[int, str]:
    """The captions of these images, of which some may be none of those wanted."""
    rows = session.execute(_chosen(wanted, _C.image_id, _C.text).where(_C.image_id.in_(ids)))
    return {row.image_id: row.text for row in rows}


def writers(session: Session) -> list[str]:
    """Who wrote captions, by their names."""
    first = select(func.min(_C.model))
    names = []
    name = session.scalar(first)
    while name is not None:  # from one to the next by the index, past a million rows of each
        names.append(name)
        name = session.scalar(first.where(_C.model > name))
    return names


def _models(session: Session, wanted: Wanted) -> list[str]:
    if wanted.by not in {"", MACHINES}:
        return [wanted.by]
    return [name for name in writers(session) if name != PEOPLE or not wanted.by]


def _ordered(wanted: Wanted, model: str, after: Place | None, surest: bool) -> Select[Any]:
    chosen = _chosen(wanted, _C.image_id, _C.model, _C.text, _C.confidence, _C.created_at).where(_C.model == model)
    place = tuple_(_C.confidence, _C.image_id)
    if after is not None:
        chosen = chosen.where(place < after if surest else place > after)
    return chosen.order_by(*(column.desc() if surest else column for column in (_C.confidence, _C.image_id)))


def _chosen(wanted: Wanted, *columns: Any) -> Select[Any]:
    chosen = select(*columns).where(_meant(wanted), _is_there())
    if wanted.since is not None:
        chosen = chosen.where(_C.created_at >= wanted.since)
    if wanted.until is not None:
        chosen = chosen.where(_C.created_at <= wanted.until)
    if words := wanted.words.split():
        chosen = chosen.where(_C.image_id.in_(wordsearch.having_all(words, "captions")))
    return chosen


def _meant(wanted: Wanted) -> ColumnElement[bool]:
    other = aliased(_C)
    if wanted.by == PEOPLE:
        return _C.model == PEOPLE
    if wanted.by not in {"", MACHINES}:
        corrected = exists().where(other.image_id == _C.image_id, other.model == PEOPLE)
        return and_(_C.model == wanted.by, ~corrected)
    better = _rank(other, wanted) > _rank(_C, wanted)
    shown = ~exists().where(other.image_id == _C.image_id, better)
    return and_(_C.model != PEOPLE, shown) if wanted.by else shown


def _rank(caption: Any, wanted: Wanted) -> ColumnElement[Any]:
    """Which of an image's captions is shown: the one of the highest rank."""
    kind = case((caption.model == PEOPLE, 2), (caption.model == wanted.captions_by, 1), else_=0)
    return tuple_(kind, caption.created_at)


def _is_there() -> ColumnElement[bool]:
    return exists().where(File.image_id == _C.image_id, File.missing_since.is_(None))
