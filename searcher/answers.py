"""Answers kept as columns: a named question with one answer an image and model.

People's answers count before any model's. What nobody gave a name is kept too, under one that is made of the question,
so that it is answered without asking again when it comes again.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from searcher.asking import BATCH, look_ahead
from searcher.catalog import PEOPLE, Answer, Question, now
from searcher.database import insert_new, session, writing
from searcher.elsewhere import Where
from searcher.intents import YES, premise_of
from searcher.query import FIELDS
from searcher.results import Photo, Reply
from searcher.seen import SeenCache
from searcher.tallies import label
from vlm.errors import AskpixError
from vlm.protocols import Answerer, Seen
from vlm.streams import batches

AUTOMATIC = "asked_"  # how names begin that nobody gave
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SLUG = 40  # letters of a question in a name


@dataclass(frozen=True)
class Column:
    """A question that is put to photos; its answers are kept under `name`, unless that is None."""

    question: str
    name: str | None = None
    id: int | None = None


@dataclass
class _Asked:
    """A photo with the replies that are known by the places of their columns, and those that it came to."""

    photo: Photo
    known: dict[int, Reply]
    replies: list[Reply] = field(default_factory=list)

    def next(self, columns: int) -> int | None:
        """The place of the column that is to be asked next, if any is."""
        while len(self.replies) < columns and (not self.replies or label(self.replies[-1]) == YES):
            place = len(self.replies)
            if place not in self.known:
                return place
            self.replies.append(self.known[place])
        return None


def ask_and_keep(
    engine: Engine,
    answerer: Answerer,
    question: str,
    name: str,
    photos: Sequence[Photo],
    max_pixels: int,
    cache: SeenCache | None = None,
) -> Iterator[Reply]:
    """Answer for each photo in order, keeping new answers in the column `name` batch by batch.

    Raises AskpixError when the name is no column name, or keeps the answers to another question.
    """
    column = open_column(engine, question, name)
    for batch in ask_in_turn(engine, answerer, [column], batches(photos, BATCH), max_pixels, cache):
        yield from (replies[-1] for _, replies in batch)


def ask_in_turn(
    engine: Engine,
    answerer: Answerer,
    columns: Sequence[Column],
    lots: Iterable[Sequence[Photo]],
    max_pixels: int,
    cache: SeenCache | None = None,
) -> Iterator[list[tuple[Photo, list[Reply]]]]:
    """Ask each photo the columns' questions in turn, going on to the next one only after a yes; lot by lot.

    Each photo comes with its replies. What is known is not asked again, and what is new is kept before it is given;
    what was seen is kept in the `cache`.
    """
    hashes: dict[Where, str] = {}  # of the photos that are under way

    def begun() -> Iterator[tuple[list[_Asked], list[Where]]]:
        for lot in lots:
            known = [_known(engine, column, answerer.name, lot) for column in columns]
            some = [
                _Asked(photo, {i: one[photo.id] for i, one in enumerate(known) if photo.id in one}) for photo in lot
            ]
            todo = [asked.photo for asked in some if asked.next(len(columns)) is not None]
            hashes.update((photo.path, photo.hash) for photo in todo)
            yield some, [photo.path for photo in todo]

    def known(path: Where) -> Seen | None:
        return cache.read(hashes[path]) if cache else None

    def keep(paths: Sequence[Where], seen: Seen) -> None:
        if cache:
            cache.keep([hashes[path] for path in paths], seen)

    for some, looked in look_ahead(answerer, begun(), max_pixels, known, keep):
        for place, column in enumerate(columns):
            todo = [asked for asked in some if asked.next(len(columns)) == place]
            replies = looked.ask([(asked.photo.path, column.question) for asked in todo])
            for asked, reply in zip(todo, replies, strict=True):
                asked.known[place] = reply
            if todo and column.id is not None:
                with writing(engine) as opened:
                    keep_replies(opened, column, answerer.name, {one.photo.id: one.known[place] for one in todo})
        for asked in some:
            asked.next(len(columns))
            hashes.pop(asked.photo.path, None)
        yield [(asked.photo, asked.replies) for asked in some]


def open_column(engine: Engine, question: str, name: str | None) -> Column:
    """The column of a question under that name, or without one under that which it has, or is made of it.

    Raises AskpixError when the name is no column name, or keeps the answers to another question.
    """
    with writing(engine) as opened:
        column = _named(opened, question, name) if name is not None else _unnamed(opened, question)
        return Column(question, column.name, column.id)


def standing(engine: Engine) -> list[list[Column]]:
    """The questions that new photos are asked, each with the one that must be answered with yes before, if any."""
    with session(engine) as opened:
        kept = [(one.text, one.name) for one in opened.scalars(select(Question).where(Question.standing))]
    return [
        [open_column(engine, *one) for one in ((premise_of(text), None), (text, name)) if one[0] is not None]
        for text, name in kept
    ]


def check_name(name: str) -> str:
    """The name of a column; raises AskpixError when it cannot be one."""
    if not _NAME.fullmatch(name) or name in FIELDS:
        raise AskpixError(
            f"{name!r} cannot name a column; take small letters, digits and _, such as has_dog, and none of: "
            + ", ".join(FIELDS)
        )
    return name


def _named(opened: Session, question: str, name: str) -> Question:
    check_name(name)
    column = opened.scalar(select(Question).where(Question.name == name))
    if column is None:
        of_it = Question.text == question, Question.name.startswith(AUTOMATIC, autoescape=True)
        column = opened.scalar(select(Question).where(*of_it))
        if column is None:
            return _made(opened, question, name)
        column.name = name  # it was asked before without one
    elif column.text != question:
        raise AskpixError(f"the column {name} keeps the answers to {column.text!r}; choose another name")
    return column


def _unnamed(opened: Session, question: str) -> Question:
    of_it = select(Question).where(Question.text == question).order_by(Question.name.startswith(AUTOMATIC))
    column = opened.scalar(of_it.limit(1))
    if column is not None:
        return column
    slug = re.sub(r"[^a-z0-9]+", "_", question.lower())[:_SLUG].strip("_")
    taken = not slug or opened.scalar(select(Question.id).where(Question.name == AUTOMATIC + slug)) is not None
    digest = hashlib.sha256(question.encode()).hexdigest()[:8]
    return _made(opened, question, AUTOMATIC + (f"{slug}_{digest}".strip("_") if taken else slug))


def _made(opened: Session, question: str, name: str) -> Question:
    column = Question(name=name, text=question)
    opened.add(column)
    opened.flush()
    return column


def _known(engine: Engine, column: Column, model: str, photos: Sequence[Photo]) -> dict[int, Reply]:
    """The replies that photos have, people's before the model's."""
    if column.id is None:
        return {}
    path = {photo.id: photo.path for photo in photos}
    kept = (
        select(Answer)
        .where(Answer.question_id == column.id, Answer.model.in_([model, PEOPLE]), Answer.image_id.in_(path))
        .order_by(Answer.model == PEOPLE)
    )
    with session(engine) as opened:
        return {
            answer.image_id: Reply(path[answer.image_id], column.question, answer.text, answer.confidence, answer.why)
            for answer in opened.scalars(kept)
        }


def keep_replies(session: Session, column: Column, model: str, replies: Mapping[int, Reply]) -> None:
    """Keep a model's replies by the photos' ids, but those that it has given before."""
    own = {"question_id": column.id, "model": model, "created_at": now()}
    rows = [
        {**own, "image_id": i, "text": reply.answer, "confidence": reply.confidence, "why": reply.why}
        for i, reply in replies.items()
        if reply.answer is not None
    ]
    insert_new(session, Answer, rows)  # another process may have asked the same meanwhile
