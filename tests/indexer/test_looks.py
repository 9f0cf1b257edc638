"""No photo passes the vision encoder twice in a run, whatever is written about it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from indexer import looks
from indexer.pipeline import IndexRun
from searcher import Library, database
from searcher.catalog import Caption

COUNT = 24
Described = list[tuple[int, str, float]]


@pytest.fixture(scope="module")
def folder(pictures: Callable[..., list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("looked")
    pictures(made, COUNT)
    return made


@pytest.fixture(scope="module")
def expected(
    folder: Path, model: Any, index: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Described:
    """What is written about the pictures in one go."""
    with Library(tmp_path_factory.mktemp("once"), create=True, encoder=model) as library:
        index(library, folder)
        return described(library)


@pytest.fixture
def library(tmp_path: Path, watched: Any) -> Library:
    return Library(tmp_path / "library", create=True, encoder=watched)


def described(library: Library) -> Described:
    with database.session(library.engine) as session:
        rows = session.execute(select(Caption.image_id, Caption.text, Caption.confidence).order_by(Caption.image_id))
        return [(row.image_id, row.text, row.confidence) for row in rows]


def nameless(folder: Path) -> int:
    """Open files without a name on the disk of a folder."""
    links = [
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    ]
    return sum(link.startswith(f"{folder}/") and link.endswith("(deleted)") for link in links)


def test_each_photo_is_looked_at_once(library: Library, folder: Path, watched: Any, expected: Described) -> None:
    kept = set()
    for _ in IndexRun(library, [folder]):
        kept.add(nameless(library.folder))
    assert watched.looked == COUNT
    assert described(library) == expected
    assert 1 in kept
    assert nameless(library.folder) == 0


def test_after_an_interruption_it_is_looked_at_once_more(
    library: Library, folder: Path, watched: Any, index: Callable[..., Any], expected: Described
) -> None:
    run = IndexRun(library, [folder])
    going = iter(run)
    while run.progress.phase != "captions":
        next(going)
    going.close()
    assert watched.looked == COUNT
    assert described(library) == []
    assert nameless(library.folder) == 0
    index(library, folder)
    assert watched.looked == 2 * COUNT
    assert described(library) == expected


def test_what_does_not_fit_is_looked_at_again(
    library: Library,
    folder: Path,
    watched: Any,
    index: Callable[..., Any],
    expected: Described,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(looks, "MOST_BYTES", 1_000_000)
    index(library, folder)
    assert COUNT < watched.looked < 2 * COUNT
    assert described(library) == expected
