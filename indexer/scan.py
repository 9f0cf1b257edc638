"""Find picture files in folders, always in the same order, and never twice."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vlm.errors import AskpixError
from vlm.picture import SUFFIXES
from vlm.video import split_moment

_ENDINGS = tuple(SUFFIXES)

Refuse = Callable[[str, str], None]


@dataclass(frozen=True)
class Found:
    """A file as the folder shows it: size in bytes, modification time in nanoseconds.

    `sidecar` is the name of the XMP file beside it, if there is one, and `sidecar_ns` when that was changed.
    """

    folder: str
    name: str
    size: int
    mtime_ns: int
    sidecar: str | None = None
    sidecar_ns: int | None = None

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.folder, self.name)

    @property
    def moment(self) -> bool:
        """Whether it is a moment of a video rather than a file of its own."""
        return split_moment(self.name)[1] is not None

    @property
    def sidecar_path(self) -> Path | None:
        """Where its sidecar is."""
        return Path(self.folder, self.sidecar) if self.sidecar else None


@dataclass(frozen=True)
class Listing:
    """The picture files of one folder by name; `whole` when it was listed rather than some files named in it."""

    folder: str
    files: list[Found]
    whole: bool


def roots_of(paths: Sequence[Path]) -> list[Path]:
    """The paths made absolute, without repetition; AskpixError for one that does not exist."""
    roots = list(dict.fromkeys(path.expanduser().absolute() for path in paths))
    for root in roots:
        if not os.path.lexists(root):
            raise AskpixError(f"there is nothing at {root}; name a folder or a picture that exists")
    return roots


def scan(roots: Sequence[Path], skip: Path, refuse: Refuse) -> Iterator[Listing]:
    """Walk the roots, folder by folder in the order of names, and list their picture files.

    Links are followed, but no folder is entered twice, so a link that loops ends. Hidden files and
    folders are left out, and so is `skip` (the library itself). A folder that cannot be read goes to
    `refuse` with the reason. A root that is a file counts as a picture whatever its name.
    """
    entered: set[tuple[int, int]] = set()
    for root in roots:
        if root.is_dir():
            yield from _walk(str(root), str(skip), entered, refuse)
        else:
            yield Listing(str(root.parent), [_named(root)], whole=False)


def lies_in(folder: str, root: str) -> bool:
    """Whether a folder is the root, or below it."""
    return folder == root or folder.startswith(root.rstrip("/") + "/")


def list_again(listing: Listing, refuse: Refuse) -> list[Found]:
    """The picture files of the same folder, or those named in it, as they are now."""
    if not listing.whole:
        return [_named(found.path) for found in listing.files]
    try:
        return _list(listing.folder, refuse)[0]
    except OSError as error:
        refuse(listing.folder, _unreadable(error))
        return []


def _walk(root: str, skip: str, entered: set[tuple[int, int]], refuse: Refuse) -> Iterator[Listing]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        if folder == skip:
            continue
        try:
            here = os.stat(folder)
            if (here.st_dev, here.st_ino) in entered:
                continue
            entered.add((here.st_dev, here.st_ino))
            files, folders = _list(folder, refuse)
        except OSError as error:
            refuse(folder, _unreadable(error))
            continue
        # A root without anything in it is more likely a drive that is not mounted than a purge.
        yield Listing(folder, files, whole=folder != root or bool(files or folders))
        waiting.extend(reversed(folders))


def _unreadable(error: OSError) -> str:
    return f"the folder cannot be read: {error.strerror}"


def _list(folder: str, refuse: Refuse) -> tuple[list[Found], list[str]]:
    """The picture files and the folders in a folder, by name."""
    with os.scandir(folder) as found:
        entries = sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    files, folders = [], []
    sidecars = {entry.name: entry for entry in entries if entry.name.lower().endswith(".xmp")}
    for entry in entries:
        try:
            if entry.is_dir():
                folders.append(entry.path)
            elif entry.name.lower().endswith(_ENDINGS):
                info = entry.stat()
                beside = _sidecar(entry.name, sidecars) if sidecars else (None, None)
                files.append(Found(folder, entry.name, info.st_size, info.st_mtime_ns, *beside))
        except OSError as error:  # a link that points at itself, a file that is gone by now
            refuse(entry.path, f"cannot be opened: {error.strerror}")
    return files, folders


def _sidecar(name: str, entries: Mapping[str, os.DirEntry[str]]) -> tuple[str | None, int | None]:
    """The XMP file beside a picture, as digiKam and darktable name it or as Lightroom does, and its time."""
    for beside in _beside(name):
        if beside in entries:
            return beside, entries[beside].stat().st_mtime_ns
    return None, None


def _beside(name: str) -> tuple[str, ...]:
    stem = os.path.splitext(name)[0]
    return f"{name}.xmp", f"{stem}.xmp", f"{name}.XMP", f"{stem}.XMP"


def _named(path: Path) -> Found:
    try:
        info = path.stat()
    except OSError:  # opening it will say why
        return Found(str(path.parent), path.name, 0, 0)
    for sidecar in map(path.with_name, _beside(path.name)):
        with suppress(OSError):
            changed = sidecar.stat().st_mtime_ns
            return Found(str(path.parent), path.name, info.st_size, info.st_mtime_ns, sidecar.name, changed)
    return Found(str(path.parent), path.name, info.st_size, info.st_mtime_ns)
