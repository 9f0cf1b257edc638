"""The second phase of a run: hash, decode, encode and store what is new, as one bounded stream of jobs."""

import hashlib
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from PIL.Image import Image as PictureImage

from indexer.details import read_details
from indexer.looks import Looks
from indexer.progress import Progress
from indexer.scan import Found, Listing, list_again
from indexer.store import Job, Store
from searcher import Library
from searcher.likeness import likeness
from vlm.picture import UnreadablePicture, as_picture, open_picture
from vlm.streams import ahead, batches
from vlm.video import is_video, moments

BATCH = 32  # files looked up together; a model may want more pictures at a time
DECODERS = 2  # threads, each with a process that decodes for it


@dataclass(frozen=True)
class Embedding:
    """What the stages of this phase share. What the encoder saw is kept in `looks`, if given, and folders that
    cannot be read go to `unreadable`."""

    library: Library
    store: Store
    progress: Progress
    looks: Looks | None = None
    unreadable: dict[str, str] = field(default_factory=dict)

    def run(self, todo: Iterable[Listing]) -> Iterator[list[Job]]:
        """Encode what has changed in these folders; yields each batch once it is committed."""
        with ThreadPoolExecutor(DECODERS, "decode") as pool:
            hashed = ahead(pool, self._hash, self._changed(todo), 2 * BATCH)
            decoded = ahead(pool, self._decode, self._lacking(self._moments(hashed)), 2 * BATCH)
            # As many at a time as the encoder likes just then.
            while jobs := list(islice(decoded, max(BATCH, self.library.encoder.batch))):
                yield self._encode(jobs)
        if refused := [_refused_folder(path, why) for path, why in self.unreadable.items()]:
            self.progress.summary.seen += len(refused)
            self.store.write(refused)
            self._count(refused)
            yield refused

    # The stages, in their order

    def _changed(self, todo: Iterable[Listing]) -> Iterator[Found]:
        for listing in todo:
            files = list_again(listing, self.unreadable.__setitem__)
            yield from self.store.check(listing.folder, files, whole=False).changed

    def _hash(self, found: Found) -> Job:
        with self.progress.timed("hash"):
            try:
                if not stat.S_ISREG(found.path.stat().st_mode):
                    return Job(found, reason="not a regular file")
                with found.path.open("rb") as file:
                    return Job(found, hashlib.file_digest(file, "sha256").hexdigest())
            except OSError as error:
                return Job(found, reason=f"cannot be opened: {error.strerror}", again=True)

    def _moments(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """A video as its moments, each with its picture, and then the video itself, which has none."""
        for job in jobs:
            if job.reason or not is_video(job.found.name):
                yield job
                continue
            reason = None
            path = job.found.path
            try:
                with self.progress.timed("details"):
                    details = read_details(path, job.found.sidecar_path)
                for seconds, frame, size in self._frames(path):
                    picture = as_picture(path, frame, size, self.library.settings.max_pixels)
                    at = hashlib.sha256(f"{job.hash}#t={seconds}".encode()).hexdigest()
                    found = replace(job.found, name=f"{job.found.name}#t={seconds}")
                    yield Job(found, at, picture=picture, details=details, likeness=likeness(picture.image))
            except UnreadablePicture as error:
                reason = str(error)
            yield Job(job.found, reason=reason)

    def _frames(self, path: Path) -> Iterator[tuple[float, PictureImage, tuple[int, int]]]:
        """The frames of a video at its moments; decoding is timed, what happens between is not."""
        frames = moments(path, self.library.encoder.image_size)
        while True:
            with self.progress.timed("decode"):
                one = next(frames, None)
            if one is None:
                return
            yield one

    def _lacking(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """Say of each job whether its content lacks an embedding, so that nothing known is decoded."""
        for batch in batches(jobs, BATCH):
            yield from self.store.lacking(batch)

    def _decode(self, job: Job) -> Job:
        """Read what the file says about itself, and the picture if it is to be encoded."""
        if job.reason or job.picture or not job.hash:
            return job
        with self.progress.timed("details"):
            job = replace(job, details=read_details(job.found.path, job.found.sidecar_path))
        if not job.embed:
            return job
        with self.progress.timed("decode"):
            try:
                picture = open_picture(
                    job.found.path, self.library.encoder.image_size, self.library.settings.max_pixels
                )
                return replace(job, picture=picture, likeness=likeness(picture.image))
            except UnreadablePicture as error:
                by_disk = isinstance(error.__cause__, OSError) and error.__cause__.errno is not None
                return replace(job, reason=str(error), again=by_disk)

    def _encode(self, jobs: list[Job]) -> list[Job]:
        """Encode what is new, content that came twice once, and commit the batch."""
        jobs = self.store.lacking(jobs)  # again: a twin may have been committed since
        first = {job.hash: job for job in reversed(jobs) if job.picture}
        new = [job for job in jobs if job is first.get(job.hash) and job.embed]
        with self.progress.timed("encode"):
            seen = self.library.encoder.look([job.picture.image for job in new if job.picture])
        embedded = {job.hash: replace(job, embedding=row) for job, row in zip(new, seen.embeddings, strict=True)}
        done = [embedded[job.hash] if job is first.get(job.hash) and job.hash in embedded else job for job in jobs]
        with self.progress.timed("store"):
            images = self.store.write(done)
            if self.looks:
                for row, job in enumerate(new):
                    self.looks.keep(images[job.hash], seen.take([row]))
        self._count(done)
        return done

    def _count(self, jobs: list[Job]) -> None:
        files = [job for job in jobs if not job.found.moment]
        refused = [job.reason for job in files if job.reason]
        summary = self.progress.summary
        summary.refused += len(refused)
        summary.reasons.update(refused)
        summary.added += len(files) - len(refused)
        self.progress.advance(len(files))


def _refused_folder(path: str, reason: str) -> Job:
    return Job(Found(str(Path(path).parent), Path(path).name, 0, 0), reason=reason, again=True)
