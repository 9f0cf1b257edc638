"""Videos in a library: their scenes are pictures, each with its time."""

import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from cameras import video
from indexer.pipeline import IndexRun, Summary
from searcher import Library, database
from searcher.catalog import File
from vlm.picture import UnreadablePicture, open_picture
from webui.app import create_app


@pytest.fixture
def scenes(photos: Path) -> list[Image.Image]:
    names = ("animals/cat.jpg", "food/coffee.jpg", "landscapes/mountains.jpg")
    return [Image.open(photos / name).resize((480, 320)) for name in names]


@pytest.fixture
def folder(scenes: list[Image.Image], photos: Path, tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    shutil.copy(photos / "animals" / "horses.jpg", made)
    video(made / "trip.mp4", scenes, creation_time="2022-03-04T05:06:07.000000Z")
    return made


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library", create=True)


@pytest.fixture
def index(library: Library, folder: Path) -> Callable[[], Summary]:
    def run() -> Summary:
        made = IndexRun(library, [folder], captions=False)
        for _ in made:
            pass
        return made.summary

    return run


def moments(library: Library) -> list[str]:
    return sorted(hit.photo.path.name for hit in library.browse("path:trip"))


def test_each_scene_is_found_with_its_time(library: Library, folder: Path, index: Callable[[], Summary]) -> None:
    done = index()
    assert (done.seen, done.added, done.refused) == (2, 2, 0)
    assert moments(library) == ["trip.mp4#t=0.0", "trip.mp4#t=2.0", "trip.mp4#t=4.0"]
    hit = library.search("a cup of coffee", min_confidence=0)[0]
    assert hit.photo.path == folder / "trip.mp4#t=2.0"
    assert (hit.photo.width, hit.photo.height) == (480, 320)
    assert hit.photo.details is not None
    assert (hit.photo.details.taken_at, hit.photo.details.zone) == (datetime(2022, 3, 4, 5, 6, 7), "+00:00")
    assert (again := index()).unchanged == 2
    assert again.added == 0


def test_a_moment_can_be_shown_asked_and_saved(library: Library, folder: Path, index: Callable[[], Summary]) -> None:
    index()
    photo = library.search("a cup of coffee", min_confidence=0)[0].photo
    assert next(library.ask("what is in the cup?", [photo])).answer
    assert library.similar(photo.path, k=1)[0].photo.path == photo.path
    with create_app(library).test_client() as client:
        page = client.get(f"/image/{photo.id}").text
        assert "0:02" in page
        assert client.get(f"/picture/{photo.id}/{photo.hash[:16]}-large.webp", buffered=True).status_code == 200
        assert client.get(f"/original/{photo.id}", buffered=True).data == (folder / "trip.mp4").read_bytes()


def test_a_video_that_changes_moves_or_goes(
    library: Library, folder: Path, scenes: list[Image.Image], index: Callable[[], Summary]
) -> None:
    index()
    (folder / "trip.mp4").rename(folder / "trip to the alps.mp4")
    assert index().added == 1
    assert moments(library) == [f"trip to the alps.mp4#t={t}" for t in ("0.0", "2.0", "4.0")]
    assert len(library.vectors) == 4
    video(folder / "trip to the alps.mp4", scenes[:2], seconds=3)
    os.utime(folder / "trip to the alps.mp4", ns=(1, 1))
    index()
    assert moments(library) == ["trip to the alps.mp4#t=0.0", "trip to the alps.mp4#t=3.0"]
    (folder / "trip to the alps.mp4").unlink()
    index()
    assert moments(library) == []


def test_one_scene_is_one_moment(library: Library, folder: Path, scenes: list[Image.Image]) -> None:
    video(folder / "trip.mp4", scenes[:1], seconds=8)
    for _ in IndexRun(library, [folder], captions=False):
        pass
    assert moments(library) == ["trip.mp4#t=0.0"]


def test_what_is_no_video_is_refused(library: Library, folder: Path, index: Callable[[], Summary]) -> None:
    (folder / "trip.mp4").write_bytes(b"no video")
    done = index()
    assert (done.added, done.refused) == (1, 1)
    assert next(iter(done.reasons)).startswith("the file is damaged")
    with database.session(library.engine) as session:
        assert session.scalar(select(File.reason).where(File.name == "trip.mp4"))
    with pytest.raises(UnreadablePicture):
        open_picture(folder / "trip.mp4", 100)
    assert index().refused == 1


def test_a_picture_named_like_a_moment_is_one(library: Library, folder: Path, index: Callable[[], Summary]) -> None:
    (folder / "trip.mp4").unlink()
    shutil.copy(folder / "horses.jpg", folder / "trip#t=3.jpg")
    assert index().added == 2
    assert index().unchanged == 2
