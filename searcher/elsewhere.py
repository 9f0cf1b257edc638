"""Where a photo lies that is no file of this machine's disk: in a bucket, in a tar, or on the web."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from vlm.limits import UnreadablePicture
from vlm.video import split_moment

TAR, LIST = "tar:", "list:"  # how the catalog's folders begin whose files are a tar's members, or a list's addresses
_LOCATION = re.compile(r"[a-z][a-z0-9+.-]+:")  # longer than a drive's letter


class Unreachable(UnreadablePicture):
    """A photo that cannot be had from where it lies; `again` if it may be had another time."""

    def __init__(self, reason: str, *, again: bool = True, wait: float | None = None) -> None:
        """With `wait`, the seconds that its server asks to be left alone."""
        super().__init__(reason)
        self.again = again
        self.wait = wait


@dataclass(frozen=True)
class Elsewhere:
    """A photo by the catalog's folder and file, as far as needed like a Path, which would make "//" one slash.

    The folder is `s3://bucket/prefix` and the like; `tar:` and where that lies, with a member as the file; or `list:`
    and where that lies, with an address as the file. `start` and `size` are where a member lies in its tar, in bytes;
    `stamp` changes whenever the content does, as far as that can be seen from outside, and `content` is the hash that
    it had when it was indexed, if that is known.
    """

    folder: str
    file: str
    size: int = field(default=0, compare=False)
    stamp: int = 0
    start: int | None = field(default=None, compare=False)
    content: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.file if self.folder.startswith(LIST) and "://" in self.file else f"{self.folder}/{self.file}"

    @property
    def name(self) -> str:
        """What follows the last slash."""
        return self.file.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot; that of an address lies before its question mark."""
        return self._shown.suffix

    @property
    def stem(self) -> str:
        """The name without the ending."""
        return self._shown.stem

    @property
    def _shown(self) -> PurePosixPath:
        return PurePosixPath(re.split(r"[?#]", self.file)[0] if self.folder.startswith(LIST) else self.name)

    def with_name(self, name: str) -> "Elsewhere":
        """Another name in the same place."""
        return replace(self, file=self.file[: len(self.file) - len(self.name)] + name)

    def holding(self, content: str) -> "Elsewhere":
        """The same, known to have a content, by its hash; a moment is not hashed, but made."""
        return self if self.whole != self else replace(self, content=content)

    @property
    def whole(self) -> "Elsewhere":
        """The video of a moment; anything else itself."""
        return self.with_name(split_moment(self.name)[0])


Where = Path | Elsewhere


def is_location(folder: str) -> bool:
    """Whether a folder of the catalog lies elsewhere than on this machine's disk."""
    return _LOCATION.match(folder) is not None


def where_is(folder: str, name: str, size: int = 0, stamp: int = 0, start: int | None = None) -> Where:
    """Where a file of the catalog is."""
    return Elsewhere(folder, name, size, stamp, start) if is_location(folder) else Path(folder, name)


def split_location(location: str) -> tuple[str, str]:
    """The folder and the name of a file or folder, wherever it lies."""
    if is_location(location):
        folder, _, name = location.rpartition("/")
        return folder, name
    return str(Path(location).parent), Path(location).name
