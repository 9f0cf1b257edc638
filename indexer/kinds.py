"""The kinds of things that are filled in: captions with tags, and the text that stands in images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists
from sqlalchemy.orm import Session

from indexer.filling import Filled, Kind, fulfil
from indexer.looks import Looks
from searcher import Library
from searcher.catalog import Caption, Image, Reading, Tag
from vlm.console import told
from vlm.protocols import Captioner, Description, Looker, Seen

if TYPE_CHECKING:
    from vlm.reading import Line, Reader

CAPTIONS, TEXT = "captions", "text"  # the names of their phases
READ_TOGETHER = 8  # images; reading is slow, and what is read is committed


def captions(library: Library, captioner: Captioner, looks: Looks | None, *, last: bool = True) -> Kind:
    """Captions and tags by a captioner, from what it saw while encoding where that was kept; `last` if nothing else is
    written from it."""
    by, language = library.captions_by, library.settings.caption_language

    def make(images: Sequence[Filled]) -> Sequence[Description]:
        seen = seen_in(captioner, images, looks, last=last)
        return captioner.describe(seen, language) if seen else []

    def keep(session: Session, made: Mapping[int, Description]) -> None:
        for table in (Caption, Tag):
            session.execute(delete(table).where(table.image_id.in_(made), table.model == by))
        session.add_all(
            Caption(image_id=i, model=by, text=one.caption, confidence=one.confidence) for i, one in made.items()
        )
        for image_id, one in made.items():
            best = {tag.name: tag.score for tag in sorted(one.tags, key=lambda tag: tag.score)}
            session.add_all(Tag(image_id=image_id, model=by, name=name, score=score) for name, score in best.items())
        fulfil(session, made)

    has = exists().where(Caption.image_id == Image.id, Caption.model == by)
    batch = max(READ_TOGETHER, captioner.batch)
    return Kind(CAPTIONS, captioner.name, has, captioner.image_size, batch, make, keep, told, looks or frozenset())


def texts(reader: "Reader") -> Kind:
    """The text in images, with the boxes of its lines."""

    def make(images: Sequence[Filled]) -> Sequence[list["Line"]]:
        return [reader.read(image.picture.image) for image in images if image.picture]

    def keep(session: Session, made: Mapping[int, list["Line"]]) -> None:
        session.execute(delete(Reading).where(Reading.image_id.in_(made), Reading.model == reader.name))
        session.add_all(
            Reading(
                image_id=image_id,
                model=reader.name,
                text="\n".join(line.text for line in lines),
                lines=[{"text": line.text, "confidence": line.confidence, "box": list(line.box)} for line in lines],
            )
            for image_id, lines in made.items()
        )

    has = exists().where(Reading.image_id == Image.id, Reading.model == reader.name)
    return Kind(TEXT, reader.name, has, reader.image_size, READ_TOGETHER, make, keep, _shown)


def _shown(lines: Sequence["Line"]) -> str:
    return " / ".join(line.text for line in lines)


def seen_in(looker: Looker, images: Sequence[Filled], looks: Looks | None, *, last: bool = True) -> Seen | None:
    """What a model sees in images, or saw where they came without a picture; None if there are none. What it saw is
    forgotten if this is the `last` time that it is wanted."""
    fresh = [image.picture.image for image in images if image.picture]
    looked = looker.look(fresh) if fresh else None
    seen, row = [], 0
    for image in images:
        if image.picture and looked:
            seen.append(looked.take([row]))
            row += 1
        elif looks:
            seen.append(looks.take(image.id, last=last))
    return Seen.join(seen) if seen else None
