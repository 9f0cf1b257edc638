"""FAISS on a GPU: the rows of a library's index once more, in 16-bit floats as on disk, searched exactly.

The CPU's index stays beside it: it holds the numbers of the images, and answers what the GPU's cannot
(searches among some images only, and for more hits than `MOST`).
"""

from typing import Any

import numpy as np

from vlm.protocols import Floats

MOST = 2_048  # hits, the most that FAISS finds on a GPU


def gpus() -> int:
    """How many GPUs the installed FAISS can use; 0 for one that is built for processors alone."""
    import faiss

    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


class GpuRows:
    """Rows on the first GPU, in the order of the CPU's index."""

    def __init__(self, dim: int) -> None:
        import faiss

        config = faiss.GpuIndexFlatConfig()
        config.useFloat16 = True
        self._resources = faiss.StandardGpuResources()  # must outlive the index
        self._index = faiss.GpuIndexFlatIP(self._resources, dim, config)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, embeddings: Floats) -> None:
        """Append embeddings [n, dim]."""
        self._index.add(embeddings)

    def search(self, query: Floats, k: int) -> tuple[Floats, Any]:
        """The k best rows by inner product with query [dim]: scores and rows, best first."""
        scores, rows = self._index.search(np.ascontiguousarray(query[None], np.float32), k)
        return scores[0], rows[0]
