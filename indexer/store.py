"""What the indexer reads from and writes to the catalog and the vectors: one writer, committed batch by batch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from indexer.details import FileDetails
from indexer.progress import COUNTS, Progress
from indexer.scan import Found
from searcher import Library, database, wordsearch
from searcher.catalog import Details, Embedding, File, Image, Keyword, Run, now
from vlm.picture import Picture
from vlm.protocols import Floats
from vlm.video import is_video, split_moment

_DETAILS = [column.name for column in Details.__table__.columns if column.name != "image_id"]


@dataclass(frozen=True)
class Job:
    """One file on its way through the stages; each stage hands on a copy that knows more.

    `embed` says whether its content lacks an embedding; `reason` why the file was refused, and `again` that it
    is to be tried again though it does not change, since the disk and not the file was at fault.
    """

    found: Found
    hash: str = ""
    embed: bool = False
    picture: Picture | None = None
    likeness: int | None = None
    details: FileDetails | None = None
    embedding: Floats | None = None
    reason: str | None = None
    again: bool = False


@dataclass(frozen=True)
class Checked:
    """The files of a listing by what is to be done about them, and ids of files that are gone, or back."""

    changed: list[Found] = field(default_factory=list)
    unchanged: int = 0
    refused: int = 0
    gone: list[int] = field(default_factory=list)
    back: list[int] = field(default_factory=list)


class Store:
    """Writes one run into a library."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.encoder = library.encoder.name
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
        with database.writing(self._engine) as session:
            session.execute(delete(Embedding).where(Embedding.model == self.encoder, Embedding.position >= stored))
        return f"{count - stored} embeddings are missing from {vectors.folder}; they are made again"

    def begin(self, roots: Sequence[str], captioner: str | None) -> int:
        """Record that a run starts; its id."""
        with database.writing(self._engine) as session:
            run = Run(roots=list(roots), model=self.encoder, captioner=captioner)
            session.add(run)
            session.flush()
            return run.id

    def record(self, run_id: int, progress: Progress, outcome: str | None = None) -> None:
        """Record how far a run is, or how it ended."""
        summary = progress.summary
        values: dict[str, Any] = {name: getattr(summary, name) for name in COUNTS}
        values |= {"phase": progress.phase, "done": progress.done, "total": progress.total, "outcome": outcome}
        values |= {"stages": dict(summary.stages), "reasons": dict(summary.reasons), "updated_at": now()}
        if outcome:
            values["finished_at"] = now()
        with database.writing(self._engine) as session:
            session.execute(update(Run).where(Run.id == run_id).values(**values))

    def check(self, folder: str, files: Sequence[Found], whole: bool) -> Checked:
        """Compare the files of a folder, or some of them, with the catalog by sizes and times alone."""
        has_embedding = exists().where(Embedding.image_id == File.image_id, Embedding.model == self.encoder)
        has_details = exists().where(Details.image_id == File.image_id)
        known = select(
            File.id, File.name, File.size, File.mtime_ns, File.sidecar_ns, File.image_id, File.reason,
            File.missing_since, has_embedding.label("embedded"), has_details.label("detailed"),
        ).where(File.folder == folder)  # fmt: skip
        with database.session(self._engine) as session:
            rows: dict[str, Any] = {row.name: row for row in session.execute(known)}
        moments: dict[str, list[Any]] = defaultdict(list)
        for name in rows:
            moments[split_moment(name)[0]].append(rows[name])
        checked = Checked()
        unchanged = refused = 0
        for found in files:
            row = rows.get(found.name)
            parts = [part for part in moments[found.name] if not _outdated(part, found)]
            checked.back.extend(part.id for part in parts if part.missing_since)
            if row is None or _changed(row, found):
                checked.changed.append(found)
            elif row.reason is not None:
                refused += 1
            elif all(_complete(part) for part in parts):
                unchanged += 1
            else:
                checked.changed.append(found)
        if whole:
            gone = moments.keys() - {found.name for found in files}
            checked.gone.extend(part.id for name in gone for part in moments[name] if not part.missing_since)
        return replace(checked, unchanged=unchanged, refused=refused)

    def mark(self, checked: Checked) -> None:
        """Mark the files that are gone, and those that are back."""
        since = now()
        marks = [{"id": i, "missing_since": since} for i in checked.gone]
        marks += [{"id": i, "missing_since": None} for i in checked.back]
        if marks:
            with database.writing(self._engine) as session:
                session.execute(update(File), marks)

    def mark_missing_folders(self, root: str, visited: set[str], unreadable: Iterable[str]) -> None:
        """Mark the files of folders below `root` that are in the catalog but were not found any more."""
        below = File.folder.startswith(root.rstrip("/") + "/", autoescape=True)
        with database.session(self._engine) as session:
            folders = session.scalars(select(File.folder).where(below, File.missing_since.is_(None)).distinct()).all()
        for folder in folders:
            hidden = any(folder == path or folder.startswith(path + "/") for path in unreadable)
            if folder not in visited and not hidden:
                self.mark(self.check(folder, [], whole=True))

    def lacking(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs, each saying whether its content lacks an embedding."""
        with database.session(self._engine) as session:
            embedded = set(
                session.scalars(
                    select(Image.hash)
                    .join(Embedding, Embedding.image_id == Image.id)
                    .where(Image.hash.in_({job.hash for job in jobs}), Embedding.model == self.encoder)
                )
            )
        return [replace(job, embed=job.hash not in embedded) for job in jobs]

    def write(self, jobs: Sequence[Job]) -> dict[str, int]:
        """Commit a batch: files, images, embeddings and what the files say, all or nothing; image ids by hash.

        The vectors reach the disk before the catalog says that they count, so a crash between the
        two leaves rows that the next run drops.
        """
        with database.writing(self._engine) as session:
            images = _images(session, jobs)
            for job in jobs:
                _write_file(session, job, images.get(job.hash))
            self._write_embeddings(session, jobs, images)
            detailed = {images[job.hash]: job.details for job in jobs if job.details and job.hash in images}
            for image_id, details in detailed.items():
                _write_details(session, image_id, details)
            wordsearch.refresh(session, list(detailed))
        return images

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


def _changed(row: Any, found: Found) -> bool:
    return (row.size, row.mtime_ns, row.sidecar_ns) != (found.size, found.mtime_ns, found.sidecar_ns)


def _outdated(row: Any, found: Found) -> bool:
    """Whether it is a moment that a video had before it was changed."""
    return row.name != found.name and (row.size, row.mtime_ns) != (found.size, found.mtime_ns)


def _complete(row: Any) -> bool:
    """Whether nothing lacks of what a file leads to; a video leads to nothing itself, its moments do."""
    return row.image_id is None or bool(row.detailed and row.embedded)


def _images(session: Session, jobs: Sequence[Job]) -> dict[str, int]:
    """Ids of the jobs' images by hash, new ones made in the jobs' order."""
    hashes = [job.hash for job in jobs if job.hash]
    ids = {row.hash: row.id for row in session.execute(select(Image.hash, Image.id).where(Image.hash.in_(hashes)))}
    for job in jobs:
        picture = job.picture
        if picture and job.hash not in ids:
            shape = {"width": picture.width, "height": picture.height, "format": picture.format}
            image = Image(hash=job.hash, likeness=job.likeness, **shape)
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
    file.size, file.sidecar_ns = found.size, found.sidecar_ns
    file.mtime_ns = -1 if job.again else found.mtime_ns
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
