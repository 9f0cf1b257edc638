"""Bounded streams."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from vlm.streams import ahead, batches


def test_batches() -> None:
    assert list(batches(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches([], 3)) == []


def test_ahead_is_ordered_and_bounded() -> None:
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for i in range(100):
            taken += 1
            yield i

    with ThreadPoolExecutor(4) as pool:
        for i, result in enumerate(ahead(pool, lambda n: n * n, source(), 8)):
            assert result == i * i
            assert taken <= i + 8


def test_ahead_hands_on_what_the_work_raises() -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(ahead(pool, lambda n: 1 // n, [2, 1, 0, 5], 2))
