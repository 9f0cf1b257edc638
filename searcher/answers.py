"""Answers kept as columns: a named question with one answer an image and model."""

import re
from collections.abc import Iterator, Sequence

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from searcher.asking import BATCH, ask_pictures
from searcher.catalog import Answer, Question
from searcher.database import session, writing
from searcher.query import FIELDS
from searcher.results import Photo, Reply
from vlm.errors import AskpixError
from vlm.protocols import Answerer
from vlm.streams import batches

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def ask_and_keep(
    engine: Engine, answerer: Answerer, question: str, name: str, photos: Sequence[Photo], max_pixels: int
) -> Iterator[Reply]:
    """Answer for each photo in order, keeping new answers in the column `name` batch by batch.

    Raises AskpixError when the name is no column name, or keeps the answers to another question.
    """
    with writing(engine) as opened:
        column = _column(opened, name, question)
    for batch in batches(photos, BATCH):
        known = _known(engine, column, answerer.name, batch)
        new = [photo for photo in batch if photo.id not in known]
        replies = ask_pictures(answerer, ((photo.path, question) for photo in new), max_pixels)
        fresh = dict(zip((photo.id for photo in new), replies, strict=True))
        with writing(engine) as opened:
            opened.add_all(
                Answer(
                    question_id=column,
                    image_id=image_id,
                    model=answerer.name,
                    text=reply.answer,
                    confidence=reply.confidence,
                    why=reply.why,
                )
                for image_id, reply in fresh.items()
                if reply.answer is not None
            )
        yield from (known.get(photo.id) or fresh[photo.id] for photo in batch)


def _known(engine: Engine, column: int, model: str, batch: Sequence[Photo]) -> dict[int, Reply]:
    path = {photo.id: photo.path for photo in batch}
    kept = (
        select(Answer, Question.text)
        .join(Question)
        .where(Answer.question_id == column, Answer.model == model, Answer.image_id.in_(path))
    )
    with session(engine) as opened:
        return {
            answer.image_id: Reply(path[answer.image_id], question, answer.text, answer.confidence, answer.why)
            for answer, question in opened.execute(kept)
        }


def _column(opened: Session, name: str, question: str) -> int:
    if not _NAME.fullmatch(name) or name in FIELDS:
        raise AskpixError(
            f"{name!r} cannot name a column; take small letters, digits and _, such as has_dog, and none of: "
            + ", ".join(FIELDS)
        )
    column = opened.scalar(select(Question).where(Question.name == name))
    if column is None:
        column = Question(name=name, text=question)
        opened.add(column)
        opened.flush()
    elif column.text != question:
        raise AskpixError(f"the column {name} keeps the answers to {column.text!r}; choose another name")
    return column.id
