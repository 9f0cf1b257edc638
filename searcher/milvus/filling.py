"""How a collection in Milvus is brought to what the segments and the catalog hold: in steps that may be cut off
anywhere and done again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout
from sqlalchemy import func, select

from searcher import database
from searcher.catalog import Embedding
from searcher.milvus.collection import BATCH, STRONG, Collection
from searcher.segments import Ids
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher.milvus.vectors import MilvusVectors

STEP = 8 * BATCH  # rows after which it is noted how far it is


def fill(vectors: "MilvusVectors", count: int, *, anew: bool = False) -> Iterator[int]:
    """Write what Milvus lacks of the first `count` rows, and remove rows of images that are gone; yields now and then
    how many rows are in. Kept up to the last step when it is cut off; with `anew` all are written again.

    Raises AskpixError when another process is at it, or Milvus cannot be written to.
    """
    with _alone(vectors):
        collection = vectors.collection(make=True)
        assert collection is not None  # noqa: S101  it was made
        start = 0 if anew else vectors.filled()
        if start and collection.count(consistency=STRONG) < known(vectors, start):  # it lost some
            start = 0
        yield start
        if start < count:
            yield from _write(vectors, collection, start, count)
            collection.settle()
        if anew or collection.count(consistency=STRONG) > known(vectors, count):
            _tidy(vectors, collection)


def push(vectors: "MilvusVectors", count: int) -> None:
    """Write what Milvus lacks of the first `count` rows and nothing more, unless another process is at it."""
    try:
        with _alone(vectors):
            collection = vectors.collection(make=True)
            assert collection is not None  # noqa: S101  it was made
            for _ in _write(vectors, collection, vectors.filled(), count):
                pass
    except _Busy:
        return


class _Busy(AskpixError):
    """Another process fills the collection."""


@contextmanager
def _alone(vectors: "MilvusVectors") -> Iterator[None]:
    vectors.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(vectors.folder / "milvus.lock", timeout=0):
            yield
    except Timeout as error:
        raise _Busy(f"another process is filling Milvus from {vectors.folder}; wait until it has ended") from error


def _write(vectors: "MilvusVectors", collection: Collection, start: int, count: int) -> Iterator[int]:
    """Write the rows from `start` on, step by step."""
    while start < count:
        stop = min(start + STEP, count)
        position, last = start, np.empty(0, np.int64)
        for ids, embeddings in vectors.read(start, stop):
            counts = np.isin(ids, _ids(vectors, position, position + len(ids)))
            collection.upsert(ids[counts], embeddings[counts])
            position += len(ids)
            last = ids[counts][-BATCH:] if counts.any() else last
        if not collection.shows(last):
            raise AskpixError(
                f"Milvus at {vectors.server.address} took rows that it does not show; see its log, and fill it again"
            )
        vectors.mark(collection, stop)
        start = stop
        yield start


def _ids(vectors: "MilvusVectors", start: int, stop: int) -> Ids:
    """The images of the rows start..stop that the catalog still knows."""
    of_rows = select(Embedding.image_id).where(
        Embedding.model == vectors.model, Embedding.position >= start, Embedding.position < stop
    )
    with database.session(vectors.engine) as session:
        return np.array(session.scalars(of_rows).all(), np.int64)


def known(vectors: "MilvusVectors", count: int) -> int:
    """Of how many images the first `count` rows are, as far as the catalog still knows them."""
    among = select(func.count()).where(Embedding.model == vectors.model, Embedding.position < count)
    with database.session(vectors.engine) as session:
        return session.scalar(among) or 0


def _tidy(vectors: "MilvusVectors", collection: Collection) -> None:
    """Remove the rows of images that the catalog knows no more."""
    for ids in collection.ids():
        near = select(Embedding.image_id).where(
            Embedding.model == vectors.model, Embedding.image_id >= int(ids[0]), Embedding.image_id <= int(ids[-1])
        )
        with database.session(vectors.engine) as session:
            gone = np.setdiff1d(ids, np.array(session.scalars(near).all(), np.int64))
        if len(gone):
            collection.delete(gone)
