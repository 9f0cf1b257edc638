"""Segments: the files that a model's vectors are kept in, only ever appended to.

A segment is a file of fixed-size rows, each an image id and its embedding as 16-bit floats, so that it can
be read without the catalog.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm.protocols import Floats

SEGMENT_ROWS = 65_536
Ids = NDArray[np.int64]
Part = NDArray[np.void]  # rows that lie one behind the other in one file: fields "id" and "vector"


class Segments:
    """The segments in one folder; rows are counted from 0 in the order of appending."""

    def __init__(self, folder: Path, dim: int) -> None:
        self.folder = folder
        self._row = np.dtype([("id", "<i8"), ("vector", "<f2", (dim,))])

    def __len__(self) -> int:
        """Whole rows on disk."""
        return sum(path.stat().st_size // self._row.itemsize for path in self._paths())

    def append(self, ids: Ids, embeddings: Floats) -> None:
        """Add n rows, ids [n] and embeddings [n, dim], and wait until the disk has them."""
        rows = np.empty(len(ids), self._row)
        rows["id"], rows["vector"] = ids, embeddings
        start = len(self)
        while len(rows):
            number, used = divmod(start, SEGMENT_ROWS)
            part, rows = np.split(rows, [min(len(rows), SEGMENT_ROWS - used)])
            with (self.folder / f"{number:06d}.segment").open("ab") as file:
                file.write(part.tobytes())
                file.flush()
                os.fsync(file.fileno())
            start += len(part)

    def truncate(self, count: int) -> None:
        """Drop everything behind the first `count` rows, a torn last row included."""
        for number, path in enumerate(self._paths()):
            keep = min(max(count - number * SEGMENT_ROWS, 0), SEGMENT_ROWS) * self._row.itemsize
            if path.stat().st_size > keep:
                os.truncate(path, keep)

    def map(self, count: int) -> list[Part]:
        """The first `count` rows, or as many as there are, one part a file; the files are mapped, not read."""
        parts = []
        for path in self._paths():
            size = min(path.stat().st_size // self._row.itemsize, count)
            if size:
                parts.append(np.asarray(np.memmap(path, self._row, mode="r", shape=(size,))))
            count -= size
        return parts

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.segment"))


def blocks(parts: Iterable[Part], start: int, size: int) -> Iterator[tuple[int, Part]]:
    """The rows from `start` on, at most `size` at a time, each time with the number of the first of them."""
    first = 0
    for part in parts:
        for at in range(max(start - first, 0), len(part), size):
            yield first + at, part[at : at + size]
        first += len(part)
