"""Segments: the files that a model's vectors are kept in, only ever appended to.

A segment is a file of fixed-size rows, each an image id and its embedding as 16-bit floats, so that it can
be read without the catalog. All but the last have as many rows, so the place of a row says which file it is in,
whatever has become of the others. Checksums lie beside each (`searcher.marks`).
"""

import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from searcher.marks import MEND, Marks
from vlm.errors import AskpixError
from vlm.protocols import Floats

SEGMENT_ROWS = 65_536
DESCRIPTION = "model.json"
_MENDED = "mended"  # a file that is touched when rows become nobody's
Ids = NDArray[np.int64]
Part = NDArray[np.void]  # rows that lie one behind the other in one file: fields "id" and "vector"


def slug(model: str) -> str:
    """The name of the folder with a model's vectors."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", model)


def description(model: str, dim: int) -> bytes:
    """What a folder with vectors says of them in its file `DESCRIPTION`: whose they are, how long, and a checksum."""
    return json.dumps({"model": model, "dim": dim, "crc": _crc(model, dim)}).encode()


def described(folder: Path) -> tuple[str, int] | None:
    """The model whose vectors are in a folder, and how many numbers each has; None where it does not say.

    Raises AskpixError when what it says is damaged.
    """
    path = folder / DESCRIPTION
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        model, dim = str(said["model"]), int(said["dim"])
        if slug(model) == folder.name and said.get("crc", _crc(model, dim)) == _crc(model, dim):
            return model, dim
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise AskpixError(f"{path} is damaged; {MEND}")


def _crc(model: str, dim: int) -> int:
    return zlib.crc32(f"{model} {dim}".encode())


class Segments:
    """The segments in one folder; rows are counted from 0 in the order of appending."""

    def __init__(self, folder: Path, dim: int) -> None:
        self.folder = folder
        self.dim = dim
        self._row = np.dtype([("id", "<i8"), ("vector", "<f2", (dim,))])

    def __len__(self) -> int:
        """Places that are taken: all rows up to the last whole one on disk, lost ones before it included."""
        return max((number * SEGMENT_ROWS + rows for number, rows in self._rows().items()), default=0)

    def append(self, ids: Ids, embeddings: Floats) -> None:
        """Add n rows, ids [n] and embeddings [n, dim], and wait until the disk has them."""
        rows = np.empty(len(ids), self._row)
        rows["id"], rows["vector"] = ids, embeddings
        start = len(self)
        while len(rows):
            number, used = divmod(start, SEGMENT_ROWS)
            part, rows = np.split(rows, [min(len(rows), SEGMENT_ROWS - used)])
            data = memoryview(part.tobytes())
            with self._path(number).open("ab") as file:
                if file.tell() > used * self._row.itemsize:  # a row that was cut off
                    file.truncate(used * self._row.itemsize)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._marks(number).add(used, data)
            start += len(part)

    def truncate(self, count: int) -> None:
        """Drop everything behind the first `count` rows, a torn last row included.

        Raises AskpixError when rows before them are lost.
        """
        there = self._rows()
        last = max(there, default=-1)
        for number in range(last + 1):
            keep = min(max(count - number * SEGMENT_ROWS, 0), SEGMENT_ROWS)
            if number < last and there.get(number, 0) < keep:
                raise self._lacks(number, there.get(number, 0), keep)
            if keep:
                self._marks(number).cut(keep)
                if self._path(number).stat().st_size > keep * self._row.itemsize:
                    os.truncate(self._path(number), keep * self._row.itemsize)
            else:
                self._path(number).unlink(missing_ok=True)
                self._marks(number).path.unlink(missing_ok=True)

    def map(self, count: int) -> list[Part]:
        """The first `count` rows, one part a file; the files are mapped, not read.

        Raises AskpixError when some of them are not on the disk.
        """
        parts = []
        for number, wanted in _files(count):
            try:
                with self._path(number).open("rb") as file:
                    rows = os.fstat(file.fileno()).st_size // self._row.itemsize
                    if rows >= wanted:
                        parts.append(np.asarray(np.memmap(file, self._row, mode="r", shape=(wanted,))))
            except FileNotFoundError:
                rows = 0
            if rows < wanted:
                raise self._lacks(number, rows, wanted)
        return parts

    # Whether they are whole

    def pieces(self, count: int) -> list[range]:
        """The first `count` rows, file by file."""
        return [range(number * SEGMENT_ROWS, number * SEGMENT_ROWS + wanted) for number, wanted in _files(count)]

    def damaged(self, start: int, stop: int) -> Iterator[range]:
        """Ranges among the rows start..stop that are not on the disk, or whose checksums fail."""
        there = self._rows()
        for number, wanted in _files(stop):
            first, rows = number * SEGMENT_ROWS, min(there.get(number, 0), wanted)
            if first + wanted <= start:
                continue
            if rows:
                yield from (range(first + bad.start, first + bad.stop) for bad in self._marks(number).damaged(rows))
            if rows < wanted:
                yield range(first + rows, first + wanted)

    def ids(self, start: int, stop: int) -> Iterator[tuple[int, Ids]]:
        """The image ids of those of the rows start..stop that are on the disk, each time with the first one's place."""
        there = self._rows()
        for number, wanted in _files(stop):
            first, skipped = number * SEGMENT_ROWS, max(start - number * SEGMENT_ROWS, 0)
            if (rows := min(there.get(number, 0), wanted)) > skipped:
                part = np.memmap(self._path(number), self._row, mode="r", shape=(rows,))
                yield first + skipped, part["id"][skipped:].astype(np.int64)

    def unmarked(self, stop: int) -> int:
        """How many of the first `stop` rows have no checksum, as those that an older askpix wrote."""
        return sum(self._marks(number).unmarked(wanted) for number, wanted in _files(stop))

    def mark(self, stop: int) -> int:
        """Give those of the first `stop` rows a checksum that have none, as they are now; how many these were."""
        return sum(self._marks(number).mark(wanted) for number, wanted in _files(min(stop, len(self))))

    def blank(self, ranges: Iterable[range], stop: int) -> None:
        """Overwrite rows with zeros, which are no image's, so that all others among the first `stop` keep their
        places; their segments' checksums are made anew."""
        touched = set()
        for bad in ranges:
            for number in range(bad.start // SEGMENT_ROWS, (bad.stop - 1) // SEGMENT_ROWS + 1):
                first = number * SEGMENT_ROWS
                part = range(max(bad.start - first, 0), min(bad.stop - first, SEGMENT_ROWS))
                with os.fdopen(os.open(self._path(number), os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
                    file.seek(part.start * self._row.itemsize)
                    file.write(bytes(len(part) * self._row.itemsize))
                    file.flush()
                    os.fsync(file.fileno())
                touched.add(number)
        for number, wanted in _files(stop):
            if number in touched:
                self._marks(number).path.unlink(missing_ok=True)
                self._marks(number).mark(wanted)
        (self.folder / _MENDED).write_bytes(b"")

    @property
    def mended(self) -> int:
        """Tells whether rows have become nobody's since this was asked before: it is another number then."""
        try:
            return (self.folder / _MENDED).stat().st_mtime_ns
        except OSError:
            return 0

    def files(self, count: int) -> Iterator[tuple[Path, int, bytes]]:
        """The files that hold the first `count` rows, each with how many of its bytes do, and their marks."""
        for number, wanted in _files(count):
            yield self._path(number), wanted * self._row.itemsize, self._marks(number).until(wanted)

    def _rows(self) -> dict[int, int]:
        """Whole rows on disk, by the numbers of the files that have any."""
        sizes = {int(path.stem): path.stat().st_size // self._row.itemsize for path in self.folder.glob("*.segment")}
        return {number: min(rows, SEGMENT_ROWS) for number, rows in sizes.items() if rows}

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.segment"

    def _marks(self, number: int) -> Marks:
        return Marks(self._path(number), self._row.itemsize)

    def _lacks(self, number: int, rows: int, wanted: int) -> AskpixError:
        return AskpixError(f"{self._path(number)} is damaged ({rows:,} of {wanted:,} rows are there); {MEND}")


def _files(count: int) -> Iterator[tuple[int, int]]:
    """The numbers of the files that hold the first `count` rows, each with how many of them."""
    for number in range(-(-count // SEGMENT_ROWS)):
        yield number, min(count - number * SEGMENT_ROWS, SEGMENT_ROWS)


def blocks(parts: Iterable[Part], start: int, size: int) -> Iterator[tuple[int, Part]]:
    """The rows from `start` on, at most `size` at a time, each time with the number of the first of them."""
    first = 0
    for part in parts:
        for at in range(max(start - first, 0), len(part), size):
            yield first + at, part[at : at + size]
        first += len(part)
