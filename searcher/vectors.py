"""Vectors of one model: append-only float16 segments, which are kept, and a FAISS index over them, which is a cache.

A segment is a file of fixed-size rows, each an image id and its embedding, so that it can be read
without the catalog. The catalog says how many rows count: what lies behind them was written by a
run that was cut off before its commit, and is dropped.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searcher.gpu import MOST, GpuRows, gpus
from searcher.index import (
    GROWN,
    SAMPLE,
    Training,
    best_exactly,
    exact_index,
    lists_of,
    measured,
    parameters,
    read_training,
    trained_index,
)
from vlm.errors import AskpixError
from vlm.protocols import Floats

SEGMENT_ROWS = 65_536
_BLOCK = 8_192  # rows handed to FAISS at a time, so that memory stays flat
Ids = NDArray[np.int64]


class Vectors:
    """The vectors of one model in one library; rows are counted from 0 in the order of appending."""

    def __init__(self, folder: Path, model: str, dim: int, exact_rows: int = 1_000_000) -> None:
        """`folder` holds one subfolder a model; it is made when the first rows come. Up to `exact_rows`
        a search compares every row.

        Raises AskpixError when the model now has embeddings of another length than those stored.
        """
        slug = re.sub(r"[^A-Za-z0-9.-]+", "_", model)
        self.folder = folder / slug
        self.model = model
        self.dim = dim
        self.exact_rows = exact_rows
        # Requests of a server share this object, and an index must not grow while it is searched.
        self._lock = threading.RLock()
        self._row = np.dtype([("id", "<i8"), ("vector", "<f2", (dim,))])
        self._index: Any = None
        self._training: Training | None = None
        self._gpu: GpuRows | None = None
        about = self.folder / "model.json"
        if about.exists() and (stored := json.loads(about.read_text(encoding="utf-8"))) != self._about:
            raise AskpixError(
                f"{self.folder} holds vectors of {stored['model']}, {stored['dim']} numbers each, "
                f"not of {model}, {dim} numbers; use that model, or another library"
            )

    @property
    def _about(self) -> dict[str, Any]:
        return {"model": self.model, "dim": self.dim}

    def __len__(self) -> int:
        """Whole rows on disk."""
        return sum(path.stat().st_size // self._row.itemsize for path in self._segments())

    def append(self, ids: Ids, embeddings: Floats) -> None:
        """Add n rows, ids [n] and embeddings [n, dim], and wait until the disk has them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about = self.folder / "model.json"
        if not about.exists():
            _write_durably(about, json.dumps(self._about).encode())
        rows = np.empty(len(ids), self._row)
        rows["id"], rows["vector"] = ids, embeddings
        start = len(self)
        while len(rows):
            number, used = divmod(start, SEGMENT_ROWS)
            part, rows = np.split(rows, [min(len(rows), SEGMENT_ROWS - used)])
            with self._segment(number).open("ab") as file:
                file.write(part.tobytes())
                file.flush()
                os.fsync(file.fileno())
            start += len(part)

    def truncate(self, count: int) -> None:
        """Drop everything behind the first `count` rows, a torn last row included."""
        for number, path in enumerate(self._segments()):
            keep = min(max(count - number * SEGMENT_ROWS, 0), SEGMENT_ROWS) * self._row.itemsize
            if path.stat().st_size > keep:
                os.truncate(path, keep)

    def read(self, start: int, stop: int) -> Iterator[tuple[Ids, Floats]]:
        """Rows start..stop as blocks of ids [n] and embeddings [n, dim]."""
        while start < stop:
            number, first = divmod(start, SEGMENT_ROWS)
            rows = np.memmap(self._segment(number), self._row, mode="r")
            last = min(first + _BLOCK, first + stop - start, SEGMENT_ROWS)
            block = rows[first:last]
            yield block["id"].astype(np.int64), block["vector"].astype(np.float32)
            start += last - first

    def get(self, ids: Ids, count: int) -> Floats:
        """The embeddings [n, dim] of images among the first `count` rows; KeyError when one is not there."""
        with self._lock:
            self.refresh(count)
            try:
                return np.stack([self._index.reconstruct(int(i)) for i in ids])
            except RuntimeError as error:
                raise KeyError(str(ids)) from error

    def search(self, query: Floats, k: int, count: int, allowed: Ids | None = None) -> tuple[Floats, Ids]:
        """The k best of the first `count` rows by inner product with query [dim]: scores and image ids, best first.

        Only ids in `allowed` are looked at, when given.
        """
        k = min(k, count if allowed is None else len(allowed))
        if k <= 0:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        with self._lock:
            self.refresh(count)
            if self._gpu is not None and allowed is None and k <= MOST:
                return self._gpu.search(query, k)
            how = parameters(self._training, allowed)
            scores, ids = self._index.search(query[None].astype(np.float32), k, params=how)
        found = ids[0] >= 0
        return scores[0][found], ids[0][found]

    def search_many(self, queries: Floats, k: int, count: int) -> tuple[Floats, Ids]:
        """The k best of the first `count` rows for each of n queries [n, dim]: scores and ids, two [n, k];
        where there are fewer the ids are -1."""
        with self._lock:
            self.refresh(count)
            found: tuple[Floats, Ids] = self._index.search(queries, k, params=parameters(self._training, None))
        return found

    def refresh(self, count: int) -> None:
        """Bring the index to the first `count` rows: load it, append what came since, or build it anew."""
        if self._index is None:
            self._load(count)
        if self._index is not None and self._index.ntotal > count:
            self._index = self._gpu = None
        if self._index is None:
            self._index, self._training = exact_index(self.dim), None
        for ids, embeddings in self.read(self._index.ntotal, count):
            self._index.add_with_ids(embeddings, ids)
        if self._gpu is None and gpus():
            self._gpu = GpuRows(self.dim)
        if self._gpu is not None:
            for ids, embeddings in self.read(len(self._gpu), count):
                self._gpu.add(ids, embeddings)

    def save_index(self, count: int, probes: Callable[[], Floats]) -> None:
        """Keep the index beside the segments, so that the next process need not build it.

        Past `exact_rows` it is trained first, and again when it has grown; `probes` gives embeddings
        [q, dim] of texts, by which its recall is measured.
        """
        import faiss

        if not count:
            return
        with self._lock:
            self.refresh(count)
            if count > (GROWN * self._training.rows if self._training else self.exact_rows):
                self._train(count, probes())
            part = self._index_path.with_suffix(".part")
            faiss.write_index(self._index, str(part))
            if self._training:
                _write_durably(self._training_path, json.dumps(asdict(self._training)).encode())
            part.replace(self._index_path)

    @property
    def about_index(self) -> str:
        """How a search goes through the rows, for people to read."""
        with self._lock:
            return str(self._training) if self._training else "every row compared"

    def _train(self, count: int, probes: Floats) -> None:
        """Replace the index by a trained one of the first `count` rows."""
        chosen = np.zeros(count, bool)
        chosen[np.random.default_rng(0).permutation(count)[:SAMPLE]] = True
        sample, start = [], 0
        for ids, embeddings in self.read(0, count):
            sample.append(embeddings[chosen[start : start + len(ids)]])
            start += len(ids)
        index = trained_index(np.concatenate(sample), count)
        for ids, embeddings in self.read(0, count):
            index.add_with_ids(embeddings, ids)
        self._index, self._training = index, measured(index, probes, best_exactly(self.read(0, count), probes))

    def _load(self, count: int) -> None:
        """Take the stored index, unless there is none, or it is damaged, or not of these rows."""
        import faiss

        if not self._index_path.exists():
            return
        # A damaged cache is no error: it is built anew from the segments.
        with suppress(RuntimeError, OSError, MemoryError):
            index = faiss.read_index(str(self._index_path))
            lists = lists_of(index)
            training = read_training(self._training_path) if lists else None
            whole = index.d == self.dim and index.ntotal <= count and self._last_row_fits(index)
            if whole and (lists is None or (training and training.lists == lists)):
                self._index, self._training = index, training

    def _last_row_fits(self, index: Any) -> bool:
        if not index.ntotal:
            return True
        ids, embeddings = next(self.read(index.ntotal - 1, index.ntotal))
        return bool(np.array_equal(index.reconstruct(int(ids[0])), embeddings[0]))

    @cached_property
    def _index_path(self) -> Path:
        return self.folder / "index.faiss"

    @cached_property
    def _training_path(self) -> Path:
        return self.folder / "index.json"

    def _segment(self, number: int) -> Path:
        return self.folder / f"{number:06d}.segment"

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.segment"))


def _write_durably(path: Path, data: bytes) -> None:
    """Replace a file so that a crash leaves the old one or the new one, whole."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
