"""FAISS on a GPU: the rows of a library's index once more, in 16-bit floats as on disk, searched exactly.

The processor's index stays beside it, and answers what the GPU's cannot: searches among some images only,
and for more hits than `MOST`.
"""

import numpy as np
from numpy.typing import NDArray

from vlm.protocols import Floats

Ids = NDArray[np.int64]

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
        self._ids = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: Ids, embeddings: Floats) -> None:
        """Append ids [n] and embeddings [n, dim]."""
        self._index.add(embeddings)
        self._ids = np.concatenate([self._ids, ids])

    def search(self, query: Floats, k: int) -> tuple[Floats, Ids]:
        """The k best rows by inner product with query [dim]: scores and ids, best first."""
        scores, rows = self._index.search(np.ascontiguousarray(query[None], np.float32), k)
        return scores[0], self._ids[rows[0]]
