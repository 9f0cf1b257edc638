"""The rows of a library's vectors that count: found by image id, and compared with queries where they lie on disk.

The segments are memory-mapped, so that nothing is loaded before a search, processes share the memory, and the
system may take it back.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from searcher.segments import Ids, Part, Segments, blocks
from vlm.protocols import Floats

Found = tuple[Floats, Ids]  # scores and positions, two [q, k]
Work = TypeVar("Work")

BLOCK = 8_192  # rows made 32-bit floats at a time, so that memory stays flat
SCANNED = 16_384  # rows that a thread compares at a time
FEW = 4  # queries up to which a search is spread over threads by rows; more are by queries
_SPREAD = 64  # rows that a fingerprint is made of


@dataclass(frozen=True)
class Rows:
    """Rows counted from 0, each number a position: memory-mapped parts, and the image ids [n] of all of them."""

    parts: list[Part]
    ids: Ids

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: Ids) -> Ids:
        """Where the rows of images are, [n]; -1 for those that are not there."""
        if not len(self):
            return np.full(len(ids), -1, np.int64)
        inorder, order = self._inorder
        at = np.minimum(np.searchsorted(inorder, ids), len(self) - 1)
        return np.where(inorder[at] == ids, at if order is None else order[at], -1)

    def of(self, ids: Ids) -> NDArray[np.bool_]:
        """Which rows are of these images, by position."""
        chosen = np.zeros(len(self) + 1, bool)
        chosen[self.positions(ids)] = True  # the last is for those that are not there
        return chosen[:-1]

    @cached_property
    def _inorder(self) -> tuple[Ids, Ids | None]:
        """The ids in ascending order, and their positions unless that is how they lie."""
        if np.all(self.ids[1:] > self.ids[:-1]):
            return self.ids, None
        order = np.argsort(self.ids)
        return self.ids[order], order

    def ids_at(self, positions: Ids) -> Ids:
        """The image ids at positions of any shape; -1 for -1."""
        found = np.full(positions.shape, -1, np.int64)
        there = positions >= 0
        found[there] = self.ids[positions[there]]
        return found

    @cached_property
    def _starts(self) -> Ids:
        """The position of each part's first row."""
        return np.cumsum([0, *(len(part) for part in self.parts[:-1])], dtype=np.int64)

    def vectors(self, positions: Ids) -> Floats:
        """The embeddings [n, dim] at positions [n]; there must be at least one row."""
        number = np.searchsorted(self._starts, positions, "right") - 1
        found = np.empty((len(positions), self.parts[0]["vector"].shape[1]), np.float32)
        for i in np.unique(number):
            chosen = number == i
            found[chosen] = self.parts[i]["vector"][positions[chosen] - self._starts[i]]
        return found

    def embeddings(self, start: int = 0) -> Iterator[tuple[int, Floats]]:
        """The embeddings from `start` on, [n, dim] at a time, each time with the position of the first."""
        for position, part in blocks(self.parts, start, BLOCK):
            yield position, part["vector"].astype(np.float32)

    def fingerprint(self, count: int) -> str:
        """Tells the first `count` rows from others, by their ids, and some of them, the last among these, whole."""
        seen = hashlib.sha256(self.ids[:count].tobytes())
        for position in np.unique(np.linspace(0, count - 1, _SPREAD).astype(np.int64)):
            _, row = next(blocks(self.parts, int(position), 1))
            seen.update(row.tobytes())
        return seen.hexdigest()

    def best(self, queries: Floats, k: int, start: int = 0, allowed: NDArray[np.bool_] | None = None) -> Found:
        """The k rows from `start` on with the largest inner product with each of q queries [q, dim]: scores and
        positions [q, k], best first, -1 where there are fewer.

        Every one of them is compared; with `allowed` [n], by position, only those it says.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        if len(queries) > FEW and allowed is None:
            return self._best_multiplied(queries, k, start)

        def compared(block: tuple[int, Part]) -> Found:
            position, part = block
            chosen = None if allowed is None else allowed[position : position + len(part)]
            return _shifted(*_search(part, queries, min(k, len(part)), chosen), position)

        scanned = blocks(self.parts, start, SCANNED)
        if allowed is not None:
            scanned = (found for found in scanned if allowed[found[0] : found[0] + len(found[1])].any())
        return merged(each_thread(compared, scanned), len(queries), k)

    def _best_multiplied(self, queries: Floats, k: int, start: int) -> Found:
        import faiss

        best = faiss.ResultHeap(len(queries), k, keep_max=True)
        for position, embeddings in self.embeddings(start):
            scores, rows = faiss.knn(queries, embeddings, min(k, len(embeddings)), faiss.METRIC_INNER_PRODUCT)
            best.add_result(*_shifted(scores, rows, position))
        best.finalize()
        return best.D, best.I


def map_rows(segments: Segments, count: int, known: Ids) -> Rows:
    """The first `count` rows, or as many as there are; `known` are the ids of the first of them, as far as
    they are known, so that not every row must be read."""
    parts = segments.map(count)
    known = known[: sum(len(part) for part in parts)]
    if len(known) and next(blocks(parts, len(known) - 1, 1))[1]["id"][0] != known[-1]:
        known = known[:0]
    rest = [part["id"].astype(np.int64) for _, part in blocks(parts, len(known), SCANNED)]
    return Rows(parts, np.concatenate([known, *rest]))


def merged(found: list[Found], queries: int, k: int) -> Found:
    """The best k of what was found in several places, each scores and positions [queries, any number]."""
    worst = np.full((queries, k), np.finfo(np.float32).min, np.float32)
    scores = np.concatenate([worst, *(scores for scores, _ in found)], 1)
    positions = np.concatenate([np.full((queries, k), -1, np.int64), *(positions for _, positions in found)], 1)
    first = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, first, 1), np.take_along_axis(positions, first, 1)


def each_thread(search: Callable[[Work], Found], work: Iterable[Work]) -> list[Found]:
    """What a search finds in each piece of work, in parallel if there are several."""
    pieces = [*work]
    return [*(_threads().map if len(pieces) > 1 else map)(search, pieces)]


def _shifted(scores: Floats, rows: Ids, by: int) -> Found:
    return scores, np.where(rows < 0, -1, rows + by)


def _search(part: Part, queries: Floats, k: int, allowed: NDArray[np.bool_] | None) -> Found:
    """FAISS's exact search over 16-bit floats where they lie: nothing is copied."""
    import faiss

    wrapped: Any = faiss  # whose types do not say all
    index = wrapped.IndexScalarQuantizer(queries.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    codes = part.view(np.uint8)[part.dtype.fields["vector"][1] :]  # type: ignore[index]
    nobody = wrapped.MaybeOwnedVectorUInt8()
    index.codes = wrapped.MaybeOwnedVectorUInt8.create_view(faiss.swig_ptr(codes), codes.size, nobody.owner)
    index.code_size = index.sq.code_size = part.itemsize  # from one embedding to the next, over the id between them
    index.ntotal = len(part)
    how = None
    if allowed is not None:
        chosen = wrapped.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        how = wrapped.SearchParameters(sel=chosen)
    found: Found = index.search(queries, k, params=how)
    return found


@cache
def _threads() -> ThreadPoolExecutor:
    """As many as there are processors; each compares alone, without further threads of FAISS's own."""
    import faiss

    return ThreadPoolExecutor(os.cpu_count(), "rows", faiss.omp_set_num_threads, (1,))
