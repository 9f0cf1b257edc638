"""Searching and asking the demo library with the shipped model."""

import shutil
from pathlib import Path

import pytest

from indexer.pipeline import IndexRun
from searcher import Library
from vlm.errors import AskpixError


@pytest.fixture
def own_library(photos: Path, tmp_path: Path) -> Library:
    """A library to write answers into, of three photographs."""
    for i, photo in enumerate(sorted(photos.rglob("*.jpg"))[:3]):
        (tmp_path / "photos").mkdir(exist_ok=True)
        shutil.copy(photo, tmp_path / "photos" / f"{i}.jpg")
    library = Library(tmp_path / "library", create=True)
    for _ in IndexRun(library, [tmp_path / "photos"]):
        pass
    return library


def test_hits_are_best_first_and_say_why(demo_library: Library) -> None:
    hits = demo_library.search("a cat", k=5, min_confidence=0)
    assert len(hits) == 5
    assert "cat" in hits[0].photo.path.name
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert hit.photo.caption
        assert hit.score == pytest.approx(hit.why["embedding"]["text"] + hit.why["words_gave"], abs=1e-3)
        assert 0 <= hit.confidence <= 1


def test_unlikely_hits_are_left_out(demo_library: Library) -> None:
    likely = demo_library.search("a cat", k=100)
    assert 0 < len(likely) < demo_library.count_images()
    assert all(hit.confidence >= demo_library.encoder.cutoff for hit in likely)
    assert demo_library.search("a cat", min_confidence=1) == []


def test_similar_leaves_the_photo_itself_out(demo_library: Library) -> None:
    cat = demo_library.search("a cat", k=1, min_confidence=0)[0].photo
    by_id = demo_library.similar(cat.id, k=4)
    by_file = demo_library.similar(cat.path, k=5)
    assert cat.id not in [hit.photo.id for hit in by_id]
    assert by_file[0].photo.id == cat.id
    assert by_file[0].confidence > 0.99
    assert [hit.photo.id for hit in by_file[1:]] == [hit.photo.id for hit in by_id]
    with pytest.raises(AskpixError, match="image 999999 is not indexed"):
        demo_library.similar(999_999)


def test_text_and_picture_together(demo_library: Library) -> None:
    cat = demo_library.search("a cat", k=1, min_confidence=0)[0].photo
    hits = demo_library.search("a cat", like=cat.path, k=3, min_confidence=0)
    assert hits[0].photo.id == cat.id
    assert set(hits[0].why["embedding"]) == {"text", "image"}


def test_filters_hold_exactly(demo_library: Library) -> None:
    everything = demo_library.browse(k=1000)
    cats = [hit.photo.id for hit in everything if "cat" in str(hit.photo.path).lower()]
    assert {hit.photo.id for hit in demo_library.search(where="path:cat", k=1000)} == set(cats)
    rest = demo_library.search("a cat", where="-path:cat", k=1000, min_confidence=0)
    assert {hit.photo.id for hit in rest} == {hit.photo.id for hit in everything} - set(cats)
    assert demo_library.search(where='path:cat caption:"no such words"') == []


def test_many_queries_are_answered_like_one(demo_library: Library) -> None:
    queries = ["a cat", "a mountain", "food"]
    together = list(demo_library.search_many(queries, k=3, min_confidence=0))
    alone = [demo_library.search(query, k=3, min_confidence=0) for query in queries]
    for many, one in zip(together, alone, strict=True):
        assert [hit.photo.id for hit in many.hits] == [hit.photo.id for hit in one]


def test_browse_pages_through_everything(demo_library: Library) -> None:
    everything = [hit.photo.id for hit in demo_library.browse(k=1000)]
    assert len(everything) == demo_library.count_images() >= 24
    pages = [hit.photo.id for i in range(0, len(everything), 10) for hit in demo_library.browse(k=10, offset=i)]
    assert pages == everything == sorted(everything, reverse=True)


def test_answers_become_a_column(own_library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [hit.photo for hit in own_library.browse()]
    first = list(own_library.ask("is there a person?", photos, save_as="has_person"))
    assert {reply.answer for reply in first} <= {"yes", "no"}
    found = own_library.search(where=f"has_person:{first[0].answer}")
    assert photos[0].id in [hit.photo.id for hit in found]
    for photo in photos:  # kept answers need no picture
        photo.path.unlink()
    assert list(own_library.ask("is there a person?", photos, save_as="has_person")) == first
    with pytest.raises(AskpixError, match="the column has_person keeps the answers to 'is there a person\\?'"):
        list(own_library.ask("is there a dog?", photos, save_as="has_person"))


def test_a_photo_that_is_gone_cannot_be_asked(own_library: Library) -> None:
    photos = [hit.photo for hit in own_library.browse()]
    photos[1].path.unlink()
    replies = list(own_library.ask("is it day or night?", photos))
    assert [reply.answer is None for reply in replies] == [False, True, False]
    assert replies[1].refused == "cannot be opened: No such file or directory"


def test_a_library_indexed_with_another_model_says_so(own_library: Library) -> None:
    class Other:
        name, dim, cutoff = "other", 8, 0.1

        def encode_texts(self, texts: list[str]) -> object:
            import numpy as np

            return np.ones((len(texts), 8), np.float32)

    with (
        Library(own_library.folder, encoder=Other(), captioner=own_library.captioner) as other,  # type: ignore[arg-type]
        pytest.raises(AskpixError, match="this library is not indexed with other"),
    ):
        other.search("a cat")
