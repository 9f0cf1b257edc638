"""Bounded streams: what is taken in stays small however long the source is."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def batches(items: Iterable[In], size: int) -> Iterator[list[In]]:
    """Lists of `size` items, the last one perhaps shorter (itertools.batched, which Python 3.11 lacks)."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def ahead(pool: Executor, work: Callable[[In], Out], items: Iterable[In], depth: int) -> Iterator[Out]:
    """Map `work` over items in a pool, in order, never more than `depth` results ahead of the reader.

    Executor.map would take in the whole source first.
    """
    pending: deque[Future[Out]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
