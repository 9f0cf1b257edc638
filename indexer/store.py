"""What the indexer reads from and writes to the catalog and the vectors: one writer, committed batch by batch."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from indexer.claims import CONTENTS, FILES, Claims
from indexer.details import FileDetails
from indexer.found import Found, Listing
from indexer.progress import COUNTS, Progress
from indexer.scan import lies_in
from indexer.working import Presence, at_work, shared
from searcher import Library, database, wordsearch
from searcher.catalog import Details, Embedding, File, Image, Keyword, Run, VectorRows, now
from vlm.errors import AskpixError
from vlm.picture import Picture
from vlm.protocols import Floats
from vlm.streams import batches
from vlm.video import is_video, split_moment

_FEW = 500  # files that are looked up by their names rather than with all of their folder
_CLAIMED = 64  # files claimed together
_WAIT_S = 10.0  # for other runs to be done with files; they are looked at again after


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
    """Writes one run into a library, on PostgreSQL beside others."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.encoder = library.encoder.name
        self._engine = library.engine
        self._presence: Presence | None = None
        self.claims: Claims | None = None  # once it has begun, where others may be at work too
        self._contents: dict[str, str] = {}  # of the files under way, by their keys
        self._left: dict[str, Listing] = {}  # folders with files that other runs were at

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Hold the library while the run is at work; raises AskpixError when another one must end first."""
        with at_work(self.library) as self._presence:
            yield

    @database.patiently
    def recover(self) -> str | None:
        """Bring vectors and catalog together after a run that was cut off; a line about what was lost, if any.

        Rows that were written but never committed are dropped. Rows that the catalog knows but the
        disk lacks (a damaged disk, a copied library) are forgotten, to be encoded again.
        """
        vectors = self.library.vectors
        with database.writing(self._engine) as session:
            count, stored = self._committed(session), len(vectors)
            vectors.truncate(min(count, stored))
            if stored >= count:
                return None
            session.execute(delete(Embedding).where(Embedding.model == self.encoder, Embedding.position >= stored))
            self._commit_to(session, stored)
        return f"{count - stored} embeddings are missing from {vectors.folder}; they are made again"

    def _committed(self, session: Session) -> int:
        """How many rows of vectors are committed; nobody else adds any until this transaction ends."""
        database.insert_new(session, VectorRows, [{"model": self.encoder, "count": 0}])
        known = select(VectorRows.count).where(VectorRows.model == self.encoder)
        return session.scalars(known.with_for_update()).one()

    def _commit_to(self, session: Session, count: int) -> None:
        session.execute(update(VectorRows).where(VectorRows.model == self.encoder).values(count=count))

    @database.patiently
    def begin(self, roots: Sequence[str], captioner: str | None) -> int:
        """Record that a run starts; its id."""
        with database.writing(self._engine) as session:
            run = Run(roots=list(roots), model=self.encoder, captioner=captioner)
            session.add(run)
            session.flush()
            number = run.id
        self.claims = Claims(self._engine, number) if shared(self._engine) else None
        if self._presence:
            self._presence.show(number)
        return number

    @database.patiently
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
            if outcome and self.claims:
                self.claims.end(session)
        if self._presence:
            self._presence.show(run_id)

    @database.patiently
    def check(self, folder: str, files: Sequence[Found], whole: bool) -> Checked:
        """Compare the files of a folder, or some of them, with the catalog by sizes and times alone."""
        has_embedding = exists().where(Embedding.image_id == File.image_id, Embedding.model == self.encoder)
        has_details = exists().where(Details.image_id == File.image_id)
        # A video leads to no image itself, its moments do.
        complete = or_(File.image_id.is_(None), and_(has_embedding, has_details)).label("complete")
        known = select(
            File.id, File.name, File.size, File.mtime_ns, File.sidecar_ns, File.reason, File.missing_since, complete
        ).where(File.folder == folder, *([] if whole or len(files) > _FEW else [_named(files)]))
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

    @database.patiently
    def mark(self, checked: Checked) -> None:
        """Mark the files that are gone, and those that are back."""
        since = now()
        when = dict.fromkeys(checked.gone, since) | dict.fromkeys(checked.back)
        if when:
            with database.writing(self._engine) as session:  # in one order, so that no two runs wait for each other
                session.execute(update(File), [{"id": i, "missing_since": when[i]} for i in sorted(when)])

    @database.patiently
    def mark_missing_folders(self, root: str, visited: set[str], unreadable: Iterable[str]) -> None:
        """Mark the files of folders below `root` that are in the catalog but were not found any more."""
        below = File.folder.startswith(root.rstrip("/") + "/", autoescape=True)
        with database.session(self._engine) as session:
            folders = session.scalars(select(File.folder).where(below, File.missing_since.is_(None)).distinct()).all()
        for folder in folders:
            hidden = any(lies_in(folder, path) for path in unreadable)
            if folder not in visited and not hidden:
                self.mark(self.check(folder, [], whole=True))

    def claimed(self, listing: Listing, files: Sequence[Found]) -> Iterator[Found]:
        """Those files of a folder that are new or changed and that no other run is at, claimed for this one; batch by
        batch, as they are asked for."""
        changed = self.check(listing.folder, files, whole=False).changed
        if self.claims is None:
            yield from changed
            return
        for some in batches(changed, _CLAIMED):
            own = self.claims.take(FILES, map(_key, some))
            ours = [found for found in some if _key(found) in own]
            if len(ours) < len(some):
                self._leave(listing)
            # Others may have done with them in the meantime.
            still = self.check(listing.folder, ours, whole=False).changed
            if done := set(own) - {_key(found) for found in still}:
                self._give_back(done)
            yield from still

    def claimed_contents(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Those files of which no other run is encoding the content, under another name, claimed for this one."""
        if self.claims is None:
            yield from jobs
            return
        for some in batches(jobs, _CLAIMED):
            own = self.claims.take(CONTENTS, (job.hash for job in some if job.hash))
            for job in some:
                if not job.hash or job.hash in own:
                    self._contents[_key(job.found)] = job.hash
                    yield job
                else:
                    self._leave(Listing(job.found.folder, [job.found], whole=False))
                    self._give_back([_key(job.found)])

    def left(self) -> list[Listing]:
        """The folders with files that other runs were at, once these have had time to be done; none in the end."""
        listings, self._left = list(self._left.values()), {}
        if listings and self.claims:
            self.claims.wait_for_others(FILES, _WAIT_S)
        return listings

    def _leave(self, listing: Listing) -> None:
        """Other runs are at files of a folder."""
        before = self._left.get(listing.folder)
        if listing.whole or (before and before.whole):
            self._left[listing.folder] = Listing(listing.folder, [], whole=True)
        else:
            files = {found.name: found for found in [*(before.files if before else ()), *listing.files]}
            self._left[listing.folder] = Listing(listing.folder, list(files.values()), whole=False)

    @database.patiently
    def _give_back(self, keys: Collection[str]) -> None:
        with database.writing(self._engine) as session:
            self._release(session, keys)

    def _release(self, session: Session, keys: Collection[str]) -> None:
        """Files are done, or left to others; so are their contents, but for those that others of this run have."""
        if self.claims is None:
            return
        going_on = {content for key, content in self._contents.items() if key not in keys}
        contents = {self._contents[key] for key in keys if key in self._contents} - going_on
        self.claims.give_back(session, FILES, sorted(keys))
        self.claims.give_back(session, CONTENTS, sorted(contents))

    @database.patiently
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

    @database.patiently
    def write(self, jobs: Sequence[Job]) -> dict[str, int]:
        """Commit a batch: files, images, embeddings and what the files say, all or nothing; image ids by hash.

        The vectors reach the disk before the catalog says that they count, so a crash between the
        two leaves rows that the next writer drops.
        """
        done = [_key(job.found) for job in jobs if split_moment(job.found.name)[1] is None]
        with database.writing(self._engine) as session:
            images = _images(session, jobs)
            _write_files(session, jobs, images)
            detailed = {images[job.hash]: job.details for job in jobs if job.details and job.hash in images}
            _write_details(session, detailed)
            wordsearch.refresh(session, list(detailed))
            self._release(session, done)
            self._write_embeddings(session, jobs, images)  # last, since others wait until it is committed
        for key in done:
            self._contents.pop(key, None)
        self.library.follow()
        return images

    def _write_embeddings(self, session: Session, jobs: Sequence[Job], images: dict[str, int]) -> None:
        new = {images[job.hash]: job.embedding for job in jobs if job.embedding is not None}
        if not new:
            return
        start, stored = self._committed(session), len(self.library.vectors)
        # Another run may have been quicker, if a server that was restarted forgot who was at what.
        known = select(Embedding.image_id).where(Embedding.image_id.in_(new), Embedding.model == self.encoder)
        for image_id in session.scalars(known):
            del new[image_id]
        if stored < start:
            raise AskpixError(
                f"{self.library.vectors.folder} lacks rows that the catalog knows; every machine must see the same "
                "library folder at once; then run askpix index again"
            )
        if stored > start:
            self.library.vectors.truncate(start)
        if new:
            self.library.vectors.append(np.array(list(new), np.int64), np.stack(list(new.values())))
            rows = [{"image_id": one, "model": self.encoder, "position": start + i} for i, one in enumerate(new)]
            session.execute(insert(Embedding), rows)
            self._commit_to(session, start + len(new))


def _key(found: Found) -> str:
    """A file, or the video that it is a moment of, among what is claimed."""
    name = split_moment(found.name)[0]
    return hashlib.blake2b(os.fsencode(f"{found.folder}/{name}"), digest_size=16).hexdigest()


def _named(files: Sequence[Found]) -> ColumnElement[bool]:
    """Whether a file of the catalog is one of these, or a moment of one."""
    videos = [File.name.startswith(f"{one.name}#t=", autoescape=True) for one in files if is_video(one.name)]
    return or_(File.name.in_([found.name for found in files]), *videos)


def _changed(row: Any, found: Found) -> bool:
    size = row.size if found.size < 0 else found.size  # which is not known before it is fetched
    return (row.size, row.mtime_ns, row.sidecar_ns) != (size, found.mtime_ns, found.sidecar_ns)


def _outdated(row: Any, found: Found) -> bool:
    """Whether it is a moment that a video had before it was changed."""
    return row.name != found.name and (row.size, row.mtime_ns) != (found.size, found.mtime_ns)


def _images(session: Session, jobs: Sequence[Job]) -> dict[str, int]:
    """Ids of the jobs' images by hash, new ones made in the jobs' order."""
    hashes = {job.hash for job in jobs if job.hash}
    known = select(Image.hash, Image.id).where(Image.hash.in_(hashes))
    ids = {row.hash: row.id for row in session.execute(known)}
    new: dict[str, dict[str, Any]] = {}
    for job in jobs:
        picture = job.picture
        if picture and job.hash not in ids and job.hash not in new:
            shape = {"width": picture.width, "height": picture.height, "format": picture.format}
            new[job.hash] = {"hash": job.hash, "likeness": job.likeness, **shape}
    if not new:
        return ids
    database.insert_new(session, Image, list(new.values()))
    return {row.hash: row.id for row in session.execute(known)}


def _write_files(session: Session, jobs: Sequence[Job], images: dict[str, int]) -> None:
    rows = {(job.found.folder, job.found.name): _file(job, images) for job in jobs}
    # In one order, so that no two runs wait for each other.
    database.put(session, File, [rows[key] for key in sorted(rows)], ["folder", "name"])
    for found in (job.found for job in jobs):
        if is_video(found.name):  # whose moments are all written by now
            _mark_outdated(session, found)
        if not found.name:  # a tar, all of whose members came before it
            _mark_outdated_members(session, found)


def _file(job: Job, images: dict[str, int]) -> dict[str, Any]:
    """What the catalog has of a job's file."""
    found = job.found
    return {
        "folder": found.folder,
        "name": found.name,
        "size": found.size,
        "mtime_ns": -1 if job.again else found.mtime_ns,
        "sidecar_ns": found.sidecar_ns,
        "start": found.start,
        "image_id": None if job.reason else images.get(job.hash),
        "reason": job.reason,
        "missing_since": None,
    }


def _mark_outdated(session: Session, video: Found) -> None:
    """The moments that a video had before it was changed are gone."""
    before = File.name.startswith(f"{video.name}#t=", autoescape=True)
    other = or_(File.size != video.size, File.mtime_ns != video.mtime_ns)
    session.execute(update(File).where(File.folder == video.folder, before, other).values(missing_since=now()))


def _mark_outdated_members(session: Session, tar: Found) -> None:
    """The members that a tar had before it was changed are gone."""
    before = File.folder == tar.folder, File.name != "", File.mtime_ns.not_in([tar.mtime_ns, -1])
    session.execute(update(File).where(*before, File.missing_since.is_(None)).values(missing_since=now()))


def _write_details(session: Session, details: dict[int, FileDetails]) -> None:
    """What the files read last say, in place of what others said."""
    for table in (Details, Keyword):
        session.execute(delete(table).where(table.image_id.in_(details)))
    for image_id, said in details.items():
        session.add(Details(image_id=image_id, **said.values))
        session.add_all(Keyword(image_id=image_id, name=name) for name in said.keywords)
