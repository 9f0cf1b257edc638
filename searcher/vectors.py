"""Vectors of one model: append-only float16 segments, which are kept, and a trained index, which is a cache.

The catalog says how many rows count: what lies behind them was written by a run that was cut off before
its commit, and is dropped.
"""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from searcher.gpu import MOST, GpuRows, gpus
from searcher.index import Trained, fill, measured, read_index, train, write_index
from searcher.rows import BLOCK, Rows, map_rows, merged
from searcher.segments import DESCRIPTION, Ids, Segments, blocks, described, description, slug
from vlm.errors import AskpixError
from vlm.protocols import Floats

GROWN = 1.5  # times the rows it was trained for, from which an index is trained anew: new ones may be of new kinds
BESIDE = 10_000  # rows that an index may lack, each compared: fewer are not worth writing it anew
DEEP = 200  # hits, more than which are found by comparing every row: the lists looked into lack too many of them

Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class Snapshot:
    """What searches of the first `count` rows go through. It never changes: another one takes its place."""

    count: int
    rows: Rows
    trained: Trained | None
    stamp: Stamp


class Vectors:
    """The vectors of one model in one library; rows are counted from 0 in the order of appending.

    Several threads may search at once, also while another thread or process appends or trains.
    """

    def __init__(self, folder: Path, model: str, dim: int, exact_rows: int = 50_000) -> None:
        """`folder` holds one subfolder a model; it is made when the first rows come. Up to `exact_rows`
        a search compares every row.

        Raises AskpixError when the model now has embeddings of another length than those stored.
        """
        self.folder = folder / slug(model)
        self.model = model
        self.dim = dim
        self.exact_rows = exact_rows
        self._segments = Segments(self.folder, dim)
        self._index_path = self.folder / "index.faiss"
        self._lock = threading.Lock()  # held while a snapshot is made, never while one is searched
        self._snapshot: Snapshot | None = None
        self._read: tuple[Stamp, Trained | None] = (None, None)
        self._mended = self._segments.mended
        self._gpu: GpuRows | None = None
        if (stored := described(self.folder)) and stored != (model, dim):
            raise AskpixError(
                f"{self.folder} holds vectors of {stored[0]}, {stored[1]} numbers each, "
                f"not of {model}, {dim} numbers; use that model, or another library"
            )

    def __len__(self) -> int:
        """Whole rows on disk."""
        return len(self._segments)

    def append(self, ids: Ids, embeddings: Floats) -> None:
        """Add n rows, ids [n] and embeddings [n, dim], and wait until the disk has them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about = self.folder / DESCRIPTION
        if not about.exists():
            write_durably(about, description(self.model, self.dim))
        self._segments.append(ids, embeddings)

    def truncate(self, count: int) -> None:
        """Drop everything behind the first `count` rows, a torn last row included; those that stay have checksums then,
        as rows of an older askpix lack.

        Raises AskpixError when rows before them are lost.
        """
        self._segments.truncate(count)
        self._segments.mark(count)

    def read(self, start: int, stop: int) -> Iterator[tuple[Ids, Floats]]:
        """Rows start..stop as blocks of ids [n] and embeddings [n, dim]."""
        for _, part in blocks(self._segments.map(stop), start, BLOCK):
            yield part["id"].astype(np.int64), part["vector"].astype(np.float32)

    def get(self, ids: Ids, count: int) -> Floats:
        """The embeddings [n, dim] of images among the first `count` rows; KeyError when one is not there."""
        rows = self.refresh(count).rows
        positions = rows.positions(ids)
        if (positions < 0).any():
            raise KeyError(str(ids[positions < 0]))
        return rows.vectors(positions)

    def search(self, query: Floats, k: int, count: int, allowed: Ids | None = None) -> tuple[Floats, Ids]:
        """The k best of the first `count` rows by inner product with query [dim]: scores and image ids, best first.

        Only ids in `allowed` are looked at, when given, and each of them.
        """
        k = min(k, count if allowed is None else len(allowed))
        if k <= 0:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        scores, ids = self._best(query[None], k, count, allowed)
        found = ids[0] >= 0
        return scores[0][found], ids[0][found]

    def search_many(self, queries: Floats, k: int, count: int) -> tuple[Floats, Ids]:
        """The k best of the first `count` rows for each of n queries [n, dim]: scores and ids, two [n, k];
        where there are fewer the ids are -1."""
        return self._best(queries, k, count, None)

    def _best(self, queries: Floats, k: int, count: int, allowed: Ids | None) -> tuple[Floats, Ids]:
        """As `search_many`, among all rows or those of images that are `allowed`."""
        snapshot = self.refresh(count)
        rows, trained = snapshot.rows, snapshot.trained
        if allowed is not None:
            scores, positions = rows.best(queries, k, allowed=rows.of(allowed))
        elif self._gpu is not None and k <= MOST:
            return self._gpu.search(queries, k)
        elif trained is not None and k <= DEEP:
            scores, positions = trained.best(rows, queries, k)
            if len(trained) < len(rows):
                beside = rows.best(queries, k, start=len(trained))
                scores, positions = merged([(scores, positions), beside], len(queries), k)
        else:
            scores, positions = rows.best(queries, k)
        return scores, rows.ids_at(positions)

    def refresh(self, count: int) -> Snapshot:
        """What a search of the first `count` rows goes through, with the index that was saved last."""
        now, stamp = self._snapshot, self._stamp()
        # While another thread takes in a new index, the old one serves.
        if now is not None and now.count == count and (now.stamp == stamp or self._lock.locked()):
            return now
        with self._lock:
            now = self._snapshot
            if now is None or (now.count, now.stamp) != (count, stamp):
                now = self._taken(count, stamp)
                if gpus():
                    self._gpu = self._gpu or GpuRows(self.dim)
                    self._gpu.hold(now.rows)
                self._snapshot = now
            return now

    def _taken(self, count: int, stamp: Stamp) -> Snapshot:
        if self._read[0] != stamp:
            self._read = stamp, read_index(self._index_path)
        trained = self._read[1]
        if trained is not None and self.exact_rows < count >= len(trained):
            rows = map_rows(self._segments, count, trained.ids)
            if rows.fingerprint(len(trained)) == trained.training.fingerprint:
                return Snapshot(count, rows, trained, stamp)
        mended, self._mended = self._mended, self._segments.mended
        known = self._snapshot.rows.ids if self._snapshot and mended == self._mended else np.empty(0, np.int64)
        return Snapshot(count, map_rows(self._segments, count, known), None, stamp)

    def save_index(self, count: int, probes: Callable[[], Floats]) -> None:
        """Bring the index on disk to the first `count` rows, if they are more than `exact_rows`; searches go on
        with the old one until the new one is there.

        It is trained first, and again when it has grown; `probes` gives embeddings [q, dim] of texts, by
        which its recall is measured.
        """
        if count <= self.exact_rows:
            self._index_path.unlink(missing_ok=True)
            return
        snapshot = self.refresh(count)
        rows, old = snapshot.rows, snapshot.trained
        outgrown = old is None or count > GROWN * old.training.rows
        if old is not None and not outgrown and count - len(old) <= BESIDE:
            return
        stored = None if outgrown else read_index(self._index_path, mapped=False)
        index = stored.index if stored else train(rows)
        fill(index, rows)
        trained_for = stored.training.rows if stored else count
        write_index(Trained(index, measured(index, rows, trained_for, probes())), self._index_path)

    def describe_index(self, count: int) -> str:
        """How a search of the first `count` rows goes through them, for people to read."""
        self.refresh(count)
        return self.about_index

    @property
    def about_index(self) -> str:
        """How a search goes through the rows, for people to read."""
        trained = self._snapshot.trained if self._snapshot else None
        return str(trained.training) if trained else "every row compared"

    def _stamp(self) -> Stamp:
        """Tells the file of the index from the one that was there before."""
        try:
            stat = self._index_path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file so that a crash leaves the old one or the new one, whole."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
