"""What the indexer reads from and writes to the catalog and the vectors: one writer, committed batch by batch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from indexer.details import FileDetails
from indexer.scan import Found, Listing
from searcher import Library, database
from searcher.catalog import Caption, Details, Embedding, File, Image, Keyword, Run, Tag, now
from vlm.picture import Picture
from vlm.protocols import Description, Floats
from vlm.video import is_video, split_moment

_DETAILS = [column.name for column in Details.__table__.columns if column.name != "image_id"]


@dataclass(frozen=True)
class Job:
    """One file on its way through the stages; each stage hands on a copy that knows more.

    `embed` and `describe` say what its content still lacks; `reason` why the file was refused.
    """

    found: Found
    hash: str = ""
    embed: bool = False
    describe: bool = False
    picture: Picture | None = None
    details: FileDetails | None = None
    embedding: Floats | None = None
    description: Description | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Sorted:
    """The files of a listing by what is to be done about them."""

    changed: list[Found]
    unchanged: int
    refused: int


class Store:
    """Writes one run into a library; `captioner` is None when no captions are wanted."""

    def __init__(self, library: Library, captioner: str | None) -> None:
        self.library = library
        self.encoder = library.encoder.name
        self.captioner = captioner
        self._engine = library.engine

    def recover(self) -> str | None:
        """Bring vectors and catalog together after a run that was cut off; a line about what was lost, if any.

        Rows that were written but never committed are dropped. Rows that the catalog knows but the
        disk lacks (a damaged disk, a copied library) are forgotten, to be encoded again.
        """
        vectors, count = self.library.vectors, self.library.count_vectors()
        stored = len(vectors)
        if stored >= count:
            vectors.truncate(count)
            return None
        vectors.truncate(stored)
        with database.session(self._engine) as session:
            session.execute(delete(Embedding).where(Embedding.model == self.encoder, Embedding.position >= stored))
        return f"{count - stored} embeddings are missing from {vectors.folder}; they are made again"

    def begin(self, roots: Sequence[str]) -> int:
        """Record that a run starts; its id."""
        with database.session(self._engine) as session:
            run = Run(roots=list(roots), model=self.encoder, captioner=self.captioner)
            session.add(run)
            session.flush()
            return run.id

    def finish(self, run_id: int, counts: dict[str, int], stages: dict[str, float]) -> None:
        """Record how a run ended."""
        with database.session(self._engine) as session:
            session.execute(update(Run).where(Run.id == run_id).values(finished_at=now(), stages=stages, **counts))

    def sort(self, listing: Listing) -> Sorted:
        """Compare a listing with the catalog by sizes and times alone, and mark what is gone or back."""
        has_embedding = exists().where(Embedding.image_id == File.image_id, Embedding.model == self.encoder)
        has_caption = exists().where(Caption.image_id == File.image_id, Caption.model == self.captioner)
        has_details = exists().where(Details.image_id == File.image_id)
        known = select(
            File,
            has_embedding.label("embedded"),
            has_caption.label("captioned"),
            has_details.label("read"),
        )
        with database.session(self._engine) as session:
            rows = {row.File.name: row for row in session.execute(known.where(File.folder == listing.folder))}
            moments: dict[str, list[Any]] = defaultdict(list)
            for name, part in rows.items():
                moments[split_moment(name)[0]].append(part)
            changed, unchanged, refused = [], 0, 0
            for found in listing.files:
                row = rows.get(found.name)
                if row is None or _changed(row.File, found):
                    changed.append(found)
                elif row.File.reason is not None:
                    refused += 1
                elif all(self._whole(part) for part in moments[found.name] if not _outdated(part.File, found)):
                    unchanged += 1
                else:
                    changed.append(found)
                for part in moments[found.name]:
                    if not _outdated(part.File, found):
                        part.File.missing_since = None
            if listing.whole:
                gone = moments.keys() - {found.name for found in listing.files}
                _mark_missing([part.File for name in gone for part in moments[name]])
        return Sorted(changed, unchanged, refused)

    def _whole(self, row: Any) -> bool:
        """Whether nothing lacks of what a file leads to; a video leads to nothing itself, its moments do."""
        if row.File.image_id is None:
            return True
        return bool(row.read and row.embedded and (row.captioned or self.captioner is None))

    def lacking(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs, each saying whether its content lacks an embedding, and a caption."""
        hashes = {job.hash for job in jobs}
        with database.session(self._engine) as session:
            embedded = set(
                session.scalars(
                    select(Image.hash)
                    .join(Embedding, Embedding.image_id == Image.id)
                    .where(Image.hash.in_(hashes), Embedding.model == self.encoder)
                )
            )
            captioned = set(
                session.scalars(
                    select(Image.hash)
                    .join(Caption, Caption.image_id == Image.id)
                    .where(Image.hash.in_(hashes), Caption.model == self.captioner)
                )
            )
        wanted = self.captioner is not None
        return [
            replace(job, embed=job.hash not in embedded, describe=wanted and job.hash not in captioned) for job in jobs
        ]

    def mark_missing_folders(self, root: str, visited: set[str], unreadable: Iterable[str]) -> None:
        """Mark the files of folders below `root` that are in the catalog but were not found any more."""
        below = File.folder.startswith(root.rstrip("/") + "/", autoescape=True)
        with database.session(self._engine) as session:
            folders = session.scalars(select(File.folder).where(below, File.missing_since.is_(None)).distinct()).all()
            for folder in folders:
                hidden = any(folder == path or folder.startswith(path + "/") for path in unreadable)
                if folder not in visited and not hidden:
                    session.execute(
                        update(File)
                        .where(File.folder == folder, File.missing_since.is_(None))
                        .values(missing_since=now())
                    )

    def write(self, jobs: Sequence[Job]) -> None:
        """Commit a batch: files, images, embeddings, captions and tags, all or nothing.

        The vectors reach the disk before the catalog says that they count, so a crash between the
        two leaves rows that the next run drops.
        """
        with database.session(self._engine) as session:
            images = _images(session, jobs)
            for job in jobs:
                _write_file(session, job, images.get(job.hash))
            self._write_embeddings(session, jobs, images)
            for job in jobs:
                if job.details and job.hash in images:
                    _write_details(session, images[job.hash], job.details)
                if job.description and self.captioner:
                    _write_description(session, images[job.hash], self.captioner, job.description)

    def _write_embeddings(self, session: Session, jobs: Sequence[Job], images: dict[str, int]) -> None:
        new = [(images[job.hash], job.embedding) for job in jobs if job.embedding is not None]
        if not new:
            return
        start = len(self.library.vectors)
        self.library.vectors.append(
            np.array([image for image, _ in new], np.int64), np.stack([embedding for _, embedding in new])
        )
        session.add_all(
            Embedding(image_id=image, model=self.encoder, position=start + i) for i, (image, _) in enumerate(new)
        )


def _changed(file: File, found: Found) -> bool:
    return (file.size, file.mtime_ns, file.sidecar_ns) != (found.size, found.mtime_ns, found.sidecar_ns)


def _outdated(file: File, found: Found) -> bool:
    """Whether it is a moment that a video had before it was changed."""
    return file.name != found.name and (file.size, file.mtime_ns) != (found.size, found.mtime_ns)


def _images(session: Session, jobs: Sequence[Job]) -> dict[str, int]:
    """Ids of the jobs' images by hash, new ones made in the jobs' order."""
    hashes = [job.hash for job in jobs if job.hash]
    known = session.execute(select(Image.hash, Image.id).where(Image.hash.in_(hashes)))
    ids = {row.hash: row.id for row in known}
    for job in jobs:
        if job.picture and job.hash not in ids:
            image = Image(hash=job.hash, width=job.picture.width, height=job.picture.height, format=job.picture.format)
            session.add(image)
            session.flush()
            ids[job.hash] = image.id
    return ids


def _write_file(session: Session, job: Job, image_id: int | None) -> None:
    found = job.found
    file = session.scalar(select(File).where(File.folder == found.folder, File.name == found.name))
    if file is None:
        file = File(folder=found.folder, name=found.name)
        session.add(file)
    file.size, file.mtime_ns, file.sidecar_ns = found.size, found.mtime_ns, found.sidecar_ns
    file.reason, file.missing_since = job.reason, None
    file.image_id = None if job.reason else image_id
    if is_video(found.name):  # whose moments are all written by now
        before = File.name.startswith(f"{found.name}#t=", autoescape=True)
        other = or_(File.size != found.size, File.mtime_ns != found.mtime_ns)
        session.execute(update(File).where(File.folder == found.folder, before, other).values(missing_since=now()))


def _write_details(session: Session, image_id: int, details: FileDetails) -> None:
    """What the file read last says, in place of what others said."""
    session.merge(Details(image_id=image_id, **{**dict.fromkeys(_DETAILS), **details.values}))
    session.execute(delete(Keyword).where(Keyword.image_id == image_id))
    session.add_all(Keyword(image_id=image_id, name=name) for name in details.keywords)


def _write_description(session: Session, image_id: int, captioner: str, description: Description) -> None:
    session.add(
        Caption(image_id=image_id, model=captioner, text=description.caption, confidence=description.confidence)
    )
    best = {tag.name: tag.score for tag in sorted(description.tags, key=lambda tag: tag.score)}
    session.add_all(Tag(image_id=image_id, model=captioner, name=name, score=score) for name, score in best.items())


def _mark_missing(files: Iterable[File]) -> None:
    since: datetime = now()
    for file in files:
        file.missing_since = file.missing_since or since
