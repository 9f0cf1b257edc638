"""What an answerer saw in photos, kept for the next question about them: a cache in the library's folder.

Reading it is many times as quick as decoding a photo and looking again (`benchmarks.answers`), but it takes some 120 kB
a photo; so it holds what was asked about, not the whole library, and is emptied when it is full. Anybody may delete it.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vlm.protocols import Answerer, Seen

MOST_BYTES = 2 << 30
LARGEST = 1 << 19  # bytes of one photo; a model that keeps the pictures themselves had better look again
_SHAPES = "shapes.json"


class SeenCache:
    """Rows of `Seen` of one model as 16-bit floats, a file each, by the hash of a photo's content."""

    def __init__(self, folder: Path, answerer: Answerer, most_bytes: int = MOST_BYTES) -> None:
        """In a folder of its own below `folder`; it is made when the first photo is kept."""
        self._folder = folder / "seen" / re.sub(r"[^A-Za-z0-9.-]+", "_", answerer.name)
        self._most = most_bytes
        self._bytes: int | None = None
        self._shapes = self._read_shapes()

    def read(self, key: str) -> Seen | None:
        """What was seen in a photo; None if that is not known."""
        if self._shapes is None:
            return None
        try:
            values = np.fromfile(self._place(key), np.float16).astype(np.float32)
        except OSError:
            return None
        sizes = [math.prod(shape) for shape in self._shapes]
        if len(values) != sum(sizes):
            return None
        parts = np.split(values, np.cumsum(sizes)[:-1])
        embeddings, *state = (part.reshape(1, *shape) for part, shape in zip(parts, self._shapes, strict=True))
        return Seen(embeddings, tuple(state))

    def keep(self, keys: Sequence[str], seen: Seen) -> None:
        """Keep what was seen in photos, unless that cannot be done: for some models, and on a full disk."""
        parts: list[Any] = [seen.embeddings, *seen.state]
        if not keys or not all(_is_floats(part) for part in parts):
            return
        shapes = [list(part.shape[1:]) for part in parts]
        each = 2 * sum(math.prod(shape) for shape in shapes)
        if each > LARGEST:
            return
        with suppress(OSError):
            self._make_room(len(keys) * each, shapes)
            for row, key in enumerate(keys):
                place = self._place(key)
                place.parent.mkdir(exist_ok=True)
                part = place.with_suffix(f".{os.getpid()}")
                np.concatenate([one[row].ravel() for one in parts]).astype(np.float16).tofile(part)
                part.replace(place)

    def _make_room(self, size: int, shapes: list[list[int]]) -> None:
        if self._bytes is None:
            self._bytes = sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())
        if self._bytes + size > self._most or (self._shapes is not None and self._shapes != shapes):
            shutil.rmtree(self._folder, ignore_errors=True)
            self._bytes, self._shapes = 0, None
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._shapes is None:
            (self._folder / _SHAPES).write_text(json.dumps(shapes), encoding="utf-8")
            self._shapes = shapes
        self._bytes += size

    def _place(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def _read_shapes(self) -> list[list[int]] | None:
        try:
            shapes: list[list[int]] = json.loads((self._folder / _SHAPES).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return shapes


def _is_floats(part: Any) -> bool:
    return isinstance(part, np.ndarray) and np.issubdtype(part.dtype, np.floating)
