"""All that is known of one photo, as the API shows it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from searcher import Library, Photo, database
from searcher.catalog import Answer, Caption, Question, Tag
from webui.about import about
from webui.api.shown import PhotoShown, photo_shown
from webui.api.texts import ByTheClock, Shown


class _Read(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class DetailsShown(_Read):
    """What the files of a photo say about it."""

    taken_at: ByTheClock | None = Field(description="By the camera's clock; zone says which, if it is known.")
    zone: str | None
    camera: str | None
    lens: str | None
    title: str | None
    description: str | None
    rating: int | None = Field(description="0 to 5, or -1 for rejected.")
    latitude: float | None = Field(description="In degrees (WGS 84).")
    longitude: float | None
    city: str | None
    region: str | None
    country: str | None


class CaptionShown(_Read):
    """A caption, and which model wrote it; "people" if they did."""

    model: str
    text: str
    confidence: float


class TagShown(_Read):
    """A tag with its probability, and which model gave it; people's are 1, or 0 for one that they took away."""

    model: str
    name: str
    score: float


class LineShown(BaseModel):
    """A line of text in the picture; its box is left, top, width and height as shares of the picture."""

    text: str
    confidence: float
    box: list[float]


class AnswerShown(BaseModel):
    """The answer to a question that is kept under a name, by which can be filtered."""

    name: str
    question: str
    answer: str
    confidence: float
    model: str


class Record(PhotoShown):
    """All that is known of a photo."""

    hash: str
    paths: list[Shown] = Field(description="All files that hold it.")
    details: DetailsShown | None
    keywords: list[str] = Field(description="What its files say that people gave it.")
    captions: list[CaptionShown]
    scores: list[TagShown] = Field(description="Tags with their scores, the likeliest first.")
    text: str = Field(description="What is written in the picture, as far as it was read.")
    lines: list[LineShown]
    answers: list[AnswerShown]
    albums: list[str] = Field(description="Those that it was put into.")
    duplicate_of: int | None = Field(description="The best of the photos that show the same, if another.")
    duplicates: list[int] = Field(description="The other photos that show the same, the best first.")


def record(library: Library, photo: Photo) -> Record:
    """Look it up in the catalog."""
    known = about(library, photo)
    captions = select(Caption).where(Caption.image_id == photo.id).order_by(Caption.model)
    tags = select(Tag).where(Tag.image_id == photo.id).order_by(Tag.score.desc(), Tag.name)
    answers = select(Question, Answer).join(Answer).where(Answer.image_id == photo.id).order_by(Question.name)
    with database.session(library.engine) as session:
        return Record(
            **dict(photo_shown(photo)),
            hash=photo.hash,
            paths=list(map(str, known.files)),
            details=DetailsShown.model_validate(photo.details) if photo.details else None,
            keywords=photo.keywords,
            captions=[CaptionShown.model_validate(caption) for caption in session.scalars(captions)],
            scores=[TagShown.model_validate(tag) for tag in session.scalars(tags)],
            text=photo.text,
            lines=[LineShown(**line) for line in known.lines],
            answers=[_answer(question, answer) for question, answer in session.execute(answers)],
            albums=known.albums,
            duplicate_of=photo.duplicate_of,
            duplicates=[same.id for same in known.same],
        )


def _answer(question: Question, answer: Answer) -> AnswerShown:
    said: dict[str, Any] = {"answer": answer.text, "confidence": answer.confidence, "model": answer.model}
    return AnswerShown(name=question.name, question=question.text, **said)
