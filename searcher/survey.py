"""A question asked of many photos: their answers as they come, and what they come to so far.

>>> for step in library.ask_all("how many of these are indoors?", library.plan("a dog")):
...     print(step.tally.asked, "of", step.tally.total, step.tally.sentence)
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from searcher import best, database, filters, search
from searcher.answers import Column, ask_in_turn, open_column
from searcher.asking import BATCH, check_question
from searcher.catalog import File
from searcher.intents import Intent, understand
from searcher.query import Part, Plan, typed
from searcher.results import Photo, Reply, photos
from searcher.seen import SeenCache
from searcher.tallies import Asked, Count, Step, empty
from vlm.protocols import CANNOT_TELL
from vlm.streams import batches
from vlm.unseen import unseen

if TYPE_CHECKING:
    from searcher.library import Library

MANY = 2_000  # photos, of more than which a sample is asked
SAMPLE = 400
MOST_FOUND = 10_000  # photos of a search

Photos = Iterable[Photo | int] | Plan | None


def chosen(library: "Library", question: str, query: str | None, where: str | None, k: int | None, few: int) -> Photos:
    """Whom to ask of what a search finds, or a filter lets through: the k best hits; unless k is given `few` where each
    is put the question as it stands, and all of them where it is about all.

    Raises AskpixError for an empty question, and as `Library.find` does.
    """
    plain = understand(check_question(question)).kind == "plain"
    if count := k or (few if plain else 0):
        return [hit.photo for hit in library.search(query, where=where, k=count)]
    plan = Plan() if query is None else library.plan(query)
    if where is not None:
        with database.session(library.engine) as session:
            terms = filters.read_filter(session, where)
        plan = Plan((*plan.parts, *(Part("where", term) for term in terms)))
    return plan


def prepare(library: "Library", question: str, meant: Photos, sample: int | None, seed: int) -> Asked:
    """Which photos are to be asked what; `sample` is how many at most, 0 for all, None to sample only from `MANY`."""
    question = check_question(question)
    intent = understand(question)
    ids = _ids(library, meant)
    most = (SAMPLE if len(ids) > MANY else 0) if sample is None else sample
    if not 0 < most < len(ids):
        return Asked(question, intent, ids, len(ids), None, None)
    if intent.kind == "best" and intent.said:  # the likeliest rather than any
        near = best.nearest(library, intent, ids, most)
        return Asked(question, intent, near, len(ids), most, None)
    drawn = random.Random(seed).sample(ids, most)  # noqa: S311
    return Asked(question, intent, drawn, len(ids), most, seed)


def carry_out(
    library: "Library", asked: Asked, *, save_as: str | None, keep: bool, stop: Callable[[], bool]
) -> Iterator[Step]:
    """Ask; a step for each batch once its answers are kept, and a last one with the whole tally."""
    if asked.intent.kind == "best":
        yield from best.rank(library, asked, keep, stop)
        return
    columns = _columns(library, asked.intent, save_as, keep)
    count = Count(asked.intent, replace(empty(asked), column=columns[-1].name), _terms(library, columns))
    started = time.monotonic()
    for replies in _answers(library, asked, columns):
        for photo, own in replies:
            count.add(photo.id, own)
        each = (time.monotonic() - started) / max(count.asked, 1)
        finished = count.asked >= len(asked.ids)
        tally = count.tally(finished=finished)
        told = [(photo, _told(asked, own[-1])) for photo, own in replies]
        yield Step(told, tally, each * (len(asked.ids) - count.asked))
        if finished or stop():
            return
    yield Step([], count.tally(finished=True))


def _told(asked: Asked, reply: Reply) -> Reply:
    """A reply to what was asked, which says why what was put to the photo if that was something else."""
    if reply.question == asked.question:
        return reply
    return replace(reply, question=asked.question, why={"asked": reply.question, **reply.why})


def _answers(library: "Library", asked: Asked, columns: Sequence[Column]) -> Iterator[list[tuple[Photo, list[Reply]]]]:
    lots = _lots(library, asked.ids)
    if asked.intent.kind == "plain" and (untold := unseen(asked.question)):
        why = {"reason": f"pictures do not tell {untold}"}
        for lot in lots:
            yield [(photo, [Reply(photo.path, asked.question, CANNOT_TELL, 0.0, why)]) for photo in lot]
        return
    pixels = library.settings.max_pixels
    cache = SeenCache(library.folder, library.answerer) if columns[-1].id is not None else None
    yield from ask_in_turn(library.engine, library.answerer, columns, lots, pixels, cache)


def _lots(library: "Library", ids: Sequence[int]) -> Iterator[list[Photo]]:
    for batch in batches(ids, BATCH):
        with database.session(library.engine) as session:
            yield photos(session, batch, library.captions_by)


def _columns(library: "Library", intent: Intent, save_as: str | None, keep: bool) -> list[Column]:
    """The columns of the questions that are put to photos in turn."""
    questions = [(intent.premise, None)] if intent.premise else []
    asked = [*questions, (intent.question, save_as)]
    if not keep:
        return [Column(question) for question, _ in asked]
    return [open_column(library.engine, question, name) for question, name in asked]


def _terms(library: "Library", columns: Sequence[Column]) -> Callable[[int, str], str | None]:
    with database.session(library.engine) as session:
        known = filters.known(session)

    def term(place: int, answer: str) -> str | None:
        name = columns[place].name
        return name and typed(Plan((Part("where", f"{name}:{answer}"),)), known)

    return term


def _ids(library: "Library", meant: Photos) -> list[int]:
    """The ids of the photos that are meant, each once; of a plan with words the hits, the best first."""
    if meant is not None and not isinstance(meant, Plan):
        return list(dict.fromkeys(one.id if isinstance(one, Photo) else one for one in meant))
    if meant is not None and any(part.kind in {"text", "like"} for part in meant.on):
        return [hit.photo.id for hit in library.find(meant, k=MOST_FOUND).hits]
    with database.session(library.engine) as session:
        present = select(File.image_id).where(File.missing_since.is_(None), File.image_id.is_not(None)).distinct()
        ids = [i for i in session.scalars(present.order_by(File.image_id.desc())) if i is not None]
        allowed = None if meant is None else search.allowed_ids(library, session, meant)
    if allowed is None:
        return ids
    let_through = set(allowed)
    return [i for i in ids if i in let_through]
