"""What a search or a question gives back, and how it is read from the catalog."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from searcher.catalog import PEOPLE, Caption, Details, File, Image, Keyword, Reading, Tag
from searcher.elsewhere import Where, where_is
from vlm.protocols import CANNOT_TELL
from vlm.video import split_moment

UNSURE = 0.2  # a less likely answer is told as a guess


@dataclass(frozen=True)
class Photo:
    """An image of the library: where it is now, its upright size in pixels, and what was written about it.

    `text` is what stands in it, if that was read; `duplicate_of` the better image that shows the same, if any.
    """

    id: int
    hash: str
    path: Where
    width: int
    height: int
    caption: str | None = None
    caption_confidence: float | None = None
    captioner: str | None = None
    tags: list[str] = field(default_factory=list)
    details: Details | None = None
    keywords: list[str] = field(default_factory=list)
    text: str = ""
    duplicate_of: int | None = None

    @property
    def seconds(self) -> float | None:
        """When in its video it is shown, if it is a moment of one."""
        return split_moment(self.path.name)[1]

    @property
    def place(self) -> str:
        """Where it was taken, in words, as far as that is known."""
        said = self.details
        return ", ".join(name for name in (said.city, said.region, said.country) if name) if said else ""


@dataclass(frozen=True)
class Hit:
    """A photo that a search found.

    `score` ranks; `confidence` is the calibrated probability of a match, 0..1; `why` is what each
    part of the query gave.
    """

    photo: Photo
    score: float
    confidence: float
    why: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The hit as the command line and the API print it."""
        return {
            "id": self.photo.id,
            "path": str(self.photo.path),
            "score": round(self.score, 4),
            "confidence": round(self.confidence, 4),
            "caption": self.photo.caption,
            "why": self.why,
        }


@dataclass(frozen=True)
class Reply:
    """The answer to a question about one picture; `refused` says why there is none."""

    image: Where
    question: str
    answer: str | None
    confidence: float = 0.0
    why: dict[str, Any] = field(default_factory=dict)
    refused: str | None = None

    @property
    def told(self) -> str:
        """The answer as people are told it: one that is likely wrong is no more than a guess."""
        if self.answer is None:
            return self.refused or ""
        if self.confidence >= UNSURE or self.answer == CANNOT_TELL:
            return self.answer
        return f"{CANNOT_TELL} (perhaps {self.answer})"

    def as_json(self) -> dict[str, Any]:
        """The reply as the command line and the API print it."""
        why = {"refused": self.refused} if self.refused else self.why
        return {
            "image": str(self.image),
            "question": self.question,
            "answer": self.answer,
            "confidence": round(self.confidence, 4),
            "why": why,
        }


def paths_of(session: Session, ids: Iterable[int]) -> dict[int, Where]:
    """Where the images with these ids are now, those that a file still holds: the file known longest, and one of this
    machine rather than one elsewhere."""
    rows = session.execute(
        select(File.image_id, File.folder, File.name, File.size, File.mtime_ns, File.start, Image.hash)
        .join(Image, Image.id == File.image_id)
        .where(File.image_id.in_(ids), File.missing_since.is_(None))
        .order_by(File.id.desc())
    )
    paths: dict[int, Where] = {}
    for row in rows:
        path = where_is(row.folder, row.name, row.size, row.mtime_ns, row.start)
        if isinstance(path, Path) or not isinstance(paths.get(row.image_id), Path):
            paths[row.image_id] = path if isinstance(path, Path) else path.holding(row.hash)
    return paths


def photos(session: Session, ids: Sequence[int], captioner: str) -> list[Photo]:
    """The images with these ids that a file still holds, in this order.

    Captions and tags are those that people wrote, or else the model named `captioner`, or else any other;
    tags that people took away are left out, and those they gave come first.
    """
    paths = paths_of(session, ids)
    captions = _captions(session, ids, captioner)
    tags = _tags(session, ids, captioner)
    keywords: dict[int, list[str]] = defaultdict(list)
    words = select(Keyword.image_id, Keyword.name).where(Keyword.image_id.in_(ids)).order_by(Keyword.name)
    for image_id, name in session.execute(words):
        keywords[image_id].append(name)
    read = select(Reading.image_id, Reading.text).where(Reading.image_id.in_(ids))
    text: dict[int, str] = {row.image_id: row.text for row in session.execute(read)}
    about = select(Image.id, Image.hash, Image.width, Image.height, Image.duplicate_of, Details).outerjoin(Details)
    images = {image.id: image for image in session.execute(about.where(Image.id.in_(ids)))}
    return [
        Photo(
            id=i,
            hash=images[i].hash,
            path=paths[i],
            width=images[i].width,
            height=images[i].height,
            caption=captions[i].text if i in captions else None,
            caption_confidence=captions[i].confidence if i in captions else None,
            captioner=captions[i].model if i in captions else None,
            tags=tags.get(i, []),
            details=images[i].Details,
            keywords=keywords[i],
            text=text.get(i, ""),
            duplicate_of=images[i].duplicate_of,
        )
        for i in ids
        if i in images and i in paths
    ]


def _captions(session: Session, ids: Sequence[int], captioner: str) -> dict[int, Any]:
    """Rows of text, confidence and model by image."""
    best_last = (Caption.model == PEOPLE, Caption.model == captioner, Caption.created_at)
    some = select(Caption.image_id, Caption.text, Caption.confidence, Caption.model).where(Caption.image_id.in_(ids))
    return {row.image_id: row for row in session.execute(some.order_by(*best_last))}


def _tags(session: Session, ids: Sequence[int], captioner: str) -> dict[int, list[str]]:
    """Names of tags by image: of people, then of one model, the likeliest first."""
    by_model: dict[int, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    some = select(Tag.image_id, Tag.model, Tag.name, Tag.score).where(Tag.image_id.in_(ids))
    for tag in session.execute(some.order_by(Tag.score.desc(), Tag.name)):
        by_model[tag.image_id][tag.model].append(tag)
    tags = {}
    for image_id, models in by_model.items():
        own = models.pop(PEOPLE, [])
        machine = models.get(captioner) or next(iter(models.values()), [])
        given = [tag.name for tag in own if tag.score]
        told = {tag.name.casefold() for tag in own}
        tags[image_id] = given + [tag.name for tag in machine if tag.name.casefold() not in told]
    return tags
