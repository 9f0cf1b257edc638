"""Fixtures shared by all rooms: real photographs, the real model, a real library, the real command line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import vlm
from indexer.pipeline import IndexRun
from postgres import postgres, postgres_template, postgres_url  # noqa: F401  fixtures
from searcher import Library
from support import Askpix

PHOTOS = Path(__file__).parent.parent / "demo" / "photos"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What askpix keeps between runs, the tests keep for themselves."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of photographs that comes with the project."""
    return PHOTOS


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library folder of the demo photographs, indexed once for all workers."""
    shared = tmp_path_factory.getbasetemp().parent / f"demo-library-{vlm.load().name}"
    with FileLock(f"{shared}.lock"):
        if not _untouched(shared).exists():
            shutil.rmtree(shared, ignore_errors=True)
            with Library(shared, create=True) as library:
                for _ in IndexRun(library, [PHOTOS]):
                    pass
            shutil.copytree(shared, _untouched(shared))
    return shared


def _untouched(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-untouched")


@pytest.fixture(scope="session")
def untouched_demo_folder(demo_folder: Path) -> Path:
    """The same as it was made, for copies: no test opens it, while the other one keeps what it is asked."""
    return _untouched(demo_folder)


@pytest.fixture
def demo_library(demo_folder: Path) -> Iterator[Library]:
    """The library of the demo photographs, opened."""
    with Library(demo_folder) as library:
        yield library


@pytest.fixture(scope="session")
def askpix() -> Askpix:
    """Run the command line in a process of its own: askpix("search", "a dog") -> CompletedProcess."""
    settings = {name for name in os.environ if name.startswith("ASKPIX_")}
    environment = {name: value for name, value in os.environ.items() if name not in settings}

    def run(*arguments: object, before: Sequence[str] = (), **more: Any) -> subprocess.CompletedProcess[str]:
        command = [*before, sys.executable, "-m", "askpix", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, **{"env": environment, "timeout": 300, **more}
        )

    return run
