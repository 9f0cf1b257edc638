"""Filters of a search: `field:value` terms, all of which must hold; a leading `-` turns one round."""

import re
import shlex
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, String, and_, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from searcher.catalog import Answer, Caption, Details, File, FileName, Image, Keyword, Question, Tag
from vlm.errors import AskpixError

FIELDS = {
    "path": "part of the path",
    "caption": "words in the caption",
    "tag": "a tag, whole",
    "format": "jpeg, png, …",
    "taken": "a year, month or day: 2019, 2019-07, 2019-07-14",
    "after": "taken on that day, or in that year or month, or later",
    "before": "taken before that day, month or year",
    "camera": "part of the camera's name",
    "lens": "part of the lens's name",
    "place": "part of the name of a city, region or country",
    "keyword": "a keyword that people gave, whole",
    "description": "words in the title or description that people gave",
    "rating": "that many stars or more",
}
_TEXTS = {
    "camera": (Details.camera,),
    "lens": (Details.lens,),
    "place": (Details.city, Details.region, Details.country),
    "description": (Details.title, Details.description),
}
_DAY = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", re.ASCII)


def select_ids(session: Session, where: str) -> Select[int]:
    """The ids of the images that a filter such as `tag:dog -path:2019 has_dog:yes` lets through.

    Raises AskpixError naming what is allowed when a term cannot be understood.
    """
    try:
        terms = shlex.split(where)
    except ValueError as error:
        raise AskpixError(f"the filter {where!r} has a quotation mark without its partner") from error
    if not terms:
        raise AskpixError("the filter is empty; write it as field:value, for example tag:dog")
    chosen = select(Image.id)
    for term in terms:
        field, colon, value = term.removeprefix("-").partition(":")
        if not colon or not value:
            raise AskpixError(f"the filter term {term!r} is not field:value, for example tag:dog")
        condition = _condition(session, field, value)
        chosen = chosen.where(~condition if term.startswith("-") else condition)
    return chosen


def _condition(session: Session, field: str, value: str) -> ColumnElement[bool]:  # noqa: PLR0911  one a field
    match field:
        case "path":
            path = cast(File.folder, String) + "/" + cast(File.name, String)
            stored = FileName().process_bind_param(value, session.get_bind().dialect) or ""
            return exists().where(File.image_id == Image.id, path.icontains(stored, autoescape=True))
        case "caption":
            return exists().where(Caption.image_id == Image.id, Caption.text.icontains(value, autoescape=True))
        case "tag":
            return exists().where(Tag.image_id == Image.id, func.lower(Tag.name) == value.lower())
        case "format":
            return func.lower(Image.format) == value.lower()
        case "keyword":
            return exists().where(Keyword.image_id == Image.id, func.lower(Keyword.name) == value.lower())
        case _ if field in _TEXTS or field in {"taken", "after", "before", "rating"}:
            return exists().where(Details.image_id == Image.id, _said(field, value))
    question = session.scalar(select(Question.id).where(Question.name == field))
    if question is None:
        asked = session.scalars(select(Question.name).order_by(Question.name)).all()
        allowed = ", ".join([*FIELDS, *asked])
        raise AskpixError(f"there is no field {field!r} to filter by; there are: {allowed}")
    return exists().where(
        Answer.image_id == Image.id, Answer.question_id == question, func.lower(Answer.text) == value.lower()
    )


def _said(field: str, value: str) -> ColumnElement[bool]:
    """A condition on what the files say."""
    if field in _TEXTS:
        return or_(*(text.icontains(value, autoescape=True) for text in _TEXTS[field]))
    if field == "rating":
        if value not in {"1", "2", "3", "4", "5"}:
            raise AskpixError(f"{value!r} is no rating; write 1 to 5, for example rating:4")
        return Details.rating >= int(value)
    first, next_one = _span(value)
    since, until = Details.taken_at >= first, Details.taken_at < (first if field == "before" else next_one)
    return {"after": since, "before": until, "taken": and_(since, until)}[field]


def _span(value: str) -> tuple[datetime, datetime]:
    """The first moment of a year, month or day, and that of the next."""
    found = _DAY.fullmatch(value)
    try:
        if found is None:
            raise ValueError(value)
        year, month, day = (int(part) if part else None for part in found.groups())
        first = datetime(year or 0, month or 1, day or 1)
        if day:
            return first, first + timedelta(days=1)
        if month:
            return first, (first + timedelta(days=32)).replace(day=1)
        return first, first.replace(year=first.year + 1)
    except (ValueError, OverflowError) as error:
        raise AskpixError(f"{value!r} is no date; write 2019, 2019-07 or 2019-07-14") from error
