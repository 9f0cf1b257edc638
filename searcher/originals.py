"""A photo's file on this machine's disk, wherever it lies: fetched where it lies elsewhere, and kept for a while.

What is fetched is kept in the user's cache folder, under names of its own, the longest unused going first.
"""

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

from searcher import ranges
from searcher.elsewhere import LIST, TAR, Elsewhere, Unreachable, Where
from vlm.errors import AskpixError
from vlm.picture import MAX_PIXELS, SUFFIXES, Picture, UnreadablePicture, open_picture, opened_ahead

MOST_BYTES = 1_000_000_000  # of one file
KEPT_BYTES = 4_000_000_000  # of all, or a part of the disk's free space if that is less
_SHARE = 4
_IN_USE_S = 60  # after which a file that was asked for may be dropped
_SWEEP_BYTES = 64_000_000  # fetched between two looks at what is kept
_PAGES = ("text/html", "application/xhtml+xml")

_fetched = 0
_sweeping = threading.Lock()


@contextmanager
def local(where: Where) -> Iterator[Path]:
    """A file of this machine's disk with the photo in it, while this lasts; a moment's is named as moments are.

    Raises Unreachable when it lies elsewhere and cannot be had, or is another one than was indexed.
    """
    if isinstance(where, Path):
        yield where
        return
    whole = where.whole
    path = _kept(whole)
    yield path.with_name(path.name + where.name[len(whole.name) :])


def open_original(where: Where, side: int, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a photo wherever it lies; see `vlm.picture.open_picture`, whose errors Unreachable is one of."""
    with local(where) as path:
        return open_picture(path, side, max_pixels)


def open_named(where: Where, side: int, max_pixels: int = MAX_PIXELS) -> Picture:
    """As `open_original`, for one that somebody asked for: raises AskpixError that says which."""
    try:
        return open_original(where, side, max_pixels)
    except AskpixError as error:
        raise AskpixError(f"{where}: {error}") from error


def open_originals(
    wheres: Iterable[Where], side: int, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[Where, Picture | UnreadablePicture]]:
    """Open photos in order, some ahead in threads; one that cannot be opened comes as its error."""
    return opened_ahead(lambda where: open_original(where, side, max_pixels), wheres)


def keep(where: Elsewhere, data: bytes) -> None:
    """Keep what was read on the way, so that it is not fetched again."""
    with suppress(Unreachable):
        _write(where, _place(where), [data])


def _kept(where: Elsewhere) -> Path:
    path = _place(where)
    try:
        os.utime(path)
    except FileNotFoundError:
        _write(where, path, None)
    return path


def _place(where: Elsewhere) -> Path:
    """Where a file is kept; nothing of a name that others chose is in it but the ending of a picture."""
    key = hashlib.sha256(f"{where.folder}\n{where.file}\n{where.stamp}".encode("utf-8", "surrogateescape")).hexdigest()
    suffix = where.suffix.lower()
    return user_cache_path("askpix") / "originals" / key[:2] / f"{key}{suffix if suffix in SUFFIXES else ''}"


def _write(where: Elsewhere, path: Path, data: Iterable[bytes] | None) -> None:
    """Keep what is given, or else fetch it; whole or not at all."""
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            part = file.name
            if data is not None:
                file.writelines(data)
            else:
                _fetch(where, file)
            size = file.tell()
        os.replace(part, path)
    except OSError as error:
        raise Unreachable(f"it cannot be kept in {path.parent}: {error.strerror}") from error
    finally:
        if part:
            Path(part).unlink(missing_ok=True)
    _make_room(size)


def _fetch(where: Elsewhere, file: IO[bytes]) -> None:
    if where.folder.startswith(LIST):
        kind = ranges.fetcher().fetch(where.file, file)
        if kind in _PAGES:
            raise Unreachable(f"the server gives a web page ({kind}) instead of a picture", again=False)
    else:
        if where.size > MOST_BYTES:
            raise Unreachable(f"it has {where.size / 1e9:.1f} GB, more than the {MOST_BYTES / 1e9:.0f} GB fetched")
        location, start = str(where), 0
        if where.folder.startswith(TAR):
            location, start = where.folder.removeprefix(TAR), where.start or 0
        size = where.size or ranges.look(location).size
        for piece in ranges.pieces(location, start, start + size):
            file.write(piece)
    if where.content:
        file.flush()
        with open(file.name, "rb") as written:
            if hashlib.file_digest(written, "sha256").hexdigest() != where.content:
                raise Unreachable("it is another one than was indexed; index it again")


def _make_room(fetched: int) -> None:
    """Drop what was not used for longest, now and then, once what is kept is too much."""
    global _fetched  # noqa: PLW0603
    with _sweeping:
        _fetched += fetched
        if _fetched < _SWEEP_BYTES:
            return
        _fetched = 0
        sweep()


def sweep() -> None:
    """Drop what was not used for longest until no more is kept than may be; what is in use just now is left."""
    folder = user_cache_path("askpix") / "originals"
    files = []
    for path in folder.glob("*/*"):
        with suppress(OSError):
            info = path.stat()
            files.append((info.st_mtime, info.st_size, path))
    most = min(KEPT_BYTES, shutil.disk_usage(folder).free // _SHARE)
    kept = sum(size for _, size, _ in files)
    for used, size, path in sorted(files):
        if kept <= most or used > time.time() - _IN_USE_S:
            return
        with suppress(OSError):
            path.unlink()
            kept -= size
