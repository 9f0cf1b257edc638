"""What a search or a question gives back, and how it is read from the catalog."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from searcher.catalog import Caption, Details, File, Image, Keyword, Tag
from vlm.protocols import CANNOT_TELL
from vlm.video import split_moment

UNSURE = 0.2  # a less likely answer is told as a guess


@dataclass(frozen=True)
class Photo:
    """An image of the library: where it is now, its upright size in pixels, and what was written about it."""

    id: int
    hash: str
    path: Path
    width: int
    height: int
    caption: str | None = None
    caption_confidence: float | None = None
    captioner: str | None = None
    tags: list[str] = field(default_factory=list)
    details: Details | None = None
    keywords: list[str] = field(default_factory=list)

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
            "path": str(self.photo.path),
            "score": round(self.score, 4),
            "confidence": round(self.confidence, 4),
            "caption": self.photo.caption,
            "why": self.why,
        }


@dataclass(frozen=True)
class Reply:
    """The answer to a question about one picture; `refused` says why there is none."""

    image: Path
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


def photos(session: Session, ids: Sequence[int], captioner: str) -> list[Photo]:
    """The images with these ids that a file still holds, in this order.

    Captions and tags are those that the model named `captioner` wrote, or else any other.
    """
    files: dict[int, File] = {}
    for file in session.scalars(
        select(File).where(File.image_id.in_(ids), File.missing_since.is_(None)).order_by(File.id.desc())
    ):
        files[file.image_id or 0] = file
    own_last = (Caption.model == captioner, Caption.created_at)
    captions = {
        c.image_id: c for c in session.scalars(select(Caption).where(Caption.image_id.in_(ids)).order_by(*own_last))
    }
    tags: dict[int, list[str]] = defaultdict(list)
    for tag in session.scalars(select(Tag).where(Tag.image_id.in_(ids)).order_by(Tag.score.desc())):
        if tag.image_id in captions and tag.model == captions[tag.image_id].model:
            tags[tag.image_id].append(tag.name)
    keywords: dict[int, list[str]] = defaultdict(list)
    for keyword in session.scalars(select(Keyword).where(Keyword.image_id.in_(ids)).order_by(Keyword.name)):
        keywords[keyword.image_id].append(keyword.name)
    details = {said.image_id: said for said in session.scalars(select(Details).where(Details.image_id.in_(ids)))}
    images = {image.id: image for image in session.scalars(select(Image).where(Image.id.in_(ids)))}
    return [
        replace(_photo(images[i], files[i], captions.get(i), tags[i]), details=details.get(i), keywords=keywords[i])
        for i in ids
        if i in images and i in files
    ]


def _photo(image: Image, file: File, caption: Caption | None, tags: list[str]) -> Photo:
    return Photo(
        id=image.id,
        hash=image.hash,
        path=file.path,
        width=image.width,
        height=image.height,
        caption=caption.text if caption else None,
        caption_confidence=caption.confidence if caption else None,
        captioner=caption.model if caption else None,
        tags=tags,
    )
