"""The photos that a question about the library is about, and what they have in common, counted with SQL."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, distinct, extract, func, select, tuple_
from sqlalchemy.orm import Session

from searcher import filters, search
from searcher.catalog import PEOPLE, Details, File, Image, Tag
from searcher.catalog_questions import Asked, By
from searcher.library import MOST_SAVED, Library
from searcher.portable import listed
from searcher.query import Known, Part, Plan, parse, typed
from vlm.raw import RAW
from vlm.video import VIDEO

MOST = 20  # rows of an answer, the most frequent
MOST_DATES = 400  # rows of a table of dates, in their order
_KINDS = {suffix[1:]: kind for kind, suffixes in (("raw", RAW), ("video", VIDEO)) for suffix in suffixes}
_PLACE = func.coalesce(Details.city, Details.region, Details.country)
_COLUMNS: dict[By, ColumnElement[Any] | Any] = {
    "camera": Details.camera,
    "lens": Details.lens,
    "city": Details.city,
    "country": Details.country,
    "place": _PLACE,
    "rating": Details.rating,
}
_FIELDS: dict[By, str] = {"city": "place", "country": "place", "year": "date", "month": "date", "day": "date"}
_WITHIN = ("camera", "lens", "city", "country", "place")  # filters that a part of the value meets
_MOST_OTHERS = 5  # values that hold another which are set apart from it in its query


@dataclass(frozen=True)
class Meant:
    """Some photos: the plan that finds them, their ids as a statement, and how likely each is, where that is a search.

    `ids` without a search are all that the filters let through.
    """

    plan: Plan
    ids: Select[int]
    likely: dict[int, float] | None = None

    def at_least(self, likelihood: float) -> Select[int]:
        """The ids of those that are as likely; of all without a search."""
        if self.likely is None:
            return self.ids
        return listed(i for i, likely in self.likely.items() if likely >= likelihood)

    def likelihood(self, ids: Sequence[int]) -> float:
        """How likely the likeliest of some of them is; 1 without a search."""
        return 1.0 if self.likely is None else max((self.likely[i] for i in ids), default=0.0)


def known(session: Session) -> Known:
    """What queries can ask for; a question may name a date whether any photo has one or not."""
    return replace(filters.known(session), dated=True)


def meant(library: Library, session: Session, asked: Asked) -> Meant:
    """The photos that a question is about: by filters, or by a search with the model's calibrated cutoff.

    Raises AskpixError when what they are about cannot be understood.
    """
    plan = _plan(session, asked)
    if plan.of("text"):
        likely = {hit.photo.id: hit.confidence for hit in library.search(plan, k=MOST_SAVED)}
        return Meant(plan, listed(likely), likely)
    allowed = search.allowed_ids(library, session, plan)
    ids = everything()
    return Meant(plan, ids if allowed is None else ids.where(Image.id.in_(listed(allowed))))


def everything() -> Select[int]:
    """The ids of all images that a file still holds."""
    present = select(File.image_id).where(File.missing_since.is_(None), File.image_id.is_not(None))
    return select(Image.id).where(Image.id.in_(present))


def _plan(session: Session, asked: Asked) -> Plan:
    told = known(session)
    parts = []
    for part in parse(asked.about, told).parts if asked.about else ():
        value = asked.thing(part.value) if part.kind == "text" else part.value
        if part.kind != "text":
            parts.append(part)
        elif told.places(bare := _bare(value)):
            parts.append(Part("where", f"place:{bare}", said=part.said))
        elif value.isdecimal() and len(value) == 4:
            parts.append(Part("where", f"date:{value}", said=part.said))
        elif value:
            parts.append(replace(part, value=value))
    return Plan((*parts, *(Part("where", term) for term in asked.terms)))


def _bare(name: str) -> str:
    """A name without its article."""
    first, _, rest = name.partition(" ")
    return rest if rest and first.lower() in ("the", "der", "die", "das", "dem", "den", "le", "la", "les") else name


def narrowed(plan: Plan, *terms: str) -> Plan:
    """The plan with more filters, without those it has."""
    has = {part.value for part in plan.parts}
    return Plan((*plan.parts, *(Part("where", term) for term in terms if term not in has)))


def query(session: Session, plan: Plan) -> str:
    """The query that leads to what a plan finds."""
    return typed(plan, known(session))


def count(session: Session, ids: Select[int], *holds: ColumnElement[bool]) -> int:
    """How many of some photos there are, of which the conditions on their details hold."""
    chosen = select(func.count()).select_from(Image).outerjoin(Details).where(Image.id.in_(ids), *holds)
    return session.scalar(chosen) or 0


def videos(session: Session, ids: Select[int]) -> int:
    """How many videos the moments among some photos are of."""
    from vlm.video import split_moment

    some = select(File.folder, File.name).where(File.image_id.in_(ids), File.missing_since.is_(None))
    named = ((folder, *split_moment(name)) for folder, name in session.execute(some))
    return len({(folder, name) for folder, name, seconds in named if seconds is not None})


def end(session: Session, ids: Select[int], *, newest: bool) -> tuple[int, date] | None:
    """The id and the day of the newest of some photos, or the oldest; None if none says when it was taken."""
    taken = Details.taken_at
    some = select(Details.image_id, taken).where(Details.image_id.in_(ids), taken.is_not(None))
    row = session.execute(some.order_by(taken.desc() if newest else taken, Details.image_id).limit(1)).first()
    return row and (row.image_id, row.taken_at.date())


def taken_on(session: Session, ids: Select[int], day: date) -> list[int]:
    """The ids of those of some photos that were taken on a day, the latest first."""
    begin = datetime.combine(day, time())
    within = and_(Details.taken_at >= begin, Details.taken_at < begin + timedelta(days=1))
    some = select(Details.image_id).where(Details.image_id.in_(ids), within)
    return list(session.scalars(some.order_by(Details.taken_at.desc(), Details.image_id)))


def counted(session: Session, by: By, ids: Select[int]) -> list[tuple[str, int]]:
    """The values that some photos have, with how many have each, the most frequent first."""
    if by == "tag":
        return _most(_tags(session, ids))
    if by == "type":
        name = func.lower(Image.format)
        found: Counter[str] = Counter()
        for one, number in session.execute(select(name, func.count()).where(Image.id.in_(ids)).group_by(name)):
            found[_KINDS.get(one, one)] += number
        return _most(found)
    parts = _moment(by) or (_COLUMNS[by],)
    some = select(*parts, func.count()).where(Details.image_id.in_(ids), *(part.is_not(None) for part in parts))
    rows = session.execute(some.group_by(*parts))
    return _most(Counter({_value(values): number for *values, number in rows}))


def _moment(by: By) -> tuple[ColumnElement[int], ...]:
    names = {"year": ("year",), "month": ("year", "month"), "day": ("year", "month", "day")}.get(by, ())
    return tuple(extract(name, Details.taken_at) for name in names)


def _value(values: Sequence[Any]) -> str:
    """A value, or the parts of a date: 2021-06."""
    return str(values[0]) + "".join(f"-{part:02}" for part in values[1:])


def _most(found: Counter[str]) -> list[tuple[str, int]]:
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def _tags(session: Session, ids: Select[int]) -> Counter[str]:
    """Tags that people did not take away, each once for an image."""
    removed = select(Tag.image_id, Tag.name).where(Tag.model == PEOPLE, Tag.score == 0)
    some = select(Tag.name, func.count(distinct(Tag.image_id))).where(
        Tag.image_id.in_(ids), tuple_(Tag.image_id, Tag.name).not_in(removed)
    )
    return Counter({row[0]: row[1] for row in session.execute(some.group_by(Tag.name))})


def terms(by: By, value: str, values: Sequence[str]) -> list[str]:
    """The filters that keep the photos with a value, and none of those whose value only holds it (New York, York)."""
    field = _FIELDS.get(by, by)
    holding = [one for one in values if one != value and value.casefold() in one.casefold()] if by in _WITHIN else []
    return [f"{field}:{value}", *(f"-{field}:{one}" for one in holding[:_MOST_OTHERS])]


def has(by: By) -> ColumnElement[bool]:
    """Whether a photo says what it is counted by, for conditions on details."""
    if by in ("year", "month", "day"):
        return Details.taken_at.is_not(None)
    column: ColumnElement[Any] = _COLUMNS[by]
    return column.is_not(None)
