"""Questions about photos."""

from collections.abc import Iterable
from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from searcher import Photo, Reply
from webui.api.photos import Path, PhotoId, known_photo
from webui.api.texts import Shown, Text, told
from webui.api.topic import topic
from webui.chosen import photos_with
from webui.guard import EDITOR, VIEWER, demand, needs
from webui.library import current_library

MOST = 1_000  # photos that are asked at once

blueprint = topic("questions", "Ask photos.")


class Question(BaseModel):
    """A question, and the name of a column, if the answers are to be kept."""

    model_config = ConfigDict(extra="forbid")

    question: Text
    save_as: Text | None = Field(default=None, description="Keep the answers, for filters such as has_dog:yes.")


class QuestionToMany(Question):
    """A question to the photos with some ids, or to the hits of a search."""

    ids: Annotated[list[PhotoId], Field(max_length=MOST)] | None = None
    query: Text | None = None
    where: Text | None = Field(default=None, description="Filters besides the query, or alone.")
    k: int = Field(default=60, ge=1, le=MOST, description="How many hits are asked at most.")

    @model_validator(mode="after")
    def _check_one(self) -> "QuestionToMany":
        if (self.ids is not None) == (self.query is not None or self.where is not None):
            raise ValueError("say which photos to ask: either by ids, or by a query or where")
        return self


class ReplyShown(BaseModel):
    """The answer of one photo."""

    id: int
    path: Shown
    answer: str | None = Field(description="Null if there is none; refused says why.")
    confidence: float
    told: Shown = Field(description="The answer as people are told it: one that is likely wrong is a guess.")
    refused: Shown | None
    why: dict[str, Any]


class Replies(BaseModel):
    """Answers, in the order of the photos."""

    question: Text
    replies: list[ReplyShown]


@blueprint.post("/photos/<int:photo_id>/ask", responses={200: ReplyShown})
@needs(VIEWER)
def ask_photo(path: Path, body: Question) -> Response:
    """Ask one photo a question."""
    photo = known_photo(current_library(), path.photo_id)
    return told(_ask(body, [photo])[0])


@blueprint.post("/ask", responses={200: Replies})
@needs(VIEWER)
def ask(body: QuestionToMany) -> Response:
    """Ask many photos the same question; the answer comes when all are asked, a good tenth of a second each."""
    library = current_library()
    if body.ids is not None:
        photos = photos_with(library, list(dict.fromkeys(body.ids)))
    else:
        photos = [hit.photo for hit in library.search(body.query, where=body.where, k=body.k)]
    return told(Replies(question=body.question, replies=_ask(body, photos)))


def _ask(asked: Question, photos: list[Photo]) -> list[ReplyShown]:
    if asked.save_as is not None:
        demand(EDITOR)
    replies: Iterable[Reply] = current_library().ask(asked.question, photos, save_as=asked.save_as)
    return [
        ReplyShown(
            id=photo.id,
            path=str(photo.path),
            answer=reply.answer,
            confidence=reply.confidence,
            told=reply.told,
            refused=reply.refused,
            why=reply.why,
        )
        for photo, reply in zip(photos, replies, strict=True)
    ]
