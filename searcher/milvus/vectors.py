"""The vectors of one model with a collection in Milvus as their index; the segments in the library folder are kept as
ever, so that it can be filled anew from them at any time, or left for FAISS."""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from searcher.milvus.collection import CHUNK, MOST, PREFIX, Collection
from searcher.milvus.filling import fill, push
from searcher.milvus.server import Milvus, Unreachable
from searcher.rows import Found, Rows, merged
from searcher.segments import SEGMENT_ROWS, Ids, blocks
from searcher.vectors import Vectors, write_durably
from vlm.errors import AskpixError
from vlm.protocols import Floats

T = TypeVar("T")

FEW = 1_000  # images among which a cluster is not asked to search: their vectors are fetched, and each compared
LAG = 1_024  # rows that Milvus may lack while a run goes on: fewer are not worth writing by themselves
PAUSE_S = 60.0  # until Milvus is written to again by a run, after it could not be


@dataclass(frozen=True)
class Marker:
    """How far a collection is: the first `rows` rows of the segments are in it, as far as their images are known."""

    address: str
    collection: str
    rows: int


class MilvusVectors(Vectors):
    """As `Vectors`, searched by Milvus. Rows that it lacks yet are compared where they lie, beside.

    What a search finds may include rows that were committed since `count` was taken. Everything that asks Milvus
    raises AskpixError when it cannot be reached.
    """

    def __init__(self, folder: Path, model: str, dim: int, server: Milvus, engine: Engine) -> None:
        """`folder` is that of all models' vectors, in the library folder; `engine` is of the catalog, which knows
        which rows count. Nothing is asked of the server yet."""
        super().__init__(folder, model, dim)
        self.server = server
        self.engine = engine
        self._library_id = folder.parent / "library.id"
        self._marker_path = self.folder / "milvus.json"
        self._opened: Collection | None = None
        self._tail: tuple[int, int, Rows] | None = None
        self._wait_until = 0.0

    # The collection, and how far it is

    def collection(self, *, make: bool = False) -> Collection | None:
        """This library's collection, or None when it is not there; with `make` it is made then."""
        if self._opened is None and (make or self._library_id.exists()):
            found = Collection(self.server, self.name_for(_library_id(self._library_id)), self.dim)
            if not found.open():
                if not make:
                    return None
                found.create()
                found.open()
                self.mark(found, 0)
            self._opened = found
        return self._opened

    def name_for(self, library_id: str) -> str:
        """What the collection of this model is called in a library: letters, digits and underscores."""
        return f"{PREFIX}{library_id}_{re.sub(r'[^A-Za-z0-9]+', '_', self.model)[:100]}_{self.dim}"

    def adopt(self, collection: Collection, rows: int) -> None:
        """Take a collection, in which the first `rows` rows are, for this library's from now on."""
        library_id = collection.name.removeprefix(PREFIX).removesuffix(self.name_for("").removeprefix(PREFIX))
        self._library_id.write_text(library_id + "\n", encoding="ascii")
        self._opened, self._tail = collection, None
        self.mark(collection, rows)

    def damaged(self, count: int) -> Iterator[range]:
        """Which of the first `count` rows are not on the disk, or not as they were written."""
        return self._segments.damaged(0, count)

    def filled(self) -> int:
        """How many rows of the segments are in Milvus, counted from the first."""
        collection = self.collection()
        if collection is None:
            return 0
        try:
            marker = Marker(**json.loads(self._marker_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return 0
        here = (marker.address, marker.collection) == (self.server.address, collection.name)
        return marker.rows if here else 0

    def mark(self, collection: Collection, rows: int) -> None:
        """Note that the first `rows` rows are in a collection."""
        self.folder.mkdir(parents=True, exist_ok=True)
        marker = Marker(self.server.address, collection.name, rows)
        write_durably(self._marker_path, json.dumps(asdict(marker)).encode())

    def truncate(self, count: int) -> None:
        super().truncate(count)
        self._tail = None
        if self._marker_path.exists():
            marker = json.loads(self._marker_path.read_text(encoding="utf-8"))
            write_durably(self._marker_path, json.dumps({**marker, "rows": min(marker["rows"], count)}).encode())

    # Searching

    def get(self, ids: Ids, count: int) -> Floats:
        wanted = np.asarray(ids, np.int64)
        beside = self._beside(count)
        positions = beside.positions(wanted)
        here = positions >= 0
        parts = [(wanted[here], beside.vectors(positions[here]))] if here.any() else []
        if not here.all() and (collection := self.collection()):
            found = self._asked(collection, lambda inside: inside.get(np.unique(wanted[~here])))
            if found is None:
                return self.get(ids, count)
            parts.append(found)
        places = {image: place for place, image in enumerate(i for some, _ in parts for i in some.tolist())}
        if missing := [image for image in wanted.tolist() if image not in places]:
            raise KeyError(str(missing))
        embeddings = np.concatenate([np.empty((0, self.dim), np.float32), *(vectors for _, vectors in parts)])
        chosen: Floats = embeddings[[places[image] for image in wanted.tolist()]]
        return chosen

    def _best(self, queries: Floats, k: int, count: int, allowed: Ids | None) -> Found:
        if k > MOST:
            return super()._best(queries, k, count, allowed)
        beside = self._beside(count)
        found = [_compared(beside, queries, k, allowed)] if len(beside) else []
        if collection := self.collection():
            among = None if allowed is None else np.setdiff1d(allowed, beside.ids)
            inside = self._asked(collection, lambda asked: _searched(asked, queries, k, count - len(beside), among))
            if inside is None:
                return super()._best(queries, k, count, allowed)
            found.append(_without(*inside, beside.ids))
        return merged(found, len(queries), k)

    def _asked(self, collection: Collection, do: Callable[[Collection], T]) -> T | None:
        """What the collection says, which is opened again if that may help, since a server that was started anew may
        have let it go; None when it is not there any more."""
        try:
            return do(collection)
        except Unreachable:
            raise
        except AskpixError:
            self._opened = None
            again = self.collection()
            return do(again) if again else None

    def _beside(self, count: int) -> Rows:
        """The rows that Milvus lacks, of the first `count`."""
        start = min(self.filled(), count)
        tail = self._tail
        if tail is None or tail[:2] != (start, count):
            parts = [part for _, part in blocks(self._segments.map(count), start, SEGMENT_ROWS)]
            ids = np.concatenate([np.empty(0, np.int64), *(part["id"].astype(np.int64) for part in parts)])
            self._tail = tail = start, count, Rows(parts, ids)
        return tail[2]

    # Filling

    def save_index(self, count: int, probes: Callable[[], Floats]) -> None:  # noqa: ARG002  there is no training
        """Write the rows that Milvus lacks into it, and remove those of images that are gone."""
        for _ in fill(self, count):
            pass

    def follow(self, count: int) -> None:
        """Write what Milvus lacks of the first `count` rows into it, when that is worth while. If it is away, a later
        call or the end of the run makes up for it."""
        if time.monotonic() < self._wait_until:
            return
        try:
            if count - self.filled() >= LAG:
                push(self, count)
        except AskpixError:
            self._wait_until = time.monotonic() + PAUSE_S

    @property
    def about_index(self) -> str:
        collection = self.collection()
        if collection is None:
            return f"nothing is in Milvus at {self.server.address}; fill it: askpix vectors fill"
        return f"Milvus at {self.server.address}, {collection.describe()}, {self.filled():,} rows in it"

    def describe_index(self, count: int) -> str:  # noqa: ARG002
        return self.about_index


def _library_id(path: Path) -> str:
    """The letters by which collections of this library are told from those of others, made when it has none."""
    with suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), path.open("x", encoding="ascii") as file:
        file.write(uuid.uuid4().hex[:12] + "\n")
    return path.read_text(encoding="ascii").strip()


def _compared(rows: Rows, queries: Floats, k: int, allowed: Ids | None) -> Found:
    """The best rows, as scores and ids."""
    scores, positions = rows.best(queries, k, allowed=None if allowed is None else rows.of(allowed))
    return scores, rows.ids_at(positions)


def _searched(collection: Collection, queries: Floats, k: int, filled: int, among: Ids | None) -> Found | None:
    """The best rows in Milvus, those of some images if `among` says which; None when it found fewer than it has."""
    if among is not None and len(among) <= FEW:
        ids, embeddings = collection.get(among)
        return merged([(queries @ embeddings.T, np.tile(ids, (len(queries), 1)))], len(queries), k)
    found = _sifted(collection, queries, k, filled, among) if among is not None else None
    scores, ids = found or collection.search(queries, k, among)
    hits = int((ids >= 0).sum(1).min())
    # Rows that wait to be indexed are searched by a quick index of Milvus's own, which may pass over most of them.
    return None if hits < k and hits < collection.count(among) else (scores, ids)


def _sifted(collection: Collection, queries: Floats, k: int, filled: int, among: Ids) -> Found | None:
    """What a filter that lets many through leaves of a wider search; None when that may not be the best."""
    wide = 2 * k * filled // len(among)
    if len(among) <= CHUNK or wide > MOST:
        return None
    scores, ids = collection.search(queries, wide)
    kept = np.isin(ids, among)
    if (kept.sum(1) < k).any():
        return None
    return merged([_masked(scores, ids, ~kept)], len(queries), k)


def _without(scores: Floats, ids: Ids, others: Ids) -> Found:
    """What was found, less the images that were found elsewhere."""
    return _masked(scores, ids, np.isin(ids, others)) if len(others) else (scores, ids)


def _masked(scores: Floats, ids: Ids, out: NDArray[np.bool_]) -> Found:
    return np.where(out, np.finfo(np.float32).min, scores).astype(np.float32), np.where(out, -1, ids)
