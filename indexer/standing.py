"""Standing questions, which new photos are asked as they are indexed: filled in like captions."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, exists, func, or_
from sqlalchemy.orm import Session

from indexer.filling import Filled, Kind
from indexer.kinds import READ_TOGETHER, seen_in
from indexer.looks import Looks
from searcher.answers import Column, keep_replies
from searcher.catalog import PEOPLE, Answer, Image
from searcher.intents import YES
from searcher.results import Reply
from searcher.tallies import label
from vlm.protocols import Answerer

ANSWERS = "answers"  # the name of the phase

Given = list[tuple[Column, Reply]]


def answers(answerer: Answerer, standing: Sequence[Sequence[Column]], looks: Looks | None) -> Kind:
    """The answers to standing questions, each put only after a yes to the one before it, if there is one; from what
    the answerer saw while encoding where that was kept."""

    def make(images: Sequence[Filled]) -> Sequence[Given]:
        made: list[Given] = [[] for _ in images]
        seen = seen_in(answerer, images, looks)
        for questions in standing:
            rows = list(range(len(images)))
            for column in questions:
                if seen is None or not rows:
                    break
                found = answerer.answer(seen.take(rows), [column.question] * len(rows))
                for row, answer in zip(rows, found, strict=True):
                    reply = Reply(images[row].path, column.question, answer.text, answer.confidence, answer.why)
                    made[row].append((column, reply))
                rows = [row for row in rows if label(made[row][-1][1]) == YES]
        return made

    def keep(session: Session, made: Mapping[int, Given]) -> None:
        for image_id, given in made.items():
            for column, reply in given:
                keep_replies(session, column, answerer.name, {image_id: reply})

    has = and_(*(_has(questions, answerer.name) for questions in standing))
    batch = max(READ_TOGETHER, answerer.batch)
    return Kind(ANSWERS, answerer.name, has, answerer.image_size, batch, make, keep, _told, looks or frozenset())


def _has(questions: Sequence[Column], model: str) -> ColumnElement[bool]:
    """Whether an image was asked the last question, or one before it whose answer is no yes, by the model or people."""

    def answered(column: Column, *holds: ColumnElement[bool]) -> ColumnElement[bool]:
        own = (Answer.question_id == column.id, Answer.image_id == Image.id, Answer.model.in_([model, PEOPLE]))
        return exists().where(*own, *holds)

    no = ~func.lower(Answer.text).startswith(YES)
    return or_(answered(questions[-1]), *(answered(column, no) for column in questions[:-1]))


def _told(given: Given) -> str:
    return ", ".join(f"{column.name}: {reply.told}" for column, reply in given)
