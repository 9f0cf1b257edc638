"""Filters of a search: `field:value` terms, all of which must hold; a leading `-` turns one round."""

import shlex

from sqlalchemy import ColumnElement, Select, String, cast, exists, func, select
from sqlalchemy.orm import Session

from searcher.catalog import Answer, Caption, File, FileName, Image, Question, Tag
from vlm.errors import AskpixError

FIELDS = {
    "path": "part of the path",
    "caption": "words in the caption",
    "tag": "a tag, whole",
    "format": "jpeg, png, …",
}


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


def _condition(session: Session, field: str, value: str) -> ColumnElement[bool]:
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
    question = session.scalar(select(Question.id).where(Question.name == field))
    if question is None:
        asked = session.scalars(select(Question.name).order_by(Question.name)).all()
        allowed = ", ".join([*FIELDS, *asked])
        raise AskpixError(f"there is no field {field!r} to filter by; there are: {allowed}")
    return exists().where(
        Answer.image_id == Image.id, Answer.question_id == question, func.lower(Answer.text) == value.lower()
    )
