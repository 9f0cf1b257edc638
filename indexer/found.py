"""What is found where photos lie: files, in folders."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from searcher.elsewhere import Where, where_is
from vlm.video import split_moment

Refuse = Callable[[str, str], None]  # takes what cannot be read, and the reason


@dataclass(frozen=True)
class Beside:
    """What people wrote beside a picture, which counts as what a sidecar says."""

    description: str | None = None
    title: str | None = None
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A file as the folder shows it: size in bytes, modification time in nanoseconds.

    `sidecar` is the name of the XMP file beside it, if there is one, and `sidecar_ns` when that was changed. A size
    below 0 is not known before it is fetched.

    A picture in a tar `start`s after so many bytes; a tar that was read to its end has no name, and as `start` the
    number of its pictures. What people wrote `beside` a picture comes with it, and the `reason` why an address cannot
    be taken.
    """

    folder: str
    name: str
    size: int
    mtime_ns: int
    sidecar: str | None = None
    sidecar_ns: int | None = None
    start: int | None = None
    beside: Beside | None = None
    reason: str | None = None

    @property
    def path(self) -> Where:
        """Where the file is."""
        return where_is(self.folder, self.name, self.size, self.mtime_ns, self.start)

    @property
    def sidecar_path(self) -> Where | None:
        """Where its sidecar is."""
        return where_is(self.folder, self.sidecar, stamp=self.sidecar_ns or 0) if self.sidecar else None

    @property
    def moment(self) -> bool:
        """Whether it is a moment of a video, or the end of a tar, rather than a file of its own."""
        return not self.name or split_moment(self.name)[1] is not None


@dataclass(frozen=True)
class Listing:
    """The picture files of one folder by name; `whole` when it was listed rather than some files named in it."""

    folder: str
    files: list[Found]
    whole: bool


def sidecars_of(name: str) -> tuple[str, ...]:
    """The XMP files that may belong to a picture, as digiKam and darktable name them, and as Lightroom does."""
    stem = os.path.splitext(name)[0]
    return f"{name}.xmp", f"{stem}.xmp", f"{name}.XMP", f"{stem}.XMP"
