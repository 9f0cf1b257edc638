"""The FAISS index over a model's rows: exact while that is fast enough, then trained, its recall measured.

A trained index is an inverted file (IVF: Jégou, Douze and Schmid, TPAMI 2011) over the same 16-bit rows:
a search looks into some of its lists alone. How many is chosen by measuring, so that it finds what an
exact search finds, nearly always.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searcher.gpu import gpus
from vlm.protocols import Floats

Ids = NDArray[np.int64]

TOP = 10
ENOUGH = 0.98  # of the exact search's best TOP, on average
SAMPLE = 200_000  # rows that lists are made from, 0.6 GB of a model with 768 numbers
EACH = 40  # rows a list at least, for k-means
GROWN = 1.5  # times the rows it was trained for, from which an index is trained anew: new ones may be of new kinds


@dataclass(frozen=True)
class Training:
    """How an index was trained: over how many rows, into how many lists, how many of them are looked into,
    and what share of the exact search's best it finds."""

    rows: int
    lists: int
    probed: int
    recall: float

    def __str__(self) -> str:
        return f"{self.probed} of {self.lists} lists looked into, {self.recall:.1%} of the exact search's best {TOP}"


def read_training(path: Path) -> Training | None:
    """How the index beside `path` was trained; None for an exact one, or where it cannot be told."""
    try:
        return Training(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def exact_index(dim: int) -> Any:
    """An empty index that compares a query with every row."""
    import faiss

    exact = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    return faiss.IndexIDMap2(exact)


def trained_index(sample: Floats, rows: int) -> Any:
    """An empty index for `rows` rows, its lists made from some of them [s, dim]; on a GPU if there is one."""
    import faiss

    dim = sample.shape[1]
    lists = int(np.clip(2 ** round(np.log2(4 * np.sqrt(rows))), 1, max(1, len(sample) // EACH)))
    index = faiss.index_factory(dim, f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
    inverted: Any = faiss.extract_index_ivf(index)  # a view of it
    inverted.by_residual = False  # the very numbers of the segments
    if gpus():
        inverted.clustering_index = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(dim))
    index.train(np.ascontiguousarray(sample, np.float32))
    inverted.set_direct_map_type(2)  # a hash table, by which one row is found by its id
    return index


def lists_of(index: Any) -> int | None:
    """How many lists a trained index has; None for an exact one."""
    import faiss

    found = faiss.downcast_index(index)
    return int(found.nlist) if isinstance(found, faiss.IndexIVF) else None


def parameters(training: Training | None, allowed: Ids | None) -> Any:
    """How to search: some lists, or with a filter all rows that it lets through."""
    import faiss

    chosen: dict[str, Any] = {}
    if allowed is not None:
        chosen["sel"] = faiss.IDSelectorBatch(np.ascontiguousarray(allowed))
    if training is not None:
        chosen["nprobe"] = training.probed if allowed is None else training.lists
        return faiss.SearchParametersIVF(**chosen)
    return faiss.SearchParameters(**chosen) if chosen else None


def best_exactly(blocks: Iterator[tuple[Ids, Floats]], probes: Floats) -> Ids:
    """The ids [q, TOP] of the rows nearest to each of q probes [q, dim], every row compared."""
    scores = np.full((len(probes), TOP), -np.inf, np.float32)
    best = np.full((len(probes), TOP), -1, np.int64)
    for ids, embeddings in blocks:
        both = np.concatenate([scores, probes @ embeddings.T], 1)
        numbers = np.concatenate([best, np.broadcast_to(ids, (len(probes), len(ids)))], 1)
        first = np.argpartition(-both, TOP - 1, axis=1)[:, :TOP]
        scores, best = np.take_along_axis(both, first, 1), np.take_along_axis(numbers, first, 1)
    return best


def measured(index: Any, probes: Floats, wanted: Ids) -> Training:
    """The least number of lists by which a full index finds ENOUGH of what is `wanted` [q, TOP]."""
    lists, probed = lists_of(index) or 1, 1
    while True:
        _, found = index.search(probes, TOP, params=parameters(Training(0, lists, probed, 0), None))
        shared = [len({*one.tolist()} & {*other.tolist()}) for one, other in zip(found, wanted, strict=True)]
        recall = float(np.mean(shared)) / min(TOP, index.ntotal)
        if recall >= ENOUGH or probed >= lists:
            return Training(index.ntotal, lists, probed, round(recall, 4))
        probed = min(2 * probed, lists)
