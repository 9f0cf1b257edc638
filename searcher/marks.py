"""Checksums of a segment, in a file beside it, so that a bit that flipped on the disk is noticed.

Each append adds a mark: how many rows the segment has then, and the CRC-32 of the bytes of all of them. What lies
between two marks is checked by going on from the first one's checksum, so a fault is known to within the rows of one
append, and a mark that is damaged itself is passed over.
"""

import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vlm.errors import AskpixError

EACH = 1_024  # rows that a mark is for at most: so many are lost with one of them
MEND = "mend it with: askpix doctor --repair"
_MARK = np.dtype([("rows", "<u4"), ("crc", "<u4"), ("own", "<u4")])
_OWN = 0xA5C396E1  # what the three fields of a whole mark come to by exclusive or, which those of zeros do not
_BLOCK = 1 << 20  # bytes read at a time

Mark = tuple[int, int]  # rows, and the checksum of these


@dataclass(frozen=True)
class Marks:
    """The marks of one segment, whose rows have `row_bytes` each."""

    segment: Path
    row_bytes: int

    @property
    def path(self) -> Path:
        """Where they are kept."""
        return self.segment.with_suffix(".marks")

    def read(self) -> list[Mark]:
        """Those that are whole themselves, in the order of their rows, and before them one of no rows."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            data = b""
        found = np.frombuffer(data, _MARK, len(data) // _MARK.itemsize)
        whole = found[found["rows"] ^ found["crc"] ^ found["own"] == _OWN]
        marks = [(0, 0)]
        for rows, crc, _ in whole.tolist():
            if rows > marks[-1][0]:
                marks.append((rows, crc))
        return marks

    def add(self, start: int, data: memoryview) -> None:
        """Mark rows that were appended behind the first `start` of them, and wait until the disk has the marks."""
        self.cut(start)
        self.mark(start)
        size = EACH * self.row_bytes
        self._extend(self._last(), (data[at : at + size] for at in range(0, len(data), size)))

    def mark(self, stop: int) -> int:
        """Mark those of the first `stop` rows that bear no mark yet, as they are on the disk; how many these were."""
        last = self._last()
        if last[0] < stop:
            with self.segment.open("rb") as file:
                self._extend(last, self._blocks(file, last[0], stop, EACH))
        return max(stop - last[0], 0)

    def cut(self, rows: int) -> None:
        """Forget what was marked behind the first `rows`, which are still on the disk.

        Raises AskpixError when they are damaged, which could not be told any more.
        """
        if self._last()[0] <= rows:
            return
        kept = self.until(rows)
        part = self.path.with_suffix(".marks.part")
        part.write_bytes(kept)
        part.replace(self.path)

    def until(self, rows: int) -> bytes:
        """The marks of the first `rows` alone, as they stand in a file.

        Raises AskpixError when these rows are damaged, which could not be told any more.
        """
        marks = self.read()
        kept = [mark for mark in marks if mark[0] <= rows]
        if kept[-1][0] < rows < marks[-1][0]:
            with self.segment.open("rb") as file:
                if not self._holds(file, kept[-1], marks[len(kept)]):
                    raise AskpixError(f"{self.segment} is damaged (a checksum fails); {MEND}")
                kept.append((rows, self._crc(file, kept[-1], rows)))
        return _packed(kept[1:])

    def damaged(self, stop: int) -> Iterator[range]:
        """Ranges among the first `stop` rows whose checksums fail."""
        with self.segment.open("rb") as file:
            for before, mark in pairwise(self.read()):
                if before[0] < stop and not self._holds(file, before, mark):
                    yield range(before[0], min(mark[0], stop))

    def unmarked(self, stop: int) -> int:
        """How many of the first `stop` rows bear no mark."""
        return max(stop - self._last()[0], 0)

    def _last(self) -> Mark:
        """The last mark, without reading all of them where that is whole."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - size % _MARK.itemsize - _MARK.itemsize, 0))
                rows, crc, own = np.frombuffer(file.read(_MARK.itemsize), _MARK)[0].tolist()
        except (FileNotFoundError, ValueError, IndexError):
            return 0, 0
        return (rows, crc) if rows ^ crc ^ own == _OWN else self.read()[-1]

    def _extend(self, last: Mark, blocks: Iterable[bytes | memoryview]) -> None:
        marks = []
        for block in blocks:
            last = last[0] + len(block) // self.row_bytes, zlib.crc32(block, last[1])
            marks.append(last)
        with self.path.open("ab") as file:
            file.truncate(file.tell() - file.tell() % _MARK.itemsize)  # of a mark that was cut off
            file.write(_packed(marks))
            file.flush()
            os.fsync(file.fileno())

    def _holds(self, file: BinaryIO, before: Mark, mark: Mark) -> bool:
        try:
            return self._crc(file, before, mark[0]) == mark[1]
        except OSError:  # a part of the disk that cannot be read any more
            return False

    def _crc(self, file: BinaryIO, before: Mark, stop: int) -> int:
        crc = before[1]
        for block in self._blocks(file, before[0], stop, max(_BLOCK // self.row_bytes, 1)):
            crc = zlib.crc32(block, crc)
        return crc

    def _blocks(self, file: BinaryIO, start: int, stop: int, size: int) -> Iterator[bytes]:
        """The bytes of the rows start..stop, `size` rows at a time; what the file lacks is left out."""
        file.seek(start * self.row_bytes)
        for row in range(start, stop, size):
            yield file.read(min(size, stop - row) * self.row_bytes)


def _packed(marks: list[Mark]) -> bytes:
    packed = np.array([(rows, crc, rows ^ crc ^ _OWN) for rows, crc in marks], _MARK)
    return packed.tobytes()
