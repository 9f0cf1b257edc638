"""The way back: segments that the library folder lost are made again from Milvus."""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import delete, select, update

from searcher import database
from searcher.catalog import Embedding, Image, VectorRows
from searcher.milvus.collection import PREFIX, Collection
from searcher.milvus.server import Milvus
from searcher.segments import Ids
from searcher.vectors import Vectors
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher.milvus.vectors import MilvusVectors


def restore(vectors: "MilvusVectors", count: int, name: str | None = None) -> Iterator[int]:
    """Make the segments anew from the collection, or that of this `name` when the library does not know its own any
    more; yields now and then how many rows are there. Nothing of the library changes before all of them are.

    Embeddings that Milvus lacks are forgotten, so that the next run makes them again. No run may be at work on the
    library. Raises AskpixError when the first `count` rows are all there, or the collection is not.
    """
    if count and not any(vectors.damaged(count)):
        raise AskpixError(f"{vectors.folder} holds all {count:,} rows; there is nothing to restore")
    collection = _collection(vectors, name)
    scratch = vectors.folder.parent / "restoring"
    shutil.rmtree(scratch, ignore_errors=True)
    made = Vectors(scratch, vectors.model, vectors.dim)
    rows = 0
    for ids, embeddings in collection.read():
        known = np.isin(ids, _images(vectors, ids))
        made.append(ids[known], embeddings[known])
        rows += int(known.sum())
        yield rows
    if not rows:
        raise AskpixError(f"{collection.name} of Milvus at {vectors.server.address} holds no photo of this library")
    lost = vectors.folder.with_name(f"{vectors.folder.name}.lost")
    if vectors.folder.exists():
        vectors.folder.rename(lost)
    made.folder.rename(vectors.folder)
    _note(vectors, rows)
    vectors.adopt(collection, rows)
    for folder in (scratch, lost):
        shutil.rmtree(folder, ignore_errors=True)


def _collection(vectors: "MilvusVectors", name: str | None) -> Collection:
    if name is None and (own := vectors.collection()):
        return own
    own_model = vectors.name_for("").removeprefix(PREFIX)
    known = [found for found in _collections(vectors.server) if found.startswith(PREFIX) and found.endswith(own_model)]
    if name not in known:
        there = ", ".join(known) or "none"
        raise AskpixError(
            f"{vectors.folder.parent.parent} does not say which collection is its own; name it with --collection "
            f"(of this model there are in Milvus at {vectors.server.address}: {there})"
        )
    found = Collection(vectors.server, name, vectors.dim)
    found.open()
    return found


def _collections(server: Milvus) -> list[str]:
    found: list[str] = server.ask(lambda milvus: milvus.client.list_collections())
    return sorted(found)


def _images(vectors: "MilvusVectors", ids: Ids) -> Ids:
    """The images that the catalog knows among ids in ascending order."""
    known = select(Image.id).where(Image.id >= int(ids[0]), Image.id <= int(ids[-1]))
    with database.session(vectors.engine) as session:
        return np.array(session.scalars(known).all(), np.int64)


def _note(vectors: "MilvusVectors", count: int) -> None:
    """Have the catalog say where the rows are now."""
    mine = Embedding.model == vectors.model
    with database.writing(vectors.engine) as session:
        # Below 0 are those that have no row any more; two rows may not have one position, not for a moment either.
        session.execute(update(Embedding).where(mine).values(position=-1 - Embedding.position))
        position = 0
        for ids, _ in vectors.read(0, count):
            near = Embedding.image_id >= int(ids[0]), Embedding.image_id <= int(ids[-1])
            known = set(session.scalars(select(Embedding.image_id).where(mine, *near)))
            rows = [
                {"image_id": image, "model": vectors.model, "position": position + place}
                for place, image in enumerate(ids.tolist())
            ]
            if moved := [row for row in rows if row["image_id"] in known]:
                session.execute(update(Embedding), moved)
            database.insert_new(session, Embedding, [row for row in rows if row["image_id"] not in known])
            position += len(rows)
        session.execute(delete(Embedding).where(mine, Embedding.position < 0))
        database.put(session, VectorRows, [{"model": vectors.model, "count": count}], ["model"])
