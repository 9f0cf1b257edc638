"""Photos that are the same, or nearly: by content, then by embedding and perceptual hash, or time, together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Row, func, select, update
from sqlalchemy.orm import Session

from searcher import database
from searcher.catalog import Details, Edit, Embedding, File, Image
from searcher.elsewhere import Where
from searcher.library import Library
from searcher.likeness import differing, likeness
from searcher.originals import open_original
from searcher.portable import listed
from searcher.results import paths_of
from vlm.picture import UnreadablePicture
from vlm.streams import batches

NEIGHBOURS = 16  # photos that each one is compared with
COSINE = 0.9  # from which two embeddings may be of one picture
BITS = 12  # of 64, in which the perceptual hashes of one picture may differ
BURST = timedelta(seconds=2)  # between two shots of one camera that are of one burst
_BATCH = 1_000


@dataclass(frozen=True)
class Copy:
    """One file of a group: its size in bytes, and its picture's in pixels."""

    path: Where
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


@database.patiently
def group_new(library: Library) -> None:
    """Compare the images that were not yet compared with all others, and note of which better one each is a duplicate.

    Two show the same when their embeddings are near and either their perceptual hashes agree or they are of one
    burst of one camera.
    """
    with database.alone(library.engine, "compare"):
        _group_new(library)


def _group_new(library: Library) -> None:
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
            picture = open_original(path, 64, library.settings.max_pixels)
        except UnreadablePicture:
            continue
        values.append({"id": image_id, "likeness": likeness(picture.image)})
    if values:
        with database.writing(library.engine) as session:
            session.execute(update(Image), values)


def _join_alike(session: Session, near: Sequence[tuple[int, int]]) -> None:
    known = {}
    for some in batches(sorted({image for pair in near for image in pair}), _BATCH):
        about = (
            select(Image.id, Image.likeness, Details.taken_at, Details.camera)
            .outerjoin(Details)
            .where(Image.id.in_(some), Image.id.not_in(select(Edit.image_id)))  # what was made on purpose is no copy
        )
        known.update({row.id: row for row in session.execute(about)})
    alike = [
        (one, other) for one, other in near if one in known and other in known and _alike(known[one], known[other])
    ]
    for group in _joined(session, alike):
        crown(session, group)


def _joined(session: Session, alike: Sequence[tuple[int, int]]) -> list[set[int]]:
    """The groups that these pairs make, together with the images that showed the same before."""
    group: dict[int, set[int]] = {}
    before = _groups(session, {image for pair in alike for image in pair})
    for one, other in (*before, *alike):
        joined = group.get(one, {one})
        others = group.get(other, {other})
        if joined is not others:
            joined |= others
            group.update(dict.fromkeys(joined, joined))
    return list({id(members): members for members in group.values()}.values())


def _groups(session: Session, ids: set[int]) -> list[tuple[int, int]]:
    """Images that show the same as these, each with the best of them."""
    best = func.coalesce(Image.duplicate_of, Image.id)
    found = []
    for some in batches(sorted(ids), _BATCH):
        bests = session.scalars(select(best).where(Image.id.in_(some)).distinct()).all()
        of_them = select(Image.id, Image.duplicate_of).where(Image.duplicate_of.in_(bests))
        found += [(row.id, row.duplicate_of) for row in session.execute(of_them)]
    return found


def _alike(
    one: Row[int, int | None, datetime | None, str | None], other: Row[int, int | None, datetime | None, str | None]
) -> bool:
    if one.likeness is not None and other.likeness is not None and differing(one.likeness, other.likeness) <= BITS:
        return True
    dated = one.taken_at is not None and other.taken_at is not None and one.camera is not None
    return bool(dated and one.camera == other.camera and abs(one.taken_at - other.taken_at) <= BURST)


def crown(session: Session, members: set[int]) -> None:
    """Make the best of some images that show the same the one of which the others are duplicates: that with the most
    pixels, then bytes, then the one known longest."""
    size = select(func.max(File.size)).where(File.image_id == Image.id).scalar_subquery()
    ranked = (
        select(Image.id)
        .where(Image.id.in_(listed(members)))
        .order_by((Image.width * Image.height).desc(), size.desc().nulls_last(), Image.id)
    )
    ids = session.scalars(ranked).all()
    if ids:
        session.execute(update(Image).where(Image.id == ids[0]).values(duplicate_of=None))
        session.execute(update(Image).where(Image.id.in_(listed(ids[1:]))).values(duplicate_of=ids[0]))
