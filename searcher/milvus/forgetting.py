"""Rows of forgotten images leave Milvus too."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from searcher.milvus.vectors import MilvusVectors
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
        for about in library.folder.glob("vectors/*/model.json"):
            made = json.loads(about.read_text(encoding="utf-8"))
            vectors = MilvusVectors(library.folder / "vectors", made["model"], made["dim"], server, library.engine)
            if collection := vectors.collection():
                collection.delete(np.array(ids, np.int64))
