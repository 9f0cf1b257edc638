"""Find picture files in folders, always in the same order, and never twice; and likewise wherever else they lie."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from indexer.found import Found, Listing, Refuse, sidecars_of
from indexer.sources import buckets, lists, tars
from indexer.sources.naming import Root, roots_of
from searcher.elsewhere import LIST, TAR, Unreachable, is_location
from vlm.picture import SUFFIXES

__all__ = ["Found", "Listing", "Root", "lies_in", "list_again", "roots_of", "scan"]

_ENDINGS = tuple(SUFFIXES)


def scan(roots: Sequence[Root], skip: Path, refuse: Refuse) -> Iterator[Listing]:
    """Walk the roots, folder by folder in the order of names, and list their picture files.

    Links are followed, but no folder is entered twice, so a link that loops ends. Hidden files and
    folders are left out, and so is `skip` (the library itself). A folder that cannot be read goes to
    `refuse` with the reason. A root that is a file counts as a picture whatever its name; tars and
    lists are left to `list_again`.
    """
    entered: set[tuple[int, int]] = set()
    for root in roots:
        if isinstance(root, str):
            if not root.startswith((TAR, LIST)):
                yield from buckets.walk(root, refuse)
        elif root.is_dir():
            yield from _walk(str(root), str(skip), entered, refuse)
        else:
            yield Listing(str(root.parent), [_named(root)], whole=False)


def lies_in(folder: str, root: str) -> bool:
    """Whether a folder is the root, or below it."""
    return folder == root or folder.startswith(root.rstrip("/") + "/")


def list_again(listing: Listing, refuse: Refuse) -> Iterator[list[Found]]:
    """The picture files of the same folder, or those named in it, as they are now; those of a tar or a list, which may
    be long, some at a time."""
    folder = listing.folder
    try:
        if not listing.whole:
            yield listing.files if is_location(folder) else [_named(Path(folder, one.name)) for one in listing.files]
        elif folder.startswith(TAR):
            yield from tars.listed(folder)
        elif folder.startswith(LIST):
            yield from lists.listed(folder, refuse)
        elif is_location(folder):
            yield buckets.listed(folder)
        else:
            yield _list(folder, refuse)[0]
    except OSError as error:
        refuse(folder, _unreadable(error))
    except Unreachable as error:
        refuse(folder, str(error))


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
    """The XMP file beside a picture, and its time."""
    for beside in sidecars_of(name):
        if beside in entries:
            return beside, entries[beside].stat().st_mtime_ns
    return None, None


def _named(path: Path) -> Found:
    try:
        info = path.stat()
    except OSError:  # opening it will say why
        return Found(str(path.parent), path.name, 0, 0)
    for sidecar in map(path.with_name, sidecars_of(path.name)):
        with suppress(OSError):
            changed = sidecar.stat().st_mtime_ns
            return Found(str(path.parent), path.name, info.st_size, info.st_mtime_ns, sidecar.name, changed)
    return Found(str(path.parent), path.name, info.st_size, info.st_mtime_ns)
