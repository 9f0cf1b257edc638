"""Filters of a search in SQL: the where-parts of a plan (searcher/query), all of which must hold."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, exists, false, func, or_, select, true
from sqlalchemy.orm import Session

from searcher import wordsearch
from searcher.catalog import (
    PEOPLE,
    Album,
    AlbumImage,
    Caption,
    Details,
    Edit,
    File,
    Image,
    Keyword,
    Question,
    Reading,
    Tag,
    to_sql,
)
from searcher.portable import listed
from searcher.query import FIELDS, Known, Plan, parse, rating_span, span
from searcher.told import counting
from vlm.errors import AskpixError
from vlm.raw import RAW
from vlm.video import VIDEO

Saved = Callable[[str], Sequence[int]]  # the ids of the images that a saved search finds

_TEXTS = {
    "camera": (Details.camera,),
    "lens": (Details.lens,),
    "place": (Details.city, Details.region, Details.country),
    "description": (Details.title, Details.description),
}
_WRITTEN = {"caption": "captions", "text": "reading"}  # words in these, by the index of words
_KINDS = {"raw": RAW, "video": VIDEO}


def known(session: Session) -> Known:
    """What the catalog can answer, by which queries are understood."""
    return Known(
        dated=bool(session.scalar(select(exists().where(Details.taken_at.is_not(None))))),
        places=lambda name: _is_place(session, name),
        columns=frozenset(session.scalars(select(Question.name))),
        today=date.today(),  # on the user's own clock, as photos are dated on their cameras'
    )


def read_filter(session: Session, where: str) -> tuple[str, ...]:
    """The terms of a filter that was typed, such as `tag:dog -path:2019`.

    Raises AskpixError naming what is allowed when it has anything else in it, or nothing.
    """
    plan = parse(where, known(session))
    if not plan.parts or any(part.kind != "where" for part in plan.parts):
        raise AskpixError(f"the filter {where!r} is to be field:value terms, for example: tag:dog -path:2019")
    return terms(plan)


def terms(plan: Plan) -> tuple[str, ...]:
    """The filters of a plan."""
    return tuple(part.value for part in plan.of("where"))


def select_ids(session: Session, wanted: Iterable[str], saved: Saved) -> Select[int]:
    """The ids of the images that all these terms let through.

    Raises AskpixError naming what is allowed when a term cannot be understood.
    """
    chosen = select(Image.id)
    for term in wanted:
        field, _, value = term.removeprefix("-").partition(":")
        condition = _condition(session, field, value, saved)
        chosen = chosen.where(~condition if term.startswith("-") else condition)
    return chosen


def _condition(session: Session, field: str, value: str, saved: Saved) -> ColumnElement[bool]:  # noqa: PLR0911  one a field
    match field:
        case "path":
            path = cast(File.folder, String) + "/" + cast(File.name, String)
            inside = path.icontains(to_sql(value), autoescape=True)
            return Image.id.in_(select(File.image_id).where(File.image_id.is_not(None), inside))
        case "caption" | "text":
            return Image.id.in_(wordsearch.having(value, _WRITTEN[field]))
        case "tag":
            return _tagged(value)
        case "keyword":
            return Image.id.in_(select(Keyword.image_id).where(_same(Keyword.name, value)))
        case "type":
            return _type(value)
        case "is":
            return _is(value)
        case "album":
            return _album(session, value, saved)
        case "date" | "rating" | "camera" | "lens" | "place" | "description":
            return Image.id.in_(select(Details.image_id).where(_said(field, value)))
    return _answered(session, field, value)


def _same(text: Any, value: str) -> ColumnElement[bool]:
    """Whether a text is this one, in any case; the function is that of our own in either database."""
    same: ColumnElement[bool] = func.case_folded(text) == value.casefold()
    return same


def _said(field: str, value: str) -> ColumnElement[bool]:
    """A condition on what the files say."""
    if field in _TEXTS:
        return or_(*(text.icontains(value, autoescape=True) for text in _TEXTS[field]))
    if field == "rating":
        return Details.rating.between(*rating_span(value))
    first, after = span(value)
    return and_(
        Details.taken_at.is_not(None),
        true() if first is None else Details.taken_at >= first,
        true() if after is None else Details.taken_at < after,
    )


def _tagged(name: str) -> ColumnElement[bool]:
    """A tag that people or a machine gave, and people did not take away; by an index, so in the usual cases."""
    this = Tag.name.in_({name, name.lower(), name.capitalize(), name.title(), name.upper()})
    removed = select(Tag.image_id).where(Tag.model == PEOPLE, Tag.score == 0, this)
    return and_(Image.id.in_(select(Tag.image_id).where(this)), Image.id.not_in(removed))


def _type(value: str) -> ColumnElement[bool]:
    kinds = {name: {suffix[1:] for suffix in suffixes} for name, suffixes in _KINDS.items()}
    file_format = func.lower(Image.format)
    if value == "photo":
        return file_format.not_in(set().union(*kinds.values()))
    return file_format.in_(kinds.get(value, {value}))


def _is(value: str) -> ColumnElement[bool]:
    if value == "duplicate":  # of one that is there
        present = select(File.image_id).where(File.missing_since.is_(None))
        return and_(Image.duplicate_of.is_not(None), Image.duplicate_of.in_(present))
    if value == "captioned":
        return Image.id.in_(select(Caption.image_id).where(Caption.text != ""))
    if value == "edited":
        return Image.id.in_(select(Edit.image_id))
    if value == "text":
        return Image.id.in_(select(Reading.image_id).where(Reading.text != ""))
    said = {
        "rated": Details.rating > 0,
        "dated": Details.taken_at.is_not(None),
        "placed": or_(*(place.is_not(None) for place in (Details.latitude, *_TEXTS["place"]))),
    }
    return Image.id.in_(select(Details.image_id).where(said[value]))


def _album(session: Session, name: str, saved: Saved) -> ColumnElement[bool]:
    album = session.scalar(select(Album).where(_same(Album.name, name)))
    if album is None:
        names = ", ".join(session.scalars(select(Album.name).order_by(Album.name))) or "none yet"
        raise AskpixError(f"there is no album {name!r}; there are: {names}")
    if album.query is not None:
        found = saved(album.query)
        return Image.id.in_(listed(found)) if found else false()
    return Image.id.in_(select(AlbumImage.image_id).where(AlbumImage.album_id == album.id))


def _answered(session: Session, field: str, value: str) -> ColumnElement[bool]:
    question = session.scalar(select(Question.id).where(Question.name == field))
    if question is None:
        allowed = ", ".join([*FIELDS, *session.scalars(select(Question.name).order_by(Question.name))])
        raise AskpixError(f"there is no field {field!r} to filter by; there are: {allowed}")
    told = counting(question).subquery().c
    return Image.id.in_(select(told.image_id).where(_same(told.told, value)))


def _is_place(session: Session, name: str) -> bool:
    """Whether some photo was taken in a city, region or country of that name."""
    likely = wordsearch.having(name, "places").limit(20)  # its words in any form; the name itself is looked up
    named = [_same(place, name) for place in _TEXTS["place"]]
    return bool(session.scalar(select(exists().where(Details.image_id.in_(likely), or_(*named)))))
