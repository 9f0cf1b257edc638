"""Photos without a ranking, by date: the newest taken first, then those without a date; in pages, or counted by month.

Of photos that show the same only one is listed, the best if it is among them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, String, cast, exists, func, inspect, literal, select, tuple_
from sqlalchemy.orm import Session, join

from searcher import search
from searcher.catalog import Details, File, Image
from searcher.library import Library
from searcher.portable import listed
from searcher.query import Plan
from vlm.errors import AskpixError

_MONTH = func.substr(cast(Details.taken_at, String), 1, len("2019-05"))
_DATED = select(Details.image_id).where(Details.taken_at.is_not(None))
_IMAGES = inspect(Image).local_table
_HELD = exists().where(File.image_id == Image.id, File.missing_since.is_(None))


@dataclass(frozen=True)
class Listed:
    """A photo in a list: its upright size in pixels, and the month it was taken in, such as 2019-05, or nothing."""

    id: int
    width: int
    height: int
    month: str


@dataclass(frozen=True)
class _Stretch:
    """Photos of which the same holds, the largest keys first."""

    holds: tuple[ColumnElement[bool], ...]
    keys: tuple[Any, ...]
    month: ColumnElement[str]
    tables: FromClause

    def select(self, *columns: Any) -> Select[Any]:
        return select(*columns).select_from(self.tables).where(*self.holds)

    def read(self, session: Session, k: int, start: int = 0) -> list[int]:
        found = self.select(Image.id).order_by(*(key.desc() for key in self.keys)).limit(k).offset(start)
        return list(session.scalars(found))

    def beyond(self, session: Session, k: int, place: Sequence[Any] | None, *, back: bool) -> list[Listed]:
        """The k next to a place, on the side where keys are smaller, or larger; without a place from the end."""
        found = self.select(Image.id, Image.width, Image.height, self.month)
        if place is not None:
            keys, here = tuple_(*self.keys), tuple_(*place)
            found = found.where(keys > here if back else keys < here)
        ordered = found.order_by(*(key if back else key.desc() for key in self.keys))
        return [Listed(*row) for row in session.execute(ordered.limit(k))]


@dataclass(frozen=True)
class Listing:
    """Photos in their order, read in one session."""

    session: Session
    stretches: tuple[_Stretch, ...]

    def __contains__(self, image_id: int) -> bool:
        return any(self.session.scalar(one.select(Image.id).where(Image.id == image_id)) for one in self.stretches)

    @property
    def dated(self) -> bool:
        """Whether it is by date, and any of them has one."""
        return len(self.stretches) > 1 and bool(self.stretches[0].read(self.session, 1))

    def count(self) -> int:
        """How many there are."""
        return sum(self.session.scalar(one.select(func.count())) or 0 for one in self.stretches)

    def months(self) -> list[tuple[str, int]]:
        """How many were taken in each month, in the list's order; those that are not by date as of no month."""
        counts = [
            (month, count)
            for one in self.stretches
            for month, count in self.session.execute(
                one.select(one.month, func.count()).group_by(one.month).order_by(one.month.desc())
            )
        ]
        return [(month, count) for month, count in counts if count]

    def ids(self, k: int, start: int = 0) -> list[int]:
        """The ids of k photos from a place on."""
        found: list[int] = []
        for one in self.stretches:
            some = one.read(self.session, k - len(found), start)
            found += some
            if len(found) == k:
                break
            start = 0 if some else start - (self.session.scalar(one.select(func.count())) or 0)
        return found

    def after(self, k: int, image_id: int | None = None) -> list[Listed]:
        """The k photos after one, or the first; raises AskpixError when there is no such image."""
        return self._beyond(k, image_id, back=False)

    def beside(self, image_id: int) -> tuple[int | None, int | None]:
        """The ids of the photos before and after one; raises AskpixError when there is no such image."""
        before, after = (self._beyond(1, image_id, back=back) for back in (True, False))
        return before[0].id if before else None, after[0].id if after else None

    def _beyond(self, k: int, image_id: int | None, *, back: bool) -> list[Listed]:
        stretches, place = list(self.stretches), None
        if image_id is not None:
            within, place = self._place(image_id)
            stretches = stretches[: within + 1] if back else stretches[within:]
        found: list[Listed] = []
        for one in reversed(stretches) if back else stretches:
            found += one.beyond(self.session, k - len(found), place, back=back)
            if len(found) == k:
                break
            place = None
        return found

    def _place(self, image_id: int) -> tuple[int, Sequence[Any]]:
        """In which stretch a photo would be, and its keys there."""
        said = self.session.execute(
            select(Image.id, Details.taken_at).outerjoin(Details).where(Image.id == image_id)
        ).one_or_none()
        if said is None:
            raise AskpixError(f"there is no image {image_id} to go on from; ask for the list from its beginning")
        if said.taken_at is None or len(self.stretches) == 1:
            return len(self.stretches) - 1, [image_id]
        return 0, [said.taken_at, image_id]


def listing(library: Library, session: Session, plan: Plan, *, by_date: bool = True) -> Listing:
    """The photos that the filters and words of a plan let through; by date, or else the newest in the library first.

    Raises AskpixError when a filter cannot be understood.
    """
    allowed = search.allowed_ids(library, session, plan) if plan.on else None
    others = [] if any(part.value == "is:duplicate" for part in plan.of("where")) else _others(session, allowed)
    holds: tuple[ColumnElement[bool], ...] = (_HELD,)
    if allowed is not None:
        left_out = set(others)
        holds = (*holds, Image.id.in_(listed([i for i in allowed if i not in left_out])))
    elif others:
        holds = (*holds, Image.id.not_in(listed(others)))
    if not by_date:
        return Listing(session, (_Stretch(holds, (Image.id,), literal(""), _IMAGES),))
    # Joined this way around they are read in the order of the index over dates, without sorting all of them.
    keys = Details.taken_at, Details.image_id
    dated = _Stretch((*holds, Details.taken_at.is_not(None)), keys, _MONTH, join(Details, Image))
    undated = _Stretch((*holds, Image.id.not_in(_DATED)), (Image.id,), literal(""), _IMAGES)
    return Listing(session, (dated, undated))


def _others(session: Session, allowed: Sequence[int] | None) -> list[int]:
    """Those of the photos allowed that show the same as one that is listed: the best, or else the newest of them."""
    among = [] if allowed is None else [Image.id.in_(listed(allowed))]
    same: dict[int, list[int]] = defaultdict(list)
    for image_id, best in session.execute(
        # More than 0 is any id, and what SQLite finds by the index, as it does not what is not null.
        select(Image.id, Image.duplicate_of).where(Image.duplicate_of > 0, _HELD, *among).order_by(Image.id)
    ):
        same[best or image_id].append(image_id)
    there = set(session.scalars(select(Image.id).where(Image.id.in_(listed([*same])), _HELD, *among)))
    return [i for best, ids in same.items() for i in (ids if best in there else ids[:-1])]
