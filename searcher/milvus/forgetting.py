"""Rows of forgotten images leave Milvus too."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from searcher.milvus.vectors import MilvusVectors
from searcher.wholeness import stored
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher.library import Library


def forget(library: "Library", ids: Sequence[int]) -> None:
    """Remove the rows of images from the collections of all models, if Milvus serves the library.

    If it is away just now the next `fill` removes them; no search shows what the catalog has forgotten.
    """
    server = library.milvus
    if server is None or not ids:
        return
    with suppress(AskpixError):
        for one in stored(library.folder, {}):
            vectors = MilvusVectors(library.folder / "vectors", one.model, one.segments.dim, server, library.engine)
            if collection := vectors.collection():
                collection.delete(np.array(ids, np.int64))
