"""A collection in Milvus: the embeddings of one model in one library, each under the id of its image.

How it is made, for a cluster, and why:

- Key: the image id, so that a row that is written twice is there once, and one that is written again after a cut
  changes nothing. There is no other field: what filters ask for is in the catalog, where it changes whenever people
  write a tag, and the ids that a filter lets through go along with the search.
- Vectors: 16-bit floats as in the segments, half the memory of 32 bits. Milvus Lite has 32-bit ones only.
- Metric: inner product, as everywhere in askpix; embeddings are of unit length.
- Index: HNSW (Malkov and Yashunin, TPAMI 2018), 16 links a vector, 200 candidates looked at to build it and 1,200 to
  search it. Texts lie apart from the pictures that they find, so a graph must be searched wide: among 120,000 vectors
  like those of photos FAISS's HNSW finds 0.90 of the best ten with 200 candidates, 0.95 with 400, 0.98 with 800, 0.99
  with 1,200, and more links find no more. Where a filter leaves few rows Milvus compares all of them. All vectors must
  fit the memory of the query nodes, 1.7 kB each with 768 numbers. Whoever lacks that makes the index anew as DISKANN
  with Milvus's own tools; a search adapts to either. A cloud chooses itself; Milvus Lite compares every row.
- Shards: 2, so that two streams of writes run side by side; each more costs memory on every node.
- Consistency: bounded. A search need not wait until each node has taken in what was written last, which takes some
  0.2 s. Rows are compared from the segments until Milvus, asked to wait (strong), shows them, so none is missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from searcher.milvus.server import CONNECT_S, WORK_S, Connection, Milvus
from searcher.rows import Found, merged
from searcher.segments import Ids
from vlm.errors import AskpixError
from vlm.protocols import Floats

PREFIX = "askpix_"  # of the names of collections
LINKS, BUILT_WITH, LOOKED_AT, SHARDS = 16, 200, 1_200, 2
MOST = 16_384  # hits, more than which Milvus does not give
BATCH = 4_096  # rows written or read at a time: 9 MB of a model with 1,152 numbers, where servers take 64
QUERIES = 1_024  # searched for at a time
CHUNK = 65_536  # ids of a filter sent at a time
BOUNDED, STRONG = "Bounded", "Strong"
_ID, _VECTOR = "id", "vector"


@dataclass(frozen=True)
class Collection:
    """A collection of vectors with `dim` numbers, by its name."""

    server: Milvus
    name: str
    dim: int

    def open(self) -> bool:
        """Whether it is there; it is made ready to be searched then.

        Raises AskpixError when it is another program's, or one of vectors of another length.
        """
        return self.server.ask(self._open)

    def _open(self, milvus: Connection) -> bool:
        if not milvus.client.has_collection(self.name, timeout=CONNECT_S):
            return False
        fields = milvus.client.describe_collection(self.name, timeout=CONNECT_S)["fields"]
        shape = {one["name"]: (one["type"], one.get("is_primary", False), one["params"].get("dim")) for one in fields}
        wanted = {_ID: (_types().INT64, True, None), _VECTOR: (_vector_type(milvus), False, self.dim)}
        if shape != wanted:
            raise AskpixError(
                f"the collection {self.name} of Milvus at {self.server.address} was not made by askpix for vectors of "
                f"{self.dim} numbers; rename or drop it there, then: askpix vectors fill"
            )
        milvus.client.load_collection(self.name, timeout=WORK_S)
        return True

    def create(self) -> None:
        """Make it, with its index."""
        self.server.ask(self._create)

    def _create(self, milvus: Connection) -> None:
        client = milvus.client
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False, description="made by askpix")
        schema.add_field(_ID, _types().INT64, is_primary=True)
        schema.add_field(_VECTOR, _vector_type(milvus), dim=self.dim)
        index = client.prepare_index_params()
        index.add_index(_VECTOR, metric_type="IP", **_index(milvus))
        client.create_collection(
            self.name,
            schema=schema,
            index_params=index,
            num_shards=SHARDS,
            consistency_level=BOUNDED,
            timeout=WORK_S,
        )

    def upsert(self, ids: Ids, embeddings: Floats) -> None:
        """Write rows, ids [n] and embeddings [n, dim]; those that are there already are replaced."""
        for some in _slices(len(ids), BATCH):
            self.server.ask(partial(self._upsert, ids[some], embeddings[some]))

    def _upsert(self, ids: Ids, embeddings: Floats, milvus: Connection) -> None:
        vectors = embeddings.astype(_precision(milvus))
        rows = [{_ID: image, _VECTOR: vector} for image, vector in zip(ids.tolist(), vectors, strict=True)]
        milvus.client.upsert(self.name, rows, timeout=WORK_S)

    def shows(self, ids: Ids) -> bool:
        """Whether rows that were written are there for every search, those written before them included. It waits
        until they should be. Milvus Lite has done what it says that it has."""
        return self.server.ask(lambda milvus: milvus.lite) or self.count(ids, STRONG) == len(ids)

    def settle(self) -> None:
        """Have what was written put into the index: what waits for it is searched more slowly, and less well."""
        self.server.ask(lambda milvus: milvus.client.flush(self.name, timeout=WORK_S))

    def delete(self, ids: Ids) -> None:
        """Remove the rows of images; those that are not there are passed over."""
        for some in _slices(len(ids), BATCH):
            self.server.ask(partial(self._delete, ids[some]))

    def _delete(self, ids: Ids, milvus: Connection) -> None:
        milvus.client.delete(self.name, ids.tolist(), timeout=WORK_S)

    def search(self, queries: Floats, k: int, among: Ids | None = None) -> Found:
        """The k best rows by inner product with each of q queries [q, dim]: scores and image ids [q, k], best first,
        -1 where there are fewer. With `among` [n], only those of these images.

        An index finds nearly all of the best; what it finds may be fewer than there are.
        """
        found = []
        for some in _slices(len(queries), QUERIES):
            parts = [self.server.ask(partial(self._search, queries[some], k, chunk)) for chunk in _chunks(among)]
            found.append(merged(parts, len(queries[some]), k))
        return np.concatenate([scores for scores, _ in found]), np.concatenate([ids for _, ids in found])

    def _search(self, queries: Floats, k: int, among: Ids | None, milvus: Connection) -> Found:
        hits = milvus.client.search(
            self.name,
            list(queries.astype(_precision(milvus))),
            limit=k,
            output_fields=[_ID],
            search_params={"params": self._width(k, milvus)},
            timeout=milvus.answer_s,
            consistency_level=BOUNDED,
            **_filter(among, milvus),
        )
        scores = np.full((len(queries), k), np.finfo(np.float32).min, np.float32)
        ids = np.full((len(queries), k), -1, np.int64)
        for row, some in enumerate(hits):
            scores[row, : len(some)] = [hit["distance"] for hit in some]
            ids[row, : len(some)] = [hit[_ID] for hit in some]
        return scores, ids

    def _width(self, k: int, milvus: Connection) -> dict[str, int]:
        """How many candidates a search looks at, in the words of the index that there is."""
        if self.name not in milvus.indexes:
            found = milvus.client.describe_index(self.name, _VECTOR, timeout=CONNECT_S)
            milvus.indexes[self.name] = found["index_type"]
        wide = max(LOOKED_AT, 2 * k)
        narrow = min(wide, 10 * k)  # the most that DISKANN takes
        return {"HNSW": {"ef": wide}, "DISKANN": {"search_list": narrow}}.get(milvus.indexes[self.name], {})

    def get(self, ids: Ids) -> tuple[Ids, Floats]:
        """The rows of those of the images [n] that are there: ids [m] and embeddings [m, dim], in any order."""
        parts = [self.server.ask(partial(self._get, ids[some])) for some in _slices(len(ids), BATCH)]
        return _rows([row for part in parts for row in part], self.dim)

    def _get(self, ids: Ids, milvus: Connection) -> Any:
        return milvus.client.query(
            self.name,
            output_fields=[_ID, _VECTOR],
            timeout=milvus.answer_s,
            consistency_level=BOUNDED,
            **_filter(ids, milvus),
        )

    def count(self, among: Ids | None = None, consistency: str = BOUNDED) -> int:
        """How many rows there are, in all or of these images [n]. With STRONG it waits for what was written last."""
        return sum(self.server.ask(partial(self._count, chunk, consistency)) for chunk in _chunks(among))

    def _count(self, among: Ids | None, consistency: str, milvus: Connection) -> int:
        found = milvus.client.query(
            self.name,
            output_fields=["count(*)"],
            timeout=WORK_S,
            consistency_level=consistency,
            **_filter(among, milvus),
        )
        return int(found[0]["count(*)"])

    def ids(self) -> Iterator[Ids]:
        """The image ids of all rows, in ascending order, so many at a time."""
        for page in self._pages(MOST, [_ID]):
            yield np.array([row[_ID] for row in page], np.int64)

    def read(self) -> Iterator[tuple[Ids, Floats]]:
        """All rows in the order of their image ids, as blocks of ids [n] and embeddings [n, dim]."""
        for page in self._pages(BATCH, [_ID, _VECTOR]):
            yield _rows(page, self.dim)

    def _pages(self, size: int, fields: list[str]) -> Iterator[Any]:
        def begin(milvus: Connection) -> Any:
            return milvus.client.query_iterator(
                self.name, batch_size=size, output_fields=fields, timeout=WORK_S, consistency_level=STRONG
            )

        pages = self.server.ask(begin)
        while page := self.server.ask(lambda _: pages.next()):
            yield page

    def describe(self) -> str:
        """Its index, for people to read."""

        def told(milvus: Connection) -> str:
            found = milvus.client.describe_index(self.name, _VECTOR, timeout=CONNECT_S)
            waiting = found.get("pending_index_rows") or 0
            return f"{found['index_type']}{f', {waiting:,} rows not in it yet' if waiting else ''}"

        return self.server.ask(told)


def _types() -> Any:
    from pymilvus import DataType

    return DataType


def _vector_type(milvus: Connection) -> Any:
    return _types().FLOAT_VECTOR if milvus.lite else _types().FLOAT16_VECTOR


def _precision(milvus: Connection) -> type[np.floating[Any]]:
    """What embeddings are sent as: queries too, which an index compares in its own precision."""
    return np.float32 if milvus.lite else np.float16


def _index(milvus: Connection) -> dict[str, Any]:
    if milvus.lite:
        return {"index_type": "FLAT"}
    if milvus.cloud:
        return {"index_type": "AUTOINDEX"}
    return {"index_type": "HNSW", "params": {"M": LINKS, "efConstruction": BUILT_WITH}}


def _filter(among: Ids | None, milvus: Connection) -> dict[str, Any]:
    """The arguments by which only these images are looked at."""
    if among is None:
        return {}
    if milvus.lite:
        return {"filter": f"{_ID} in {among.tolist()}"}
    return {"filter": f"{_ID} in {{ids}}", "filter_params": {"ids": among.tolist()}}


def _rows(page: Any, dim: int) -> tuple[Ids, Floats]:
    """Rows as Milvus gives them: floats in a list, or the bytes of 16-bit ones."""
    ids = np.array([row[_ID] for row in page], np.int64)
    embeddings = np.empty((len(ids), dim), np.float32)
    for place, row in enumerate(page):
        vector = row[_VECTOR]
        if isinstance(vector, list) and len(vector) == 1 and isinstance(vector[0], bytes):
            (vector,) = vector
        embeddings[place] = np.frombuffer(vector, np.float16) if isinstance(vector, bytes) else vector
    return ids, embeddings


def _chunks(among: Ids | None) -> list[Ids] | list[None]:
    """Ids of a filter as they are sent, so many at a time; None where there is no filter."""
    return [None] if among is None else [among[some] for some in _slices(len(among), CHUNK)]


def _slices(count: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, count, size)]
