"""Questions about photos: one, or many with what their answers come to, at once or as they come."""

import json
from collections.abc import Iterator
from itertools import chain
from threading import BoundedSemaphore
from typing import Annotated, Any

from flask import Response, current_app, request, stream_with_context
from pydantic import BaseModel, ConfigDict, Field, model_validator

from searcher import Library, Photo, Reply, survey
from searcher.followups import REMEMBERED, Turn, resolve
from searcher.tallies import Step
from vlm.errors import AskpixError
from webui.api.photos import Path, PhotoId, known_photo
from webui.api.texts import Shown, Text, told
from webui.api.topic import topic
from webui.chosen import photos_with
from webui.events import MOST_OPEN
from webui.guard import EDITOR, VIEWER, demand, may, needs
from webui.library import current_library
from webui.overload import RETRY_AFTER, come_again

MOST = 1_000  # photos that are named, or found and put a question one by one
FEW = 60  # of them unless k says how many
EVENTS = "text/event-stream"

blueprint = topic("questions", "Ask photos.")


class Question(BaseModel):
    """A question, and the name of a column, if the answers are to be kept."""

    model_config = ConfigDict(extra="forbid")

    question: Text
    save_as: Text | None = Field(default=None, description="Keep the answers, for filters such as has_dog:yes.")


class TurnBefore(BaseModel):
    """A question that was asked before, and how it was answered."""

    model_config = ConfigDict(extra="forbid")

    question: Text
    answer: Text


class QuestionToOne(Question):
    """A question, which may follow others: "and what colour is it?"."""

    thread: Annotated[list[TurnBefore], Field(max_length=REMEMBERED)] = Field(
        default=[], description="What was asked before of the photo, the latest last."
    )


class QuestionToMany(Question):
    """A question to the photos with some ids, to the hits of a search, or to all photos."""

    ids: Annotated[list[PhotoId], Field(max_length=MOST)] | None = None
    query: Text | None = None
    where: Text | None = Field(default=None, description="Filters besides the query, or alone.")
    all: bool = Field(default=False, description="Ask all photos of the library.")
    k: int | None = Field(
        default=None,
        ge=1,
        le=MOST,
        description=f"How many hits are asked at most: {FEW}, or all where the question is about all, unless said.",
    )
    sample: int | None = Field(
        default=None,
        ge=0,
        description="How many photos, drawn by chance: 400 of more than 2,000, unless said; 0 for all.",
    )
    seed: int = Field(default=0, description="Another one draws others.")

    @model_validator(mode="after")
    def _check_one(self) -> "QuestionToMany":
        if [self.ids is not None, self.query is not None or self.where is not None, self.all].count(True) != 1:
            raise ValueError("say which photos to ask: either by ids, or by a query or where, or all")
        return self


class ReplyShown(BaseModel):
    """The answer of one photo."""

    id: int
    path: Shown
    question: Shown = Field(description="What was asked, in full where it followed others.")
    answer: str | None = Field(description="Null if there is none; refused says why.")
    confidence: float
    told: Shown = Field(description="The answer as people are told it: one that is likely wrong is a guess.")
    refused: Shown | None
    why: dict[str, Any]


class RowShown(BaseModel):
    """An answer, and the photos that have it."""

    label: Shown
    count: int = Field(description="Of all photos that are meant; by a sample what its share makes of them.")
    ids: list[int] = Field(description="The photos behind it, of those that were asked.")
    share: float = Field(description="Of those that were asked; of the best photos the score.")
    interval: tuple[float, float] | None = Field(description="Of a sample the 95 % interval of the share.")
    term: Shown | None = Field(description="The filter that leads to them; null where answers are not kept.")
    parts: dict[str, float] = Field(description="Of the best photos what made the score.")


class RefusedShown(BaseModel):
    """A photo that could not be read."""

    id: int
    reason: Shown


class Summary(BaseModel):
    """What the answers come to."""

    kind: str = Field(description="count, things, which, table, best or plain.")
    question: str = Field(description="What was put to each photo.")
    sentence: str
    rows: list[RowShown]
    total: int = Field(description="How many photos are meant.")
    asked: int
    sample: int | None
    seed: int | None
    wanted: str | None = Field(description="The answer that counts, if one does.")
    column: str | None = Field(description="The name that the answers are kept under.")
    unclear: RowShown | None = Field(description="Those that cannot be told.")
    refused: list[RefusedShown]
    finished: bool


class Replies(BaseModel):
    """Answers, in the order of the photos, and what they come to."""

    question: Text
    replies: list[ReplyShown]
    summary: Summary


@blueprint.post("/photos/<int:photo_id>/ask", responses={200: ReplyShown})
@needs(VIEWER)
def ask_photo(path: Path, body: QuestionToOne) -> Response:
    """Ask one photo a question."""
    library = current_library()
    photo = known_photo(library, path.photo_id)
    if body.save_as is not None:
        demand(EDITOR)
    question = resolve([Turn(before.question, before.answer) for before in body.thread], body.question)
    (reply,) = library.ask(question, [photo], save_as=body.save_as)
    return told(reply_shown(photo, reply))


@blueprint.post("/ask", responses={200: Replies})
@needs(VIEWER)
def ask(body: QuestionToMany) -> Response:
    """Ask many photos the same question.

    The answer comes when all are asked. With Accept: text/event-stream it comes as server-sent events while they are:
    progress (asked, total, seconds_left, sentence), answer (as in replies), and at the end summary, or refused. To
    close the connection stops it; what was answered is kept.
    """
    if body.save_as is not None:
        demand(EDITOR)
    asked = _steps(current_library(), body)
    steps = chain([next(asked)], asked)  # what is wrong with the question is told with a status
    if request.accept_mimetypes.best_match(["application/json", EVENTS]) == EVENTS:
        return _stream(steps)
    replies = []
    for step in steps:
        last = step
        replies += [reply_shown(*one) for one in step.replies]
    return told(Replies(question=body.question, replies=replies, summary=summary_shown(last)))


def reply_shown(photo: Photo, reply: Reply) -> ReplyShown:
    """The answer of a photo as the API tells it."""
    return ReplyShown(
        id=photo.id,
        path=str(photo.path),
        question=reply.question,
        answer=reply.answer,
        confidence=reply.confidence,
        told=reply.told,
        refused=reply.refused,
        why=reply.why,
    )


def summary_shown(step: Step) -> Summary:
    """What the answers come to so far, as the API tells it."""
    return Summary.model_validate(step.tally.as_json())


def _steps(library: Library, body: QuestionToMany) -> Iterator[Step]:
    meant: survey.Photos = None
    if body.ids is not None:
        meant = photos_with(library, list(dict.fromkeys(body.ids)))
    elif not body.all:
        meant = survey.chosen(library, body.question, body.query, body.where, body.k, FEW)
    return library.ask_all(
        body.question, meant, save_as=body.save_as, sample=body.sample, seed=body.seed, keep=may(EDITOR)
    )


def _stream(steps: Iterator[Step]) -> Response:
    """Steps as events; as few at a time as other streams, each of which holds one of the server's threads."""
    places: BoundedSemaphore = current_app.extensions.setdefault("streams", BoundedSemaphore(MOST_OPEN))
    if not places.acquire(blocking=False):
        said = "too many answers are streamed at this time; ask again in a moment, or without text/event-stream"
        return come_again(said, RETRY_AFTER)
    response = Response(stream_with_context(_events(steps)), mimetype=EVENTS)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # a proxy is to pass events on as they come
    response.call_on_close(places.release)
    return response


def _events(steps: Iterator[Step]) -> Iterator[str]:
    try:
        for step in steps:
            last = step
            yield from _told(step)
    except AskpixError as error:
        yield _event("refused", {"said": str(error)})
        return
    yield _event("summary", summary_shown(last).model_dump(mode="json"))


def _told(step: Step) -> Iterator[str]:
    for photo, reply in step.replies:
        yield _event("answer", reply_shown(photo, reply).model_dump(mode="json"))
    tally = step.tally
    progress = {"asked": tally.asked, "total": tally.sample or tally.total, "sentence": tally.sentence}
    yield _event("progress", {**progress, "seconds_left": step.seconds_left})


def _event(name: str, said: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(said)}\n\n"
