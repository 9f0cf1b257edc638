"""What the indexer reads from and writes to the catalog and the vectors: one writer, committed batch by batch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sqlalchemy import and_, delete, exists, or_, select, text, update
from sqlalchemy.orm import Session

from indexer.details import FileDetails
from indexer.progress import COUNTS, Progress
from indexer.scan import Found, lies_in
from searcher import Library, database, wordsearch
from searcher.catalog import Details, Embedding, File, Image, Keyword, Run, now
from vlm.picture import Picture
from vlm.protocols import Floats
from vlm.video import is_video, split_moment


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
    """The files of a listing by what is to be done about them, and ids of files that are gone, or back.

    `refused` are the reasons of those that were refused before and have not changed.
    """

    changed: list[Found] = field(default_factory=list)
    unchanged: int = 0
    refused: list[str] = field(default_factory=list)
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
            vectors.truncate(count + self._forgotten(count, stored))
            return None
        vectors.truncate(stored)
        with database.writing(self._engine) as session:
            session.execute(delete(Embedding).where(Embedding.model == self.encoder, Embedding.position >= stored))
        return f"{count - stored} embeddings are missing from {vectors.folder}; they are made again"

    def _forgotten(self, start: int, stop: int) -> int:
        """How many of the last rows are of images that were pruned since.

        These stay: who has the library open counts on it that a row, once committed, is never another image's.
        """
        counted = 0
        with database.session(self._engine) as session:
            given = session.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'images'")) or 0
            for block, _ in self.library.vectors.read(start, stop):
                ids = block.tolist()
                known = set(session.scalars(select(Image.id).where(Image.id.in_(ids))))
                for image_id in ids:
                    if image_id in known or image_id > given:  # encoded for another model, or never committed
                        return counted
                    counted += 1
        return counted

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
        # A video leads to no image itself, its moments do.
        complete = or_(File.image_id.is_(None), and_(has_embedding, has_details)).label("complete")
        known = select(
            File.id, File.name, File.size, File.mtime_ns, File.sidecar_ns, File.reason, File.missing_since, complete
        ).where(File.folder == folder)
        with database.session(self._engine) as session:
            rows: dict[str, Any] = {row.name: row for row in session.execute(known)}
        moments: dict[str, list[Any]] = defaultdict(list)
        for name, row in rows.items():
            moments[split_moment(name)[0]].append(row)
        checked = Checked()
        unchanged = 0
        for found in files:
            row = rows.get(found.name)
            if row is None or _changed(row, found):
                checked.changed.append(found)
                continue
            parts = [part for part in moments[found.name] if not _outdated(part, found)]
            checked.back.extend([part.id for part in parts if part.missing_since])
            if row.reason is not None:
                checked.refused.append(row.reason)
            elif all(part.complete for part in parts):
                unchanged += 1
            else:
                checked.changed.append(found)
        if whole:
            gone = moments.keys() - {found.name for found in files}
            checked.gone.extend(part.id for name in gone for part in moments[name] if not part.missing_since)
        return replace(checked, unchanged=unchanged)

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
            hidden = any(lies_in(folder, path) for path in unreadable)
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
            _write_files(session, jobs, images)
            self._write_embeddings(session, jobs, images)
            detailed = {images[job.hash]: job.details for job in jobs if job.details and job.hash in images}
            _write_details(session, detailed)
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


def _images(session: Session, jobs: Sequence[Job]) -> dict[str, int]:
    """Ids of the jobs' images by hash, new ones made in the jobs' order."""
    hashes = [job.hash for job in jobs if job.hash]
    ids = {row.hash: row.id for row in session.execute(select(Image.hash, Image.id).where(Image.hash.in_(hashes)))}
    new: dict[str, Image] = {}
    for job in jobs:
        picture = job.picture
        if picture and job.hash not in ids and job.hash not in new:
            shape = {"width": picture.width, "height": picture.height, "format": picture.format}
            new[job.hash] = Image(hash=job.hash, likeness=job.likeness, **shape)
    session.add_all(new.values())
    session.flush()
    return ids | {content: image.id for content, image in new.items()}


def _write_files(session: Session, jobs: Sequence[Job], images: dict[str, int]) -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for job in jobs:
        names[job.found.folder].append(job.found.name)
    files = {
        (file.folder, file.name): file
        for folder, some in names.items()
        for file in session.scalars(select(File).where(File.folder == folder, File.name.in_(some)))
    }
    for job in jobs:
        found = job.found
        file = files.get((found.folder, found.name))
        if file is None:
            files[found.folder, found.name] = file = File(folder=found.folder, name=found.name)
            session.add(file)
        file.size, file.sidecar_ns = found.size, found.sidecar_ns
        file.mtime_ns = -1 if job.again else found.mtime_ns
        file.reason, file.missing_since = job.reason, None
        file.image_id = None if job.reason else images.get(job.hash)
        if is_video(found.name):  # whose moments are all written by now
            _mark_outdated(session, found)


def _mark_outdated(session: Session, video: Found) -> None:
    """The moments that a video had before it was changed are gone."""
    before = File.name.startswith(f"{video.name}#t=", autoescape=True)
    other = or_(File.size != video.size, File.mtime_ns != video.mtime_ns)
    session.execute(update(File).where(File.folder == video.folder, before, other).values(missing_since=now()))


def _write_details(session: Session, details: dict[int, FileDetails]) -> None:
    """What the files read last say, in place of what others said."""
    for table in (Details, Keyword):
        session.execute(delete(table).where(table.image_id.in_(details)))
    for image_id, said in details.items():
        session.add(Details(image_id=image_id, **said.values))
        session.add_all(Keyword(image_id=image_id, name=name) for name in said.keywords)
