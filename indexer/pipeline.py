"""The indexing run: scan, hash, decode, encode, caption, store, as one bounded stream of jobs."""

import hashlib
import stat
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import cast

from filelock import FileLock, Timeout
from PIL.Image import Image as PictureImage

from indexer.details import read_details
from indexer.scan import Found, roots_of, scan
from indexer.store import Job, Store
from searcher import Library
from vlm.errors import AskpixError
from vlm.picture import UnreadablePicture, as_picture, open_picture, unreadable
from vlm.protocols import Looker
from vlm.streams import ahead, batches
from vlm.video import is_video, moments

BATCH = 32  # files looked up together; a model may want more pictures at a time
DECODERS = 2  # threads; Pillow decodes outside the interpreter lock


@dataclass
class Summary:
    """What a run did, counted in files; `stages` are the seconds spent in each, threads added up."""

    seen: int = 0
    added: int = 0
    unchanged: int = 0
    refused: int = 0
    seconds: float = 0.0
    stages: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    reasons: Counter[str] = field(default_factory=Counter)


class IndexRun:
    """One run of the indexer over files and folders: iterate over it to make it go.

    >>> with Library("photos.askpix", create=True) as library:
    ...     run = IndexRun(library, [Path("~/Pictures")])
    ...     for jobs in run:
    ...         print(run.summary.seen, "seen")
    """

    def __init__(self, library: Library, paths: Sequence[Path], *, captions: bool = True) -> None:
        """Raises AskpixError when a path does not exist."""
        self.library = library
        self.roots = roots_of(paths)
        self.summary = Summary()
        self._captioner = library.captioner if captions else None
        self._language = library.settings.caption_language
        if self._captioner:  # refuses a language that it does not write before any work is done
            self._captioner.describe(self._captioner.look([]), self._language)
        self._store = Store(library, library.captions_by if captions else None)
        self._side = max(library.encoder.image_size, self._captioner.image_size if self._captioner else 0)
        self._unreadable: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def models(self) -> dict[str, Looker]:
        """Who does what in this run."""
        writer = {"captions": self._captioner} if self._captioner else {}
        return {"embeddings": self.library.encoder, **writer}

    def count(self) -> int:
        """How many picture files there are to look at, for showing progress."""
        listings = scan(self.roots, self.library.folder, lambda _path, _reason: None)
        return sum(len(listing.files) for listing in listings)

    def __iter__(self) -> Iterator[list[Job]]:
        """Index; yields each batch of jobs once it is committed.

        Raises AskpixError when another run is at work on the library.
        """
        lock = FileLock(self.library.folder / "index.lock", timeout=0)
        try:
            with lock:
                yield from self._run()
        except Timeout as error:
            raise AskpixError(f"another run is indexing {self.library.folder}; wait until it has ended") from error

    def _run(self) -> Iterator[list[Job]]:
        started = time.perf_counter()
        if lost := self._store.recover():
            self.summary.reasons[lost] += 1
        run = self._store.begin([str(root) for root in self.roots])
        with ThreadPoolExecutor(DECODERS, "decode") as pool:
            hashed = ahead(pool, self._hash, self._changed(), 2 * BATCH)
            decoded = ahead(pool, self._decode, self._lacking(self._moments(hashed)), 2 * BATCH)
            for jobs in self._batches(decoded):
                done = self._look(jobs)
                with self._timed("store"):
                    self._store.write(done)
                self._count(done)
                yield done
        if refused := [self._refused_folder(path, why) for path, why in self._unreadable.items()]:
            self._store.write(refused)
            self.summary.seen += len(refused)
            self._count(refused)
            yield refused
        self.library.save_index()
        self.summary.seconds = time.perf_counter() - started
        counts = {name: getattr(self.summary, name) for name in ("seen", "added", "unchanged", "refused")}
        self._store.finish(run, counts, dict(self.summary.stages))

    # The stages, in their order

    def _changed(self) -> Iterator[Found]:
        """Files that the catalog does not know as they are now; the rest costs a stat."""
        visited: set[str] = set()
        for listing in scan(self.roots, self.library.folder, self._unreadable.__setitem__):
            visited.add(listing.folder)
            with self._timed("scan"):
                files = self._store.sort(listing)
            self.summary.seen += len(listing.files)
            self.summary.unchanged += files.unchanged
            self.summary.refused += files.refused
            yield from files.changed
        if self.summary.seen:  # else nothing may be mounted here just now
            for root in self.roots:
                self._store.mark_missing_folders(str(root), visited, self._unreadable)

    def _hash(self, found: Found) -> Job:
        with self._timed("hash"):
            try:
                if not stat.S_ISREG(found.path.stat().st_mode):
                    return Job(found, reason="not a regular file")
                with found.path.open("rb") as file:
                    return Job(found, hashlib.file_digest(file, "sha256").hexdigest())
            except OSError as error:
                return Job(found, reason=f"cannot be opened: {error.strerror}")

    def _moments(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """A video as its moments, each with its picture, and then the video itself, which has none."""
        for job in jobs:
            if job.reason or not is_video(job.found.name):
                yield job
                continue
            reason = None
            path = job.found.path
            try:
                with self._timed("details"):
                    details = read_details(path, job.found.sidecar_path)
                for seconds, frame, size in self._frames(path):
                    picture = as_picture(path, frame, size, self.library.settings.max_pixels)
                    at = hashlib.sha256(f"{job.hash}#t={seconds}".encode()).hexdigest()
                    found = replace(job.found, name=f"{job.found.name}#t={seconds}")
                    yield Job(found, at, picture=picture, details=details)
            except UnreadablePicture as error:
                reason = str(error)
            yield Job(job.found, reason=reason)

    def _frames(self, path: Path) -> Iterator[tuple[float, PictureImage, tuple[int, int]]]:
        """The frames of a video at its moments; decoding is timed, what happens between is not."""
        frames = moments(path, self._side)
        while True:
            with self._timed("decode"):
                try:
                    one = next(frames, None)
                except Exception as error:  # however the decoder fails, the file is at fault
                    raise unreadable(error) from error
            if one is None:
                return
            yield one

    def _lacking(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """Say of each job what its content still lacks, so that nothing known is decoded."""
        for batch in batches(jobs, BATCH):
            yield from self._store.lacking(batch)

    def _decode(self, job: Job) -> Job:
        """Read what the file says about itself, and the picture if it is to be looked at."""
        if job.reason or job.picture or not job.hash:
            return job
        with self._timed("details"):
            job = replace(job, details=read_details(job.found.path, job.found.sidecar_path))
        if not (job.embed or job.describe):
            return job
        with self._timed("decode"):
            try:
                return replace(job, picture=open_picture(job.found.path, self._side, self.library.settings.max_pixels))
            except UnreadablePicture as error:
                return replace(job, reason=str(error))

    def _look(self, jobs: list[Job]) -> list[Job]:
        """Encode and caption what is new; content that came twice is looked at once."""
        jobs = self._store.lacking(jobs)  # again: a twin may have been committed since
        first = {job.hash: job for job in reversed(jobs) if job.picture}
        new = [job for job in jobs if job is first.get(job.hash) and (job.embed or job.describe)]
        if not new:
            return jobs
        images = [job.picture.image for job in new if job.picture]
        made: dict[str, Job] = {}
        with self._timed("encode"):
            seen = self.library.encoder.look(images)
        for job, embedding in zip(new, seen.embeddings, strict=True):
            made[job.hash] = replace(job, embedding=embedding if job.embed else None)
        if self._captioner and (wanting := [i for i, job in enumerate(new) if job.describe]):
            with self._timed("caption"):
                if self._captioner is not cast(object, self.library.encoder):
                    seen = self._captioner.look(images)
                descriptions = self._captioner.describe(seen.take(wanting), self._language)
            for i, description in zip(wanting, descriptions, strict=True):
                made[new[i].hash] = replace(made[new[i].hash], description=description)
        return [made[job.hash] if job is first.get(job.hash) and job.hash in made else job for job in jobs]

    def _batches(self, jobs: Iterator[Job]) -> Iterator[list[Job]]:
        """As many at a time as the encoder likes just then."""
        while batch := list(islice(jobs, max(BATCH, self.library.encoder.batch))):
            yield batch

    def _refused_folder(self, path: str, reason: str) -> Job:
        return Job(Found(str(Path(path).parent), Path(path).name, 0, 0), reason=reason)

    def _count(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.found.moment:
                continue
            if job.reason:
                self.summary.refused += 1
                self.summary.reasons[job.reason] += 1
            else:
                self.summary.added += 1

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.summary.stages[stage] += time.perf_counter() - started
