"""FAISS on a GPU: a library's rows once more, in 16-bit floats as on disk, searched exactly.

The processor answers what the GPU cannot: searches among some images only, and for more hits than `MOST`.
"""

import threading

import numpy as np

from searcher.rows import Rows
from searcher.segments import Ids
from vlm.protocols import Floats

MOST = 2_048  # hits, the most that FAISS finds on a GPU


def gpus() -> int:
    """How many GPUs the installed FAISS can use; 0 for one that is built for processors alone."""
    import faiss

    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


class GpuRows:
    """Rows on the first GPU, with their ids."""

    def __init__(self, dim: int) -> None:
        import faiss

        config = faiss.GpuIndexFlatConfig()
        config.useFloat16 = True
        self._resources = faiss.StandardGpuResources()  # must outlive the index
        self._index = faiss.GpuIndexFlatIP(self._resources, dim, config)
        self._rows = Rows([], np.empty(0, np.int64))
        self._lock = threading.Lock()  # FAISS does one thing at a time on a GPU

    def hold(self, rows: Rows) -> None:
        """Take in the rows that came since, or all of them when there are fewer than before."""
        with self._lock:
            if self._index.ntotal > len(rows):
                self._index.reset()
            for _, embeddings in rows.embeddings(self._index.ntotal):
                self._index.add(embeddings)
            self._rows = rows

    def search(self, queries: Floats, k: int) -> tuple[Floats, Ids]:
        """The k best rows by inner product with each of q queries [q, dim]: scores and ids [q, k], best first,
        -1 where there are fewer."""
        with self._lock:
            scores, positions = self._index.search(np.ascontiguousarray(queries, np.float32), k)
            return scores, self._rows.ids_at(positions)
