"""Indexing real photographs with the shipped model."""

import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import func, select

from indexer.pipeline import IndexRun, Summary
from searcher import Library, database
from searcher.catalog import Answer, Caption, Embedding, File, Image, Run
from searcher.settings import load_settings
from vlm.errors import AskpixError


def index(library: Library, *paths: Path, captions: bool = True) -> Summary:
    run = IndexRun(library, paths, captions=captions)
    for _ in run:
        pass
    return run.summary


def outcome(summary: Summary) -> tuple[int, int, int, int]:
    return summary.seen, summary.added, summary.unchanged, summary.refused


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """Three photographs of one's own."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, photo in enumerate(sorted(photos.rglob("*.jpg"))[:3]):
        shutil.copy(photo, folder / f"{i}.jpg")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library", create=True)


def test_everything_is_encoded_and_captioned_once(library: Library, folder: Path) -> None:
    assert outcome(index(library, folder)) == (3, 3, 0, 0)
    assert outcome(index(library, folder)) == (3, 0, 3, 0)
    with database.session(library.engine) as session:
        assert session.scalar(select(func.count()).select_from(Image)) == 3
        assert all(session.scalars(select(Caption.text)))
        assert session.scalars(select(Embedding.position).order_by(Embedding.position)).all() == [0, 1, 2]
        runs = session.scalars(select(Run)).all()
    assert len(library.vectors) == 3
    assert [run.added for run in runs] == [3, 0]
    assert all(run.finished_at for run in runs)


def test_originals_are_not_touched(library: Library, folder: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    index(library, folder)
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_captions_can_be_written_later_without_encoding_again(library: Library, folder: Path) -> None:
    index(library, folder, captions=False)
    assert [hit.photo.caption for hit in library.browse()] == [None] * 3
    later = index(library, folder)
    assert outcome(later) == (3, 0, 3, 0)
    assert later.captioned == 3
    assert all(hit.photo.caption for hit in library.browse())
    assert len(library.vectors) == 3


def test_copies_and_moved_files_are_the_same_image(library: Library, folder: Path) -> None:
    shutil.copy(folder / "0.jpg", folder / "twin.jpg")
    assert outcome(index(library, folder)) == (4, 4, 0, 0)
    (folder / "sub").mkdir()
    (folder / "1.jpg").rename(folder / "sub" / "moved.jpg")
    assert outcome(index(library, folder)) == (4, 1, 3, 0)
    assert len(library.vectors) == library.count_images() == 3
    with database.session(library.engine) as session:
        gone = session.scalars(select(File).where(File.missing_since.is_not(None))).all()
    assert [file.name for file in gone] == ["1.jpg"]


def test_moved_files_keep_what_was_written_about_them(library: Library, folder: Path) -> None:
    index(library, folder)
    photos = [hit.photo for hit in library.browse()]
    answers = {reply.image.name: reply.answer for reply in library.ask("is it an animal?", photos, save_as="animal")}
    before = {photo.hash: (photo.id, photo.caption, photo.tags) for photo in photos}
    with database.session(library.engine) as session:
        written = session.scalars(select(Caption.created_at).order_by(Caption.image_id)).all()
    (folder / "sub").mkdir()
    (folder / "0.jpg").rename(folder / "sub" / "renamed.jpg")
    folder.rename(folder.with_name("moved"))
    moved = index(library, folder.with_name("moved"))
    assert (moved.added, moved.captioned) == (3, 0)
    shutil.rmtree(folder, ignore_errors=True)
    index(library, folder.parent)
    photos = [hit.photo for hit in library.browse()]
    assert {photo.hash: (photo.id, photo.caption, photo.tags) for photo in photos} == before
    assert sorted(photo.path.name for photo in photos) == ["1.jpg", "2.jpg", "renamed.jpg"]
    kept = {r.image.name: r.answer for r in library.ask("is it an animal?", photos, save_as="animal")}
    assert {"0.jpg" if name == "renamed.jpg" else name: answer for name, answer in kept.items()} == answers
    with database.session(library.engine) as session:
        assert session.scalars(select(Caption.created_at).order_by(Caption.image_id)).all() == written
        assert session.scalar(select(func.count()).select_from(Answer)) == 3


def test_a_file_that_changed_is_looked_at_again(library: Library, folder: Path) -> None:
    index(library, folder)
    shutil.copy(folder / "1.jpg", folder / "0.jpg")
    os.utime(folder / "0.jpg", ns=(1, 1))
    assert outcome(index(library, folder)) == (3, 1, 2, 0)
    assert library.count_images() == 2


def test_what_is_gone_is_not_found_and_comes_back(library: Library, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "0.jpg").rename(folder / "sub" / "0.jpg")
    index(library, folder)
    shutil.move(folder / "sub", folder.parent / "elsewhere")
    index(library, folder)
    assert len(library.browse()) == len(library.search("a photo", min_confidence=0)) == 2
    shutil.move(folder.parent / "elsewhere", folder / "sub")
    assert outcome(index(library, folder)) == (3, 0, 3, 0)
    assert len(library.browse()) == 3


def test_an_empty_mount_point_is_not_taken_for_a_purge(library: Library, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "0.jpg").rename(folder / "sub" / "0.jpg")
    index(library, folder / "sub")
    (folder / "sub" / "0.jpg").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").mkdir()
    index(library, folder / "sub")
    assert library.count_images() == 1


def test_orientation_and_size_are_the_upright_ones(library: Library, tmp_path: Path, photos: Path) -> None:
    from PIL import Image as Pillow

    with Pillow.open(photos / "animals" / "cat.jpg") as opened:
        size = opened.size
        exif = opened.getexif()
        exif[0x0112] = 6  # lies on its side: turn a quarter clockwise
        opened.save(tmp_path / "turned.jpg", exif=exif)
    index(library, tmp_path / "turned.jpg")
    found = library.browse()[0].photo
    assert (found.width, found.height) == (size[1], size[0])


def test_captions_in_chinese_beside_the_english_ones(library: Library, folder: Path, tmp_path: Path) -> None:
    index(library, folder)
    settings = load_settings(library=tmp_path / "library", caption_language="zh")
    with Library(settings=settings) as chinese:
        assert [index(chinese, folder).captioned for _ in range(2)] == [3, 0]
        for hit in chinese.browse():
            assert hit.photo.caption
            assert not hit.photo.caption.isascii()
    assert all(hit.photo.caption and hit.photo.caption.isascii() for hit in library.browse())


def test_a_language_that_the_model_does_not_write(library: Library, folder: Path, tmp_path: Path) -> None:
    settings = load_settings(library=tmp_path / "library", caption_language="eo")
    with Library(settings=settings) as esperanto, pytest.raises(AskpixError, match='writes no "eo": use en or zh'):
        index(esperanto, folder)
    assert library.count_images() == 0


def test_thousands_of_files_may_be_named(library: Library, folder: Path) -> None:
    """As a shell does that is given *.jpg."""
    for i in range(1500):
        (folder / f"x{i}.jpg").write_bytes(b"no picture")
    (folder / "sub#t=1").mkdir()
    (folder / "0.jpg").rename(folder / "sub#t=1" / "0.jpg")
    done = index(library, *sorted(folder.glob("*.jpg")), folder / "sub#t=1")
    assert (outcome(done), done.captioned) == ((1503, 3, 0, 1500), 3)
