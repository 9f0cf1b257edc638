"""Photos that are the same, or nearly: by content, then by embedding and perceptual hash, or time, together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.orm import Session

from searcher import database
from searcher.catalog import Details, Embedding, File, Image
from searcher.library import Library
from searcher.likeness import differing, likeness
from searcher.results import paths_of
from vlm.picture import UnreadablePicture, open_picture

NEIGHBOURS = 16  # photos that each one is compared with
COSINE = 0.9  # from which two embeddings may be of one picture
BITS = 12  # of 64, in which the perceptual hashes of one picture may differ
BURST = timedelta(seconds=2)  # between two shots of one camera that are of one burst
_BATCH = 1_000


@dataclass(frozen=True)
class Copy:
    """One file of a group: its size in bytes, and its picture's in pixels."""

    path: Path
    size: int
    width: int
    height: int


def duplicates(library: Library) -> Iterator[list[Copy]]:
    """Groups of two files and more that show one picture, best first: most pixels, then most bytes.

    Files of one content are copies. Nothing is changed or deleted.
    """
    group_new(library)
    best = func.coalesce(Image.duplicate_of, Image.id)
    several = (
        select(best)
        .join(File)
        .where(File.missing_since.is_(None))
        .group_by(best)
        .having(func.count() > 1)
        .order_by(best)
    )
    with database.session(library.engine) as session:
        for number in session.scalars(several).all():
            rows = session.execute(
                select(File, Image).join(Image).where(File.missing_since.is_(None), best == number)
            ).all()
            copies = [Copy(file.path, file.size, image.width, image.height) for file, image in rows]
            yield sorted(copies, key=lambda copy: (-copy.width * copy.height, -copy.size, str(copy.path)))


def group_new(library: Library) -> None:
    """Compare the images that were not yet compared with all others, and note of which better one each is a duplicate.

    Two show the same when their embeddings are near and either their perceptual hashes agree or they are of one
    burst of one camera.
    """
    model, count = library.encoder.name, library.count_vectors()
    waiting = select(Embedding.image_id).where(Embedding.model == model, ~Embedding.compared)
    while True:
        with database.session(library.engine) as session:
            ids = session.scalars(waiting.order_by(Embedding.position).limit(_BATCH)).all()
        if not ids:
            return
        rows = np.array(ids, np.int64)
        scores, found = library.vectors.search_many(library.vectors.get(rows, count), NEIGHBOURS, count)
        near = [
            (image, other)
            for image, row, others in zip(ids, scores.tolist(), found.tolist(), strict=True)
            for score, other in zip(row, others, strict=True)
            if score >= COSINE and other not in (image, -1)
        ]
        _note_likeness(library, sorted({image for pair in near for image in pair}))
        with database.writing(library.engine) as session:
            _join_alike(session, near)
            session.execute(
                update(Embedding).where(Embedding.model == model, Embedding.image_id.in_(ids)).values(compared=True)
            )


def _note_likeness(library: Library, ids: Sequence[int]) -> None:
    """The perceptual hashes of images that were encoded before these were noted."""
    lacking = select(Image.id).where(Image.id.in_(ids), Image.likeness.is_(None))
    with database.session(library.engine) as session:
        paths = paths_of(session, session.scalars(lacking).all())
    values = []
    for image_id, path in paths.items():
        try:
            picture = open_picture(path, 64, library.settings.max_pixels)
        except UnreadablePicture:
            continue
        values.append({"id": image_id, "likeness": likeness(picture.image)})
    if values:
        with database.writing(library.engine) as session:
            session.execute(update(Image), values)


def _join_alike(session: Session, near: Sequence[tuple[int, int]]) -> None:
    known = {}
    ids = sorted({image for pair in near for image in pair})
    for start in range(0, len(ids), _BATCH):
        about = (
            select(Image.id, Image.likeness, Details.taken_at, Details.camera)
            .outerjoin(Details)
            .where(Image.id.in_(ids[start : start + _BATCH]))
        )
        known.update({row.id: row for row in session.execute(about)})
    for one, other in near:
        if one in known and other in known and _alike(known[one], known[other]):
            members = set(_group(session, one)) | set(_group(session, other))
            crown(session, members)


def _alike(
    one: Row[int, int | None, datetime | None, str | None], other: Row[int, int | None, datetime | None, str | None]
) -> bool:
    if one.likeness is not None and other.likeness is not None and differing(one.likeness, other.likeness) <= BITS:
        return True
    dated = one.taken_at is not None and other.taken_at is not None and one.camera is not None
    return bool(dated and one.camera == other.camera and abs(one.taken_at - other.taken_at) <= BURST)


def _group(session: Session, image_id: int) -> Sequence[int]:
    """The images that show the same as this one, itself included."""
    best = select(func.coalesce(Image.duplicate_of, Image.id)).where(Image.id == image_id).scalar_subquery()
    return session.scalars(select(Image.id).where(or_(Image.id == best, Image.duplicate_of == best))).all()


def crown(session: Session, members: set[int]) -> None:
    """Make the best of some images that show the same the one of which the others are duplicates: that with the most
    pixels, then bytes, then the one known longest."""
    size = select(func.max(File.size)).where(File.image_id == Image.id).scalar_subquery()
    ranked = (
        select(Image.id)
        .where(Image.id.in_(members))
        .order_by((Image.width * Image.height).desc(), size.desc(), Image.id)
    )
    ids = session.scalars(ranked).all()
    if ids:
        session.execute(update(Image).where(Image.id == ids[0]).values(duplicate_of=None))
        session.execute(update(Image).where(Image.id.in_(ids[1:])).values(duplicate_of=ids[0]))
