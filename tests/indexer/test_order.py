"""The order of a run: all photos can be found before anything is written about the first, and then the best first."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL.ExifTags import IFD, Base
from sqlalchemy import func, select

from indexer.filling import Filled
from indexer.pipeline import IndexRun
from searcher import Library, database
from searcher.catalog import Caption, Embedding, File, Wish

COUNT = 48
BATCH = 8


def said(taken: str | None = None, rating: int | None = None) -> Pillow.Exif:
    """What a camera says of when a photo was taken, and a person of how good it is."""
    made = Pillow.Exif()
    if rating is not None:
        made[Base.Rating] = rating
    if taken:
        made._ifds[IFD.Exif] = {Base.DateTimeOriginal: taken}
    return made


@pytest.fixture(scope="module")
def folder(pictures: Callable[..., list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of which four are rated or dated."""
    made = tmp_path_factory.mktemp("ordered")
    pictures(made, COUNT)
    about = {30: said("2001:01:01 00:00:00", 5), 31: said("2020:01:01 00:00:00", 3), 40: said("2019:05:01 10:00:00")}
    for number, exif in {**about, 41: said("2019:05:01 12:00:00")}.items():
        pictures(made, 1, number, exif=exif)
    return made


@pytest.fixture(scope="module")
def encoded(folder: Path, model: Any, index: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library in which nothing has a caption yet."""
    made = tmp_path_factory.mktemp("encoded")
    with Library(made, create=True, encoder=model) as library:
        index(library, folder, captions=False)
    return made


@pytest.fixture
def library(encoded: Path, tmp_path: Path, watched: Any) -> Iterator[Library]:
    """A copy of it."""
    shutil.copytree(encoded, tmp_path / "library")
    with Library(tmp_path / "library", encoder=watched) as opened:
        yield opened


def count(library: Library, table: type[Any]) -> int:
    with database.session(library.engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def wish(library: Library, number: int, when: datetime) -> int:
    """Somebody found a picture; its image."""
    with database.writing(library.engine) as session:
        image_id = session.scalars(select(File.image_id).where(File.name == f"{number:03d}.jpg")).one()
        assert image_id is not None
        session.add(Wish(image_id=image_id, wished_at=when))
        return image_id


def numbers(filled: list[Filled]) -> list[int]:
    return [int(one.path.stem) for one in filled]


def test_all_can_be_found_before_the_first_caption(folder: Path, watched: Any, tmp_path: Path) -> None:
    seen = []
    with Library(tmp_path / "library", create=True, encoder=watched) as library:
        for _ in IndexRun(library, [folder]):
            seen.append((count(library, Embedding), count(library, Caption)))
            assert seen[-1][0] == COUNT or seen[-1][1] == 0
    assert seen[-1] == (COUNT, COUNT)
    assert any(0 < embedded < COUNT for embedded, _ in seen)
    assert any(0 < captioned < COUNT for _, captioned in seen)


def test_what_was_found_then_the_best_then_the_newest(library: Library, folder: Path) -> None:
    now = datetime.now(UTC)
    wish(library, 25, now - timedelta(minutes=2))
    wish(library, 45, now)
    order = numbers([one for done in IndexRun(library, [folder]) for one in done if isinstance(one, Filled)])
    assert order[:6] == [45, 25, 30, 31, 41, 40]
    assert order[6:] == sorted(set(range(COUNT)) - set(order[:6]))
    assert count(library, Wish) == 0


def test_what_is_wished_for_meanwhile_comes_before_the_rest(library: Library, folder: Path) -> None:
    order: list[int] = []
    for done in IndexRun(library, [folder]):
        filled = numbers([one for one in done if isinstance(one, Filled)])
        if filled and not order:
            wish(library, 47, datetime.now(UTC))  # the last in turn
            wish(library, 10, datetime.now(UTC))  # being written about already
        order += filled
    assert sorted(order) == list(range(COUNT))
    assert order.index(47) < 5 * BATCH
    assert count(library, Wish) == 0


def test_only_what_lies_below_is_written_about_in_a_folder_of_any_name(
    library: Library, folder: Path, tmp_path: Path, index: Callable[..., Any]
) -> None:
    odd = tmp_path / "100%_caf\udce9"
    odd.mkdir()
    shutil.copy(folder / "003.jpg", odd / "new.jpg")
    with (odd / "new.jpg").open("ab") as file:
        file.write(b"of its own")
    assert index(library, odd).captioned == count(library, Caption) == 1
