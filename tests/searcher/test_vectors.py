"""Segments are the truth, the FAISS index a cache."""

import json
from pathlib import Path

import numpy as np
import pytest

from searcher import vectors as module
from searcher.vectors import Vectors
from vlm.errors import AskpixError

DIM = 16


def rows(count: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vectors:
    """Fifty rows over small segments, image ids from 100."""
    monkeypatch.setattr(module, "SEGMENT_ROWS", 16)
    made = Vectors(tmp_path, "test/model", DIM)
    for start in range(0, 50, 10):
        made.append(np.arange(100 + start, 110 + start), rows(50)[start : start + 10])
    return made


def nearest(vectors: Vectors, count: int = 50, allowed: np.ndarray | None = None) -> list[int]:
    return vectors.search(rows(50)[7], 3, count, allowed)[1].tolist()


def expected(count: int = 50) -> list[int]:
    return (100 + np.argsort(-rows(50)[:count] @ rows(50)[7])[:3]).tolist()


def test_search_is_exact(vectors: Vectors) -> None:
    assert nearest(vectors) == expected()
    assert expected()[0] == 107


def test_only_committed_rows_count(vectors: Vectors) -> None:
    assert nearest(vectors, count=20) == expected(20)
    assert nearest(vectors, count=50) == expected(50)
    assert nearest(vectors, count=20) == expected(20)


def test_a_filter_is_exact(vectors: Vectors) -> None:
    assert nearest(vectors, allowed=np.array([149, 101])) == sorted(
        [149, 101], key=lambda i: -float(rows(50)[i - 100] @ rows(50)[7])
    )
    assert nearest(vectors, allowed=np.array([], np.int64)) == []


def test_embeddings_come_back_as_float16(vectors: Vectors) -> None:
    np.testing.assert_array_equal(vectors.get(np.array([103, 149]), 50), rows(50)[[3, 49]].astype(np.float16))
    with pytest.raises(KeyError):
        vectors.get(np.array([7]), 50)


@pytest.mark.parametrize("damage", ["missing", "cut", "garbage", "stale"])
def test_the_index_is_rebuilt(vectors: Vectors, tmp_path: Path, damage: str) -> None:
    vectors.save_index(50, lambda: rows(9, 1))
    index = vectors.folder / "index.faiss"
    match damage:
        case "missing":
            index.unlink()
        case "cut":
            index.write_bytes(index.read_bytes()[:500])
        case "garbage":
            index.write_bytes(b"\xff" * 1000)
        case "stale":  # of rows that were dropped and written anew
            vectors.truncate(20)
            vectors.append(np.arange(120, 150)[::-1], rows(50)[20:][::-1])
    assert nearest(Vectors(tmp_path, "test/model", DIM)) == expected()


def test_a_stored_index_takes_in_what_came_since(vectors: Vectors, tmp_path: Path) -> None:
    vectors.save_index(30, lambda: rows(9, 1))
    assert nearest(Vectors(tmp_path, "test/model", DIM)) == expected()


def test_truncate_drops_torn_rows(vectors: Vectors) -> None:
    with (vectors.folder / "000003.segment").open("ab") as segment:
        segment.write(b"torn")
    vectors.truncate(18)
    assert len(vectors) == 18
    vectors.append(np.array([500]), rows(1, seed=1))
    assert vectors.get(np.array([500]), 19).shape == (1, DIM)


def test_another_length_is_refused(vectors: Vectors, tmp_path: Path) -> None:
    with pytest.raises(AskpixError, match=r"holds vectors of test/model, 16 numbers each, not of test/model, 32"):
        Vectors(tmp_path, "test/model", 32)


@pytest.fixture
def many(tmp_path: Path) -> Vectors:
    """Four thousand rows in forty heaps, ids from 0, searched exactly up to a thousand."""
    made = Vectors(tmp_path / "many", "test/model", DIM, exact_rows=1000)
    made.append(np.arange(4000), heaps())
    return made


def heaps() -> np.ndarray:
    near = np.random.default_rng(9).permutation(np.repeat(rows(40, 3), 100, 0)) + 0.2 * rows(4000, 4)
    return near / np.linalg.norm(near, axis=1, keepdims=True)


def share(vectors: Vectors, count: int = 4000) -> float:
    """Of the exact best ten what a search finds, over fifty queries."""
    queries, stored = rows(50, 5), heaps().astype(np.float16)[:count].astype(np.float32)
    found = [set(vectors.search(query, 10, count)[1].tolist()) for query in queries]
    wanted = [set(np.argsort(-stored @ query)[:10].tolist()) for query in queries]
    return float(np.mean([len(a & b) / 10 for a, b in zip(found, wanted, strict=True)]))


def test_many_rows_are_searched_by_a_trained_index_of_measured_recall(many: Vectors) -> None:
    assert share(many) == 1
    assert many.about_index == "every row compared"
    many.save_index(4000, lambda: rows(60, 6))
    assert 0.95 <= share(many) <= 1
    again = Vectors(many.folder.parent, "test/model", DIM, exact_rows=1000)
    assert share(again) == share(many)
    assert "lists looked into" in again.about_index
    assert float(again.about_index.split(", ")[1].partition("%")[0]) >= 98


def test_a_filter_stays_exact_over_a_trained_index(many: Vectors) -> None:
    many.save_index(4000, lambda: rows(60, 6))
    allowed = np.arange(0, 4000, 7)
    stored = heaps().astype(np.float16).astype(np.float32)
    for query in rows(20, 8):
        wanted = allowed[np.argsort(-stored[allowed] @ query)[:5]]
        assert many.search(query, 5, 4000, allowed)[1].tolist() == wanted.tolist()
    np.testing.assert_array_equal(many.get(np.array([3999, 5]), 4000), stored[[3999, 5]])


def test_a_trained_index_takes_new_rows_and_is_rebuilt_when_damaged(many: Vectors) -> None:
    many.save_index(2000, lambda: rows(60, 6))
    again = Vectors(many.folder.parent, "test/model", DIM, exact_rows=1000)
    assert share(again, 3000) >= 0.9
    assert "lists" in again.about_index
    again.save_index(4000, lambda: rows(60, 6))
    assert json.loads((many.folder / "index.json").read_text())["rows"] == 4000
    (many.folder / "index.json").unlink()
    exact = Vectors(many.folder.parent, "test/model", DIM, exact_rows=1000)
    assert share(exact, 4000) == 1
    assert exact.about_index == "every row compared"
