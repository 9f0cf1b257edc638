"""Columns of answers: listed, renamed, deleted, kept up to date as new photos come, corrected by people, sorted by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, distinct, func, select
from sqlalchemy.orm import Session

from searcher import database
from searcher.answers import AUTOMATIC, check_name
from searcher.catalog import PEOPLE, Answer, Image, Question, now
from searcher.told import counting
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher.library import Library
    from searcher.results import Hit

LONGEST_ANSWER = 200


@dataclass(frozen=True)
class ColumnInfo:
    """A question whose answers are kept under `name`: of how many photos, by which models, how many by people.

    `standing` says that new photos are asked as they are indexed, `automatic` that nobody named it.
    """

    name: str
    question: str
    standing: bool
    automatic: bool
    photos: int
    by_people: int
    models: list[str]
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """The column as the command line prints it."""
        return {**vars(self), "created_at": self.created_at.isoformat()}


def columns(library: "Library") -> list[ColumnInfo]:
    """All columns, those with a name of their own first."""
    with database.session(library.engine) as session:
        every = session.scalars(select(Question)).all()
        found = [_info(session, question) for question in every]
    return sorted(found, key=lambda one: (one.automatic, one.name))


def column(library: "Library", name: str) -> ColumnInfo:
    """One column; raises AskpixError when there is none of that name."""
    with database.session(library.engine) as session:
        return _info(session, _known(session, name))


def set_standing(library: "Library", name: str, standing: bool) -> ColumnInfo:
    """Have new photos asked as they are indexed, or no longer; raises AskpixError for an unknown name."""
    with database.writing(library.engine) as session:
        question = _known(session, name)
        question.standing = standing
        return _info(session, question)


def rename_column(library: "Library", name: str, new: str) -> ColumnInfo:
    """Give a column another name; raises AskpixError for an unknown one, and for one that is taken or cannot be."""
    check_name(new)
    with database.writing(library.engine) as session:
        question = _known(session, name)
        if new != name and session.scalar(select(Question.id).where(Question.name == new)) is not None:
            raise AskpixError(f"there is a column {new} already; choose another name, or delete that one first")
        question.name = new
        return _info(session, question)


def delete_column(library: "Library", name: str) -> None:
    """Forget a question and all answers to it, people's too; raises AskpixError for an unknown name."""
    with database.writing(library.engine) as session:
        question = _known(session, name)
        session.execute(delete(Answer).where(Answer.question_id == question.id))
        session.delete(question)


def correct_answer(library: "Library", image_id: int, name: str, text: str | None) -> None:
    """Have people answer a column's question about a photo, in place of any model; with None they no longer do.

    Raises AskpixError when there is no such photo or column, or the answer is empty or too long.
    """
    answer = None if text is None else _checked(text)
    with database.writing(library.engine) as session:
        question = _known(session, name)
        if session.get(Image, image_id) is None:
            raise AskpixError(f"there is no photo with the id {image_id} in this library")
        own = {"question_id": question.id, "image_id": image_id, "model": PEOPLE}
        session.execute(delete(Answer).filter_by(**own))
        if answer is not None:
            session.add(Answer(**own, text=answer, confidence=1.0, why={}, created_at=now()))


def answers_of(session: Session, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """For each photo its answers as they are told, by the names of columns that people gave."""
    found: dict[int, dict[str, str]] = {i: {} for i in ids}
    for number, name in named(session):
        told = counting(number).subquery().c
        for image_id, answer in session.execute(select(told.image_id, told.told).where(told.image_id.in_(ids))):
            found[image_id][name] = answer
    return found


def named(session: Session) -> list[tuple[int, str]]:
    """The ids and names of the columns that people named, by their names."""
    own = select(Question.id, Question.name).where(~Question.name.startswith(AUTOMATIC, autoescape=True))
    return [(row.id, row.name) for row in session.execute(own.order_by(Question.name))]


def sorted_by(library: "Library", hits: Sequence["Hit"], name: str) -> list["Hit"]:
    """Hits in the order of a column: numbers by size, other answers by the alphabet, the surest of each first, and
    those without an answer last.

    Raises AskpixError for an unknown name.
    """
    with database.session(library.engine) as session:
        told = counting(_known(session, name).id).subquery().c
        ids = [hit.photo.id for hit in hits]
        rows = session.execute(select(told.image_id, told.told, told.confidence).where(told.image_id.in_(ids)))
        answers = {image_id: (_key(answer), -confidence) for image_id, answer, confidence in rows}
    last = ((2, 0.0, ""), 0.0)
    return sorted(hits, key=lambda hit: answers.get(hit.photo.id, last))


def _key(answer: str) -> tuple[int, float, str]:
    try:
        return 0, float(answer), ""
    except ValueError:
        return 1, 0.0, answer.casefold()


def _known(session: Session, name: str) -> Question:
    question = session.scalar(select(Question).where(Question.name == name))
    if question is None:
        names = ", ".join(session.scalars(select(Question.name).order_by(Question.name))) or "none yet"
        raise AskpixError(f"there is no column {name!r}; there are: {names}")
    return question


def _info(session: Session, question: Question) -> ColumnInfo:
    own = Answer.question_id == question.id
    count, by_people = session.execute(
        select(func.count(distinct(Answer.image_id)), func.count().filter(Answer.model == PEOPLE)).where(own)
    ).one()
    models = session.scalars(select(Answer.model).distinct().where(own, Answer.model != PEOPLE).order_by(Answer.model))
    return ColumnInfo(
        name=question.name,
        question=question.text,
        standing=question.standing,
        automatic=question.name.startswith(AUTOMATIC),
        photos=count,
        by_people=by_people,
        models=list(models),
        created_at=question.created_at,
    )


def _checked(text: str) -> str:
    text = " ".join(text.split())
    if not text or len(text) > LONGEST_ANSWER:
        raise AskpixError(f"an answer has 1 to {LONGEST_ANSWER} characters; {len(text):,} were given")
    return text
