"""The trained FAISS index over a model's rows, for when comparing all of them takes too long; its recall is measured.

It is an inverted file (IVF: Jégou, Douze and Schmid, TPAMI 2011) over 8-bit codes: a search looks into some of
its lists alone. What it finds are candidates, to be ranked by the rows themselves. How many lists is chosen by
measuring, so that the exact search's best are among the candidates, nearly always.

One file holds the index, the image ids of its rows, and as its last line a description (`Training`), so that a
crash cannot mix them up. It is memory-mapped and never written to: a larger one takes its place.
"""

import json
import os
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from searcher.gpu import gpus
from searcher.rows import FEW, SCANNED, Found, Rows, each_thread, merged
from searcher.segments import Ids
from vlm.protocols import Floats

TOP = 10
ENOUGH = 0.99  # of the exact search's best TOP, on average: other queries than those measured find a little less
CANDIDATES = 4  # times the hits that are wanted; with twice as many the 8-bit codes lose none
EACH = 40  # rows a list to make the lists from, for k-means
SAMPLE = 200_000  # of them at most, 0.6 GB of a model with 768 numbers
ROUNDS = 5  # of k-means; twice as many find no more
_DESCRIPTION = 4_096  # bytes, more than it takes
_READ = 1 << 20  # bytes at a time


@dataclass(frozen=True)
class Training:
    """How an index was made: for how many rows, into how many lists, how many of them are looked into, and what
    share of the exact search's best is found so; then how many rows are in it, and their fingerprint; and the CRC-32 of
    the index's bytes, which those that an older askpix wrote lack."""

    rows: int
    lists: int
    probed: int
    recall: float
    count: int
    fingerprint: str
    crc: int | None = None

    def __str__(self) -> str:
        return f"{self.probed} of {self.lists} lists looked into, {self.recall:.1%} of the exact search's best {TOP}"


@dataclass(frozen=True)
class Trained:
    """A trained index, in memory or mapped, and how it was made."""

    index: Any
    training: Training

    def __len__(self) -> int:
        return self.training.count

    @property
    def ids(self) -> Ids:
        """The image ids of its rows, by position."""
        import faiss

        found: Ids = faiss.vector_to_array(self.index.id_map)
        return found

    def best(self, rows: Rows, queries: Floats, k: int) -> Found:
        """The k rows with the largest inner product with each of q queries [q, dim]: scores, which are exact, and
        positions [q, k], best first, -1 where there are fewer."""
        positions = candidates(self.index, queries, CANDIDATES * k, self.training.probed)
        scores = np.full(positions.shape, np.finfo(np.float32).min, np.float32)
        for score, place, query in zip(scores, positions, queries, strict=True):
            there = (place >= 0) & (place < len(self))  # a damaged file may name others
            score[there] = rows.vectors(place[there]) @ query
            place[~there] = -1
        return merged([(scores, positions)], len(queries), k)


def train(rows: Rows) -> Any:
    """An empty index for rows like these, its lists made from some of them; on a GPU if there is one."""
    import faiss

    lists = 2 ** round(np.log2(4 * np.sqrt(len(rows))))
    lists = max(1, min(lists, len(rows) // EACH, SAMPLE // EACH))
    sample = np.sort(np.random.default_rng(0).permutation(len(rows))[: EACH * lists])
    embeddings = rows.vectors(sample)
    index = faiss.index_factory(embeddings.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    inverted = _lists(index)
    inverted.by_residual = False  # whose codes would be other for each list, and slower to compare
    inverted.cp.niter = ROUNDS
    if gpus():
        inverted.clustering_index = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(index.d))
    index.train(embeddings)
    return faiss.IndexIDMap(index)


def fill(index: Any, rows: Rows) -> None:
    """Add the rows that are not in the index yet."""
    for position, embeddings in rows.embeddings(index.ntotal):
        index.add_with_ids(embeddings, rows.ids[position : position + len(embeddings)])


def candidates(index: Any, queries: Floats, k: int, probed: int) -> Ids:
    """Positions [q, k] of the rows in the lists nearest to each of q queries [q, dim] that come first by
    their codes, -1 where there are fewer."""
    import faiss

    inverted = _lists(index)
    queries = np.ascontiguousarray(queries, np.float32)
    threads = min(os.cpu_count() or 1, index.ntotal * probed // inverted.nlist // SCANNED)
    if threads < 2 or len(queries) > FEW:
        many: Ids = inverted.search(queries, k, params=_looking_into(probed))[1]
        return many
    near, lists = inverted.quantizer.search(queries, probed)

    def some(share: slice) -> Found:
        chosen, distances = np.ascontiguousarray(lists[:, share]), np.ascontiguousarray(near[:, share])
        scores, positions = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        arrays = [faiss.swig_ptr(array) for array in (chosen, distances, scores, positions)]
        how = _looking_into(chosen.shape[1])
        inverted.search_preassigned_c(len(queries), faiss.swig_ptr(queries), k, *arrays, False, how)
        return scores, positions

    # Every so many-th list for each thread, so that all have some of the nearest.
    return merged(each_thread(some, (slice(i, None, threads) for i in range(threads))), len(queries), k)[1]


def _looking_into(lists: int) -> Any:
    """How to search, which goes with each search: requests share the index."""
    import faiss

    return faiss.SearchParametersIVF(nprobe=lists)  # type: ignore[call-arg]


def measured(index: Any, rows: Rows, trained_for: int, probes: Floats) -> Training:
    """The description of a filled index: the least number of lists by which ENOUGH is found of the exact search's
    best for probes [q, dim]."""
    _, wanted = rows.best(probes, TOP)
    lists = _lists(index).nlist
    probed, recall = 0, 0.0
    while recall < ENOUGH and probed < lists:
        probed = min(probed + 1 + probed // 8, lists)
        found = candidates(index, probes, CANDIDATES * TOP, probed)
        shared = [np.isin(some, other).mean() for some, other in zip(wanted, found, strict=True)]
        recall = float(np.mean(shared))
    return Training(trained_for, lists, probed, round(recall, 4), index.ntotal, rows.fingerprint(index.ntotal))


def write_index(trained: Trained, path: Path) -> None:
    """Put an index where the next search finds it, all of it or nothing."""
    import faiss

    part = path.with_suffix(".part")
    faiss.write_index(trained.index, str(part))
    training = replace(trained.training, crc=_crc(part, part.stat().st_size))
    with part.open("ab") as file:
        file.write(b"\n" + json.dumps(asdict(training)).encode())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_index(path: Path, mapped: bool = True) -> Trained | None:
    """The index in a file, memory-mapped or, to be added to, in memory; None when there is none or it is damaged,
    which is no error: it is made anew from the segments."""
    import faiss

    flags = faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY if mapped else 0
    with suppress(OSError, ValueError, TypeError, RuntimeError, MemoryError):
        training, _ = _described(path)
        index = faiss.read_index(str(path), flags)
        inverted = _lists(index)
        stored = index.ntotal, inverted.invlists.compute_ntotal(), inverted.nlist
        if stored != (training.count, training.count, training.lists):
            return None
        if mapped:  # reading ahead starts threads for every search, which takes longer than it saves
            mapped_lists: Any = faiss.downcast_InvertedLists(inverted.invlists)
            mapped_lists.prefetch_nthread = 0
        return Trained(index, training)
    return None


def is_whole(path: Path) -> bool:
    """Whether the file of an index is as it was written; one without a checksum is taken to be."""
    try:
        training, size = _described(path)
    except (OSError, ValueError, TypeError):
        return False
    return training.crc is None or training.crc == _crc(path, size)


def _described(path: Path) -> tuple[Training, int]:
    """How the index in a file was made, and how many of its bytes are the index's; OSError, ValueError or TypeError
    when the file does not say."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(-min(_DESCRIPTION, size), os.SEEK_END)
        line = file.read().rsplit(b"\n", 1)[-1]
    return Training(**json.loads(line)), size - len(line) - 1


def _crc(path: Path, size: int) -> int:
    """The CRC-32 of the first `size` bytes of a file."""
    crc = 0
    with path.open("rb") as file:
        while size > 0 and (block := file.read(min(size, _READ))):
            crc, size = zlib.crc32(block, crc), size - len(block)
    return crc


def _lists(index: Any) -> Any:
    """The inverted file in an index, a view of it."""
    import faiss

    return faiss.extract_index_ivf(index)
