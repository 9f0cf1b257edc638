"""What is done to one file before it is encoded: hashed, read and decoded. It needs no library, so any process can."""

import hashlib
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from PIL.Image import Image as PictureImage

from indexer.details import read_details
from indexer.scan import Found
from indexer.store import Job
from searcher.likeness import likeness
from vlm.picture import UnreadablePicture, as_picture, open_picture
from vlm.video import is_video, moments


@dataclass(frozen=True)
class Stages:
    """The stages of a run whose encoder takes pictures with a shorter side of `image_size` pixels.

    `timed` times what is done under a stage's name.
    """

    image_size: int
    max_pixels: int
    timed: Callable[[str], AbstractContextManager[None]]

    def hash(self, found: Found) -> Job:
        """Know a file by its content, or why it cannot be opened."""
        with self.timed("hash"):
            try:
                if not stat.S_ISREG(found.path.stat().st_mode):
                    return Job(found, reason="not a regular file")
                with found.path.open("rb") as file:
                    return Job(found, hashlib.file_digest(file, "sha256").hexdigest())
            except OSError as error:
                return Job(found, reason=f"cannot be opened: {error.strerror}", again=True)

    def moments(self, job: Job) -> Iterator[Job]:
        """A video as its moments, each with its picture, and then the video itself, which has none; else the job."""
        if job.reason or not is_video(job.found.name):
            yield job
            return
        reason = None
        path = job.found.path
        try:
            with self.timed("details"):
                details = read_details(path, job.found.sidecar_path)
            for seconds, frame, size in self._frames(job):
                picture = as_picture(path, frame, size, self.max_pixels)
                at = hashlib.sha256(f"{job.hash}#t={seconds}".encode()).hexdigest()
                found = replace(job.found, name=f"{job.found.name}#t={seconds}")
                yield Job(found, at, picture=picture, details=details, likeness=likeness(picture.image))
        except UnreadablePicture as error:
            reason = str(error)
        yield Job(job.found, reason=reason)

    def _frames(self, job: Job) -> Iterator[tuple[float, PictureImage, tuple[int, int]]]:
        """The frames of a video at its moments; decoding is timed, what happens between is not."""
        frames = moments(job.found.path, self.image_size)
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
        with self.timed("details"):
            job = replace(job, details=read_details(job.found.path, job.found.sidecar_path))
        if not job.embed:
            return job
        with self.timed("decode"):
            try:
                picture = open_picture(job.found.path, self.image_size, self.max_pixels)
                return replace(job, picture=picture, likeness=likeness(picture.image))
            except UnreadablePicture as error:
                by_disk = isinstance(error.__cause__, OSError) and error.__cause__.errno is not None
                return replace(job, reason=str(error), again=by_disk)
