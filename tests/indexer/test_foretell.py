"""`askpix index --dry-run`: what a run would do and how long it should take, without doing any of it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from sqlalchemy import text

from cameras import video
from indexer.foretell import Foretold, foretell
from indexer.pipeline import IndexRun
from searcher import Library, database
from support import Askpix, records

Index = Callable[..., Any]


@pytest.fixture
def folder(pictures: Callable[..., list[Path]], tmp_path: Path) -> Path:
    """Four pictures in a folder and two below it."""
    made = tmp_path / "photos"
    pictures(made, 4)
    pictures(made / "sub", 2, 4)
    return made


def tables(library: Library) -> dict[str, list[Any]]:
    """All that the catalog holds."""
    with database.session(library.engine) as session:
        names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        return {name: sorted(map(repr, session.execute(text(f"SELECT * FROM {name}")).all())) for name in names}


def foretold(library: Library, *paths: Path, **how: Any) -> Foretold:
    """What is foretold, which must change nothing."""
    before = tables(library), {path: path.stat().st_size for path in library.folder.rglob("*.segment")}
    told = foretell(IndexRun(library, paths, **how))
    assert before == (tables(library), {path: path.stat().st_size for path in library.folder.rglob("*.segment")})
    return told


def counts(told: Foretold) -> tuple[int, ...]:
    return told.seen, told.unchanged, told.refused, told.encode, told.caption


def test_new_photos(library: Library, folder: Path) -> None:
    told = foretold(library, folder)
    assert counts(told) == (6, 0, 0, 6, 6)
    assert told.sampled == 6
    assert set(told.each) == {"embeddings", "captions"}
    assert all(each > 0 for each in told.each.values())
    assert told.seconds > 0
    assert str(told).startswith("6 files: 6 to encode, 6 to caption, 0 unchanged; about ")
    assert set(foretold(library, folder, captions=False).each) == {"embeddings"}


def test_changed_gone_refused_and_unchanged_files(
    library: Library, folder: Path, pictures: Callable[..., list[Path]], index: Index
) -> None:
    (folder / "bad.jpg").write_bytes(b"not a picture")
    index(library, folder)
    told = foretold(library, folder)
    assert (counts(told), told.seconds) == ((7, 6, 1, 0, 0), 0)
    assert str(told) == "7 files, none of them new or changed: nothing to do"
    pictures(folder, 1, 20)
    (folder / "020.jpg").replace(folder / "000.jpg")
    pictures(folder, 1, 21)
    shutil.rmtree(folder / "sub")
    (folder / "001.jpg").unlink()
    told = foretold(library, folder)
    assert counts(told) == (5, 2, 1, 2, 2)
    assert told.seconds > 0
    done = index(library, folder)
    assert (done.seen, done.unchanged, done.refused, done.added, done.captioned) == (5, 2, 1, 2, 2)


def test_photos_that_only_lack_a_caption(library: Library, folder: Path, index: Index) -> None:
    index(library, folder, captions=False)
    assert foretold(library, folder, captions=False).seconds == 0
    (folder / "000.jpg").unlink()
    told = foretold(library, folder / "sub")
    assert (counts(told), told.sampled) == ((2, 2, 0, 0, 2), 2)
    told = foretold(library, folder)
    assert (told.encode, told.sampled) == (0, 5)
    assert told.seconds > 0


def test_moments_of_a_video_that_only_lack_a_caption(
    library: Library, folder: Path, tmp_path: Path, index: Index
) -> None:
    video(tmp_path / "trip.mp4", [Pillow.open(folder / f"{i:03d}.jpg").resize((320, 240)) for i in range(2)])
    index(library, tmp_path / "trip.mp4", captions=False)
    told = foretold(library, tmp_path / "trip.mp4")
    assert (told.encode, told.caption, told.sampled) == (0, 2, 1)
    assert told.seconds > 0


def test_one_photo_is_measured_too(library: Library, folder: Path) -> None:
    told = foretold(library, folder / "000.jpg")
    assert (told.encode, told.sampled) == (1, 1)
    assert sum(told.each.values()) > 0


def test_the_command(askpix: Askpix, folder: Path, tmp_path: Path) -> None:
    index = ("index", folder, "--library", tmp_path / "library", "--dry-run")
    (line,) = records(askpix(*index, "--json"))
    assert line["encode"] == line["caption"] == 6
    assert line["seconds"] > 0
    shown = askpix(*index)
    assert shown.returncode == 0
    assert shown.stdout.startswith("6 files: 6 to encode, 6 to caption, 0 unchanged; about ")
    with Library(tmp_path / "library") as library:
        assert library.count_images() == 0
