"""A run fills Milvus too, and loses nothing when it is away."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from searcher import Library
from searcher.milvus.vectors import MilvusVectors
from searcher.settings import Settings
from servers import free_port
from vlm.errors import AskpixError

Index = Callable[..., Any]
Pictures = Callable[..., list[Path]]


def opened(tmp_path: Path, address: str, model: Any) -> Library:
    settings = Settings(library=tmp_path / "library", milvus=address)
    return Library(create=True, settings=settings, encoder=model)


def in_milvus(library: Library) -> tuple[int, int]:
    """How many rows are noted to be there, and how many are."""
    assert isinstance(library.vectors, MilvusVectors)
    collection = library.vectors.collection()
    return library.vectors.filled(), collection.count() if collection else 0


def test_what_a_run_encodes_is_in_milvus_when_it_ends(
    tmp_path: Path, index: Index, pictures: Pictures, model: Any
) -> None:
    with opened(tmp_path, str(tmp_path / "vectors.db"), model) as library:
        pictures(tmp_path / "photos", 4)
        index(library, tmp_path / "photos", captions=False)
        assert in_milvus(library) == (4, 4)
        pictures(tmp_path / "photos", 2, first=4)
        index(library, tmp_path / "photos", captions=False)
        assert in_milvus(library) == (6, 6)
        found = library.similar(tmp_path / "photos" / "005.jpg", k=1)
        assert found[0].photo.path == tmp_path / "photos" / "005.jpg"


def test_what_is_encoded_while_milvus_is_away_is_there_after_the_next_run(
    tmp_path: Path, index: Index, pictures: Pictures, model: Any
) -> None:
    pictures(tmp_path / "photos", 4)
    with opened(tmp_path, f"http://127.0.0.1:{free_port()}", model) as library:
        with suppress(AskpixError):
            index(library, tmp_path / "photos", captions=False)
        assert library.count_vectors() == 4
        with pytest.raises(AskpixError, match="cannot be reached"):
            library.search("a dog")
    with opened(tmp_path, str(tmp_path / "vectors.db"), model) as library:
        assert index(library, tmp_path / "photos", captions=False).unchanged == 4
        assert in_milvus(library) == (4, 4)
