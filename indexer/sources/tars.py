"""WebDataset tars: read from one end to the other, a picture with the texts beside it at a time.

What has one name up to the first dot belongs together, as WebDataset has it: a/0001.jpg, a/0001.txt with a caption, and
a/0001.json with an object that may say caption, title and keywords. Nothing is ever written by a member's name.
"""

import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from indexer.found import Beside, Found
from indexer.sources.texts import read_beside
from searcher import originals, ranges
from searcher.elsewhere import TAR, Elsewhere, Unreachable
from vlm.picture import SUFFIXES
from vlm.streams import ahead

_ENDINGS = tuple(SUFFIXES)
_READ_BYTES = 1_000_000  # of a text, and of a header
_KEPT_BYTES = 64_000_000  # of a picture that is given on the way
_AHEAD = 4  # pieces fetched while one is read
_BLOCK = 512  # bytes, of tar's
_TOGETHER = 32  # pictures


@dataclass(frozen=True)
class Member:
    """A picture in a tar: its name there, where it begins and how long it is in bytes, and what is beside it."""

    name: str
    start: int
    size: int
    beside: Beside | None = None


def listed(folder: str) -> Iterator[list[Found]]:
    """The pictures in a tar, some at a time, and in the end what says that these were all.

    Those of a tar elsewhere are kept (`searcher.originals`) as they come by. Raises Unreachable when it cannot be read
    to its end.
    """
    location = folder.removeprefix(TAR)
    about = ranges.look(location)

    def keep(member: Member, data: bytes) -> None:
        originals.keep(Elsewhere(folder, member.name, member.size, about.stamp), data)

    count = 0
    found: list[Found] = []
    try:
        for one in members(location, about.size, None if location.startswith("/") else keep):
            count += 1
            found.append(Found(folder, one.name, one.size, about.stamp, start=one.start, beside=one.beside))
            if len(found) == _TOGETHER:
                yield found
                found = []
    except Unreachable:
        yield found
        raise
    yield [*found, Found(folder, "", about.size, about.stamp, start=count)]


def members(location: str, size: int, keep: Callable[[Member, bytes], None] | None = None) -> Iterator[Member]:
    """The pictures in a tar of `size` bytes, in their order, each name once; their bytes are given to `keep`.

    Raises Unreachable when it cannot be read, is cut short, or is no tar.
    """
    waiting: list[Member] = []
    texts: dict[str, bytes] = {}
    key = ""
    known: set[int] = set()
    with _opened(location, size) as file:
        for name, start, length in _regular(file):
            if _key(name) != key:
                yield from _with_texts(waiting, texts)
                waiting, texts, key = [], {}, _key(name)
            ending = name[len(key) :].lower()
            if ending in {".txt", ".json"} and length <= _READ_BYTES:
                texts[ending] = file.data(start, length)
            elif ending.endswith(_ENDINGS) and hash(name) not in known:
                known.add(hash(name))
                waiting.append(Member(name, start, length))
                if keep and length <= _KEPT_BYTES:
                    keep(waiting[-1], file.data(start, length))
        yield from _with_texts(waiting, texts)


def count(location: str, size: int) -> int:
    """How many pictures a tar holds, as far as it can be read; of one that lies elsewhere, an estimate by its first
    piece. Raises Unreachable when nothing can be read."""
    looked_at = size if location.startswith("/") else min(size, ranges.PIECE)
    pictures = end = 0
    with _opened(location, looked_at) as file:
        try:
            for name, start, length in _regular(file):
                pictures += name.lower().endswith(_ENDINGS)
                end = start + length
        except Unreachable:
            if not end:
                raise
    return pictures if looked_at == size else round(pictures * size / end)


def _regular(file: "_File") -> Iterator[tuple[str, int, int]]:
    """The files in a tar: their names, where they begin and their lengths."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:  # type: ignore[call-overload]
            for info in tar:
                tar.members.clear()  # which it would gather
                name = info.name.removeprefix("./")
                if info.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not name.rpartition("/")[2].startswith("."):
                    yield name, info.offset_data, info.size
            # It takes whatever it does not understand for the end.
            if file.data(tar.offset, _BLOCK) != bytes(_BLOCK):
                raise Unreachable("the tar is damaged, or cut short; what comes before that was read")
    except tarfile.TarError as error:
        raise Unreachable(f"the tar is damaged, or cut short ({error}); what comes before that was read") from error


@dataclass
class _File:
    """A file for `tarfile` to read headers from; `data` gives the bytes from one place on, as many as there are."""

    data: Callable[[int, int], bytes]
    at: int = 0

    def tell(self) -> int:
        return self.at

    def seek(self, position: int) -> None:
        self.at = position

    def read(self, length: int) -> bytes:
        if length > _READ_BYTES:
            raise Unreachable("the tar is damaged: it has a header that is too long")
        data = self.data(self.at, length)
        self.at += len(data)
        return data


@contextmanager
def _opened(location: str, size: int) -> Iterator[_File]:
    """The first `size` bytes of a file to be read forwards, fetched ahead where it lies elsewhere."""
    if location.startswith("/"):
        with ranges.told(location), open(location, "rb") as local:

            def at(start: int, length: int) -> bytes:
                local.seek(start)
                return local.read(length)

            yield _File(at)
        return
    with ThreadPoolExecutor(_AHEAD, "read") as pool:

        def piece(start: int) -> bytes:
            stop = min(start + ranges.PIECE, size)
            return ranges.patiently(lambda: b"".join(ranges.pieces(location, start, stop)))

        yield _File(_Window(ahead(pool, piece, range(0, size, ranges.PIECE), _AHEAD)).data)


class _Window:
    """The pieces of a file one after the other, the last at hand to step back by a byte, as tarfile does."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._start, self._held = 0, b""

    def data(self, start: int, length: int) -> bytes:
        while start + length > self._start + len(self._held):
            piece = next(self._pieces, None)
            if piece is None:
                break
            passed = min(max(0, start - 1 - self._start), len(self._held))
            self._held = self._held[passed:] + piece
            self._start += passed
        return self._held[max(0, start - self._start) : max(0, start + length - self._start)]


def _key(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition('.')[0]}"


def _with_texts(pictures: list[Member], texts: dict[str, bytes]) -> list[Member]:
    beside = read_beside(texts) if texts else None
    return [replace(picture, beside=beside) for picture in pictures]
