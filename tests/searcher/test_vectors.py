"""Segments are the truth, the trained index a cache."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from searcher import segments
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
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 16)
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


def test_an_image_without_a_row_is_a_key_error_whatever_the_order_of_ids(tmp_path: Path) -> None:
    made = Vectors(tmp_path, "test/model", DIM)
    made.append(np.array([30, 10, 20]), rows(3))
    np.testing.assert_array_equal(made.get(np.array([10, 30]), 3), rows(3)[[1, 0]].astype(np.float16))
    for unknown in (5, 15, 99):
        with pytest.raises(KeyError, match=str(unknown)):
            made.get(np.array([10, unknown]), 3)
    with pytest.raises(KeyError, match="20"):
        made.get(np.array([20]), 2)


def test_many_queries_find_what_each_finds_alone(vectors: Vectors) -> None:
    scores, ids = vectors.search_many(rows(9, 2), 4, 50)
    for query, score, found in zip(rows(9, 2), scores, ids, strict=True):
        alone = vectors.search(query, 4, 50)
        assert found.tolist() == alone[1].tolist()
        np.testing.assert_allclose(score, alone[0], atol=1e-6)
    assert vectors.search_many(rows(9, 2), 4, 3)[1].tolist()[0][3] == -1


def test_rows_written_anew_are_seen(vectors: Vectors, tmp_path: Path) -> None:
    nearest(vectors)
    vectors.truncate(20)
    assert nearest(vectors, count=20) == expected(20)
    vectors.append(np.arange(120, 150)[::-1], rows(50)[20:][::-1])
    assert nearest(vectors) == nearest(Vectors(tmp_path, "test/model", DIM)) == expected()


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


def again(vectors: Vectors) -> Vectors:
    """The same vectors as another process sees them."""
    return Vectors(vectors.folder.parent, "test/model", DIM, exact_rows=1000)


def description(vectors: Vectors) -> dict[str, object]:
    """The last line of the index's file."""
    found: dict[str, object] = json.loads((vectors.folder / "index.faiss").read_bytes().rsplit(b"\n", 1)[-1])
    return found


def test_few_rows_are_compared_without_an_index(vectors: Vectors) -> None:
    vectors.save_index(50, lambda: rows(9, 1))
    assert {path.suffix for path in vectors.folder.iterdir()} == {".json", ".marks", ".segment"}
    assert vectors.about_index == "every row compared"


def test_many_rows_are_searched_by_a_trained_index_of_measured_recall(many: Vectors) -> None:
    assert share(many) == 1
    assert many.about_index == "every row compared"
    many.save_index(4000, lambda: rows(60, 6))
    assert 0.95 <= share(many) <= 1
    other = again(many)
    assert share(other) == share(many)
    assert "lists looked into" in other.about_index
    assert float(other.about_index.split(", ")[1].partition("%")[0]) >= 98


def test_scores_of_a_trained_index_are_exact(many: Vectors) -> None:
    many.save_index(4000, lambda: rows(60, 6))
    stored = heaps().astype(np.float16).astype(np.float32)
    for query in rows(20, 8):
        scores, ids = many.search(query, 5, 4000)
        np.testing.assert_allclose(scores, stored[ids] @ query, atol=1e-6)
        assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("size", [1, 7, 500, 3990, 4000])
def test_a_filter_is_exact_however_few_it_lets_through(many: Vectors, size: int, trained: bool) -> None:
    if trained:
        many.save_index(4000, lambda: rows(60, 6))
    allowed = np.random.default_rng(size).permutation(4000)[:size]
    stored = heaps().astype(np.float16).astype(np.float32)
    for query in rows(20, 8):
        wanted = allowed[np.argsort(-stored[allowed] @ query)[:10]]
        unknown = np.append(allowed, [-7, 4000, 10**12])
        assert many.search(query, 10, 4000, unknown)[1].tolist() == wanted.tolist()
    np.testing.assert_array_equal(many.get(np.array([3999, 5]), 4000), stored[[3999, 5]])


def test_rows_that_came_since_are_searched_beside_the_index_then_added_to_it(
    many: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BESIDE", 100)
    many.save_index(3000, lambda: rows(60, 6))
    assert share(many, 3900) >= 0.95
    many.save_index(3050, lambda: rows(60, 6))
    assert description(many)["count"] == 3000  # too few to write it anew
    many.save_index(3900, lambda: rows(60, 6))
    assert (description(many)["rows"], description(many)["count"]) == (3000, 3900)
    assert share(many, 3900) >= 0.95
    assert share(again(many), 3900) >= 0.95


def test_an_index_is_trained_anew_when_it_has_grown_by_half(many: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BESIDE", 100)
    many.save_index(2000, lambda: rows(60, 6))
    many.save_index(4000, lambda: rows(60, 6))
    assert description(many)["rows"] == description(many)["count"] == 4000


@pytest.mark.parametrize("damage", ["missing", "cut", "garbage", "description", "other", "stale"])
def test_a_damaged_index_is_passed_over_and_made_anew(many: Vectors, tmp_path: Path, damage: str) -> None:
    many.save_index(4000, lambda: rows(60, 6))
    index = many.folder / "index.faiss"
    whole = index.read_bytes()
    match damage:
        case "missing":
            index.unlink()
        case "cut":
            index.write_bytes(whole[:-1000])
        case "garbage":
            index.write_bytes(b"\xff" * 1000)
        case "description":
            index.write_bytes(whole[: -len(json.dumps(description(many)))] + b"{}")
        case "other":  # of as many rows of another library
            other = Vectors(tmp_path / "other", "test/model", DIM, exact_rows=1000)
            other.append(np.arange(4000), rows(4000))
            other.save_index(4000, lambda: rows(60, 6))
            os.replace(other.folder / "index.faiss", index)
        case "stale":  # of rows that were dropped and written anew
            many.truncate(2000)
            many.append(np.arange(2000, 4000)[::-1], heaps()[2000:][::-1])
    exact = again(many)
    assert share(exact) == share(many) == 1
    assert exact.about_index == many.about_index == "every row compared"
    exact.save_index(4000, lambda: rows(60, 6))
    assert share(many) >= 0.95
    assert "lists" in many.about_index


def test_a_run_killed_while_it_writes_the_index_leaves_the_old_one(many: Vectors) -> None:
    many.save_index(2000, lambda: rows(60, 6))
    part = many.folder / "index.part"
    part.write_bytes((many.folder / "index.faiss").read_bytes()[:5000])
    other = again(many)
    assert share(other, 2000) >= 0.95
    assert "lists" in other.about_index
    other.save_index(4000, lambda: rows(60, 6))
    assert description(many)["count"] == 4000
    assert not part.exists()


def test_searches_go_on_while_an_index_is_trained_and_notice_it(many: Vectors) -> None:
    before = many.refresh(4000)
    queries, stored = rows(50, 5), heaps().astype(np.float16).astype(np.float32)
    wanted = [set(np.argsort(-stored @ query)[:10].tolist()) for query in queries]

    def found(i: int) -> float:
        return len(wanted[i % 50] & set(many.search(queries[i % 50], 10, 4000)[1].tolist())) / 10

    with ThreadPoolExecutor(4) as pool:
        saved = pool.submit(again(many).save_index, 4000, lambda: rows(60, 6))
        shares: list[float] = []
        while not saved.done():
            shares += pool.map(found, range(50))
        saved.result()
        shares += pool.map(found, range(50))
    assert np.mean(shares) >= 0.95
    assert "lists looked into" in many.about_index
    assert before.trained is None
    assert before.rows.best(queries[:1], 10)[1][0].tolist() == np.argsort(-stored @ queries[0])[:10].tolist()


def test_a_search_does_not_wait_for_another_thread_that_takes_in_an_index(many: Vectors) -> None:
    share(many)
    again(many).save_index(4000, lambda: rows(60, 6))
    with many._lock:
        assert share(many) == 1
    assert share(many) >= 0.95
    assert "lists" in many.about_index
