"""What is done to one file before it is encoded: hashed, read and decoded. It needs no library, so any process can."""

import hashlib
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from PIL.Image import Image as PictureImage

from indexer.details import FileDetails, read_details
from indexer.found import Found
from indexer.store import Job
from searcher.elsewhere import Unreachable
from searcher.likeness import likeness
from searcher.originals import local
from searcher.ranges import LEAVING, patiently
from vlm.picture import UnreadablePicture, as_picture, open_picture
from vlm.streams import ahead
from vlm.video import is_video, moments

FETCHERS = 16  # threads, which wait most of the time


@dataclass(frozen=True)
class Stages:
    """The stages of a run whose encoder takes pictures with a shorter side of `image_size` pixels.

    `timed` times what is done under a stage's name.
    """

    image_size: int
    max_pixels: int
    timed: Callable[[str], AbstractContextManager[None]]

    def hash_ahead(self, files: Iterable[Found], depth: int, pool: Executor | None = None) -> Iterator[Job]:
        """Know each file by its content, in their order, at most `depth` ahead of who asks.

        What lies elsewhere is fetched by many threads; files of this machine are read in the `pool`, if there is one.
        """

        def hashed(found: Found) -> Job:
            if pool and isinstance(found.path, Path):
                return pool.submit(self.hash, found).result()
            return self.hash(found)

        try:
            with ThreadPoolExecutor(FETCHERS, "fetch") as fetchers:
                try:
                    yield from ahead(fetchers, hashed, files, depth)
                finally:
                    LEAVING.set()  # or one who interrupts the run would wait for a store that is away
        finally:
            LEAVING.clear()

    def hash(self, found: Found) -> Job:
        """Know a file by its content, or why it cannot be opened; one that lies elsewhere is fetched."""
        if found.reason or not found.name:
            return Job(found, reason=found.reason)
        try:
            with ExitStack() as opened:
                with self.timed("hash" if isinstance(found.path, Path) else "fetch"):
                    path = patiently(lambda: opened.enter_context(local(found.path)))
                with self.timed("hash"):
                    info = path.stat()
                    if not stat.S_ISREG(info.st_mode):
                        return Job(found, reason="not a regular file")
                    with path.open("rb") as file:
                        content = hashlib.file_digest(file, "sha256").hexdigest()
                    return Job(found if found.size >= 0 else replace(found, size=info.st_size), content)
        except Unreachable as error:
            return Job(found, reason=str(error), again=error.again)
        except OSError as error:
            return Job(found, reason=f"cannot be opened: {error.strerror}", again=True)

    def moments(self, job: Job) -> Iterator[Job]:
        """A video as its moments, each with its picture, and then the video itself, which has none; else the job."""
        if job.reason or not is_video(job.found.name):
            yield job
            return
        reason = None
        try:
            with local(job.found.path) as path:
                details = self._details(job.found, path)
                for seconds, frame, size in self._frames(path):
                    picture = as_picture(path, frame, size, self.max_pixels)
                    at = hashlib.sha256(f"{job.hash}#t={seconds}".encode()).hexdigest()
                    found = replace(job.found, name=f"{job.found.name}#t={seconds}")
                    yield Job(found, at, picture=picture, details=details, likeness=likeness(picture.image))
        except UnreadablePicture as error:
            reason = str(error)
        yield Job(job.found, reason=reason)

    def _frames(self, path: Path) -> Iterator[tuple[float, PictureImage, tuple[int, int]]]:
        """The frames of a video at its moments; decoding is timed, what happens between is not."""
        frames = moments(path, self.image_size)
        while True:
            with self.timed("decode"):
                one = next(frames, None)
            if one is None:
                return
            yield one

    def decode(self, job: Job) -> Job:
        """Read what the file says about itself, and the picture if it is to be encoded."""
        if job.reason or job.picture or not job.hash:
            return job
        try:
            with local(job.found.path) as path:
                job = replace(job, details=self._details(job.found, path))
                if not job.embed:
                    return job
                with self.timed("decode"):
                    picture = open_picture(path, self.image_size, self.max_pixels)
                    return replace(job, picture=picture, likeness=likeness(picture.image))
        except Unreachable as error:
            return replace(job, reason=str(error), again=error.again)
        except UnreadablePicture as error:
            by_disk = isinstance(error.__cause__, OSError) and error.__cause__.errno is not None
            return replace(job, reason=str(error), again=by_disk)

    def _details(self, found: Found, path: Path) -> FileDetails:
        """What a file says, and what was written beside it."""
        with self.timed("details"), ExitStack() as opened:
            sidecar = opened.enter_context(local(found.sidecar_path)) if found.sidecar_path else None
            said = read_details(path, sidecar)
        if not (beside := found.beside):
            return said
        written = {"title": beside.title, "description": beside.description}
        values = said.values | {name: text for name, text in written.items() if text}
        return replace(said, values=values, keywords=beside.keywords or said.keywords)
