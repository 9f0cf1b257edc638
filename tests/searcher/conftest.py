"""What tests of the library share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from searcher import Library


@pytest.fixture
def demo_copy(untouched_demo_folder: Path, tmp_path: Path) -> Iterator[Library]:
    """The library of the demo photographs, a copy to write into."""
    with Library(shutil.copytree(untouched_demo_folder, tmp_path / "library")) as library:
        yield library
