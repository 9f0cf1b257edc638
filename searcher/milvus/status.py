"""How far a library's collection in Milvus is."""

from dataclasses import asdict, dataclass
from typing import Any

from searcher.library import Library
from searcher.milvus.collection import STRONG
from searcher.milvus.filling import known
from searcher.milvus.vectors import MilvusVectors


@dataclass(frozen=True)
class Status:
    """Of the `rows` of a model's vectors, the first `filled` were written to the `collection`, which should hold
    `wanted` then, since some images are gone, and holds `held`."""

    model: str
    rows: int
    filled: int
    wanted: int
    held: int
    collection: str | None
    address: str
    version: str
    index: str

    @property
    def whole(self) -> bool:
        """Whether nothing is to be done."""
        return self.filled == self.rows and self.held == self.wanted

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {**asdict(self), "whole": self.whole}

    def __str__(self) -> str:
        place = f"Milvus {self.version} at {self.address}"
        if self.collection is None:
            return f"{place} holds nothing of this library; fill it: askpix vectors fill"
        beside = "" if self.filled == self.rows else "; the rest is searched beside"
        lines = [
            f"{place}, collection {self.collection}, {self.index}",
            f"{self.filled:,} of {self.rows:,} rows of {self.model} are in it{beside}",
        ]
        if self.held != self.wanted:
            lines.append(
                f"it holds {self.held:,} rows where {self.wanted:,} are wanted; askpix vectors fill mends that"
            )
        return "\n".join(lines)


def status(library: Library, vectors: MilvusVectors) -> Status:
    """Ask Milvus how far it is; raises AskpixError when it cannot be reached."""
    version = vectors.server.ask(lambda milvus: milvus.version)
    collection, filled = vectors.collection(), vectors.filled()
    return Status(
        model=vectors.model,
        rows=library.count_vectors(),
        filled=filled,
        wanted=known(vectors, filled),
        held=collection.count(consistency=STRONG) if collection else 0,
        collection=collection.name if collection else None,
        address=vectors.server.address,
        version=version,
        index=collection.describe() if collection else "",
    )
