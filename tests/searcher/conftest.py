"""What tests of the library share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from searcher import Library, database
from searcher.catalog import Answer, Question


@pytest.fixture
def demo_copy(demo_folder: Path, tmp_path: Path) -> Iterator[Library]:
    """The library of the demo photographs, a copy to write into, of which nothing has been asked."""
    with Library(shutil.copytree(demo_folder, tmp_path / "library")) as library:
        with database.writing(library.engine) as session:
            session.execute(delete(Answer))
            session.execute(delete(Question))
        yield library
