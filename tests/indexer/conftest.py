"""What the indexer's tests share: the real model, loaded once, small photographs, and runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageOps

import vlm
from indexer.pipeline import IndexRun
from indexer.progress import Summary
from searcher import Library

Index = Callable[..., Summary]
Pictures = Callable[..., list[Path]]


class Watched:
    """A model that counts the pictures it looks at, and takes as many at a time as one likes."""

    def __init__(self, model: Any, batch: int) -> None:
        self._model = model
        self.batch = batch
        self.looked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def look(self, images: Any) -> Any:
        self.looked += len(images)
        return self._model.look(images)


@pytest.fixture(scope="session")
def model() -> Any:
    """The shipped model."""
    return vlm.load()


@pytest.fixture
def watched(model: Any) -> Watched:
    """The shipped model, watched, eight pictures at a time."""
    return Watched(model, 8)


@pytest.fixture(scope="session")
def index() -> Index:
    """Index to the end: index(library, *paths) -> Summary."""

    def run(library: Library, *paths: Path, **how: Any) -> Summary:
        made = IndexRun(library, paths, **how)
        for _ in made:
            pass
        return made.summary

    return run


@pytest.fixture(scope="session")
def pictures(photos: Path) -> Pictures:
    """Small pictures, each of its own content, made from the demo's: pictures(folder, count) -> their paths."""
    sources = sorted(photos.rglob("*.jpg"))

    def make(folder: Path, count: int, first: int = 0, **saved: Any) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        made = []
        for i in range(first, first + count):
            with Pillow.open(sources[i % len(sources)]) as opened:
                opened.draft("RGB", (400, 400))
                small = ImageOps.fit(opened.convert("RGB"), (320 + i, 300))
            made.append(folder / f"{i:03d}.jpg")
            small.save(made[-1], **saved)
        return made

    return make


@pytest.fixture
def library(tmp_path: Path, model: Any) -> Iterator[Library]:
    """An empty library."""
    with Library(tmp_path / "library", create=True, encoder=model) as made:
        yield made
