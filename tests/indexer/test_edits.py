"""Edits that are kept: new photos with their lineage, found like others, undone by deleting; originals untouched."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from PIL import Image as Pillow
from sqlalchemy import func, select

from indexer import edits
from indexer.edits import delete, edits_of, keep, made_from
from indexer.prune import prune
from indexer.working import LOCK
from searcher import Library, Photo, database
from searcher.catalog import Edit, File, Image, Run
from vlm.editing import edit
from vlm.errors import AskpixError
from vlm.picture import open_file
from webui.renditions import rendition

Index = Callable[..., Any]


@pytest.fixture
def folder(photos: Path, library: Library, index: Index, tmp_path: Path) -> Path:
    """Two photographs, indexed."""
    made = tmp_path / "photos"
    made.mkdir()
    for name, photo in {"cat": "animals/cat", "coffee": "food/coffee"}.items():
        shutil.copy(photos / f"{photo}.jpg", made / f"{name}.jpg")
    index(library, made)
    return made


def photo_of(library: Library, name: str) -> Photo:
    with database.session(library.engine) as session:
        image_id = session.scalars(select(File.image_id).where(File.name == name)).one()
    photo = library.photo(image_id or 0)
    assert photo is not None
    return photo


def kept(library: Library, photo: Photo, instruction: str) -> Photo:
    made = edit(open_file(photo.path, 10_000).image, instruction, library.encoder)
    edited = library.photo(keep(library, photo, made, instruction, "builtin-1"))
    assert edited is not None
    return edited


def counted(library: Library) -> tuple[int, ...]:
    """Rows of the tables that a half-kept edit would leave something in, and files of edits."""
    with database.session(library.engine) as session:
        rows = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Edit, File, Image, Run)]
    return (*rows, len(list(library.folder.glob("edits/*"))))


def names(library: Library, query: str) -> set[str]:
    return {hit.photo.path.name for hit in library.search(query, min_confidence=0)}


def test_an_edit_is_a_new_photo_that_is_found_and_undone(library: Library, folder: Path) -> None:
    cat = photo_of(library, "cat.jpg")
    before, content = counted(library), hashlib.sha256(cat.path.read_bytes()).digest()
    made = kept(library, cat, "make it black and white")
    assert made.path == library.folder / "edits" / "cat-edit-1.jpg"
    assert made.caption and (made.width, made.height) == (cat.width, cat.height)
    with Pillow.open(made.path) as opened:
        assert "askpix builtin-1" in opened.getexif()[0x131]  # the program that wrote it
    (how,) = made_from(library, made.id)
    assert (how.source_id, how.instruction, how.editor) == (cat.id, "make it black and white", "builtin-1")
    assert how.plan == [{"name": "grayscale"}] and how.verdict["verified"] is True
    assert [one.image_id for one in edits_of(library, cat.id)] == [made.id]
    assert made_from(library, cat.id) == []
    # Found beside its original, which it does not take the place of.
    assert names(library, "a cat") == {"cat.jpg", "cat-edit-1.jpg", "coffee.jpg"}
    assert names(library, "is:edited") == {"cat-edit-1.jpg"}
    assert names(library, "a cat -is:edited") == {"cat.jpg", "coffee.jpg"}
    assert photo_of(library, "cat.jpg").duplicate_of is None and made.duplicate_of is None
    assert counted(library)[3] == before[3]  # it is no run that somebody ordered
    copy = rendition(library, made, "thumb")
    assert copy

    assert kept(library, cat, "make it black and white").id == made.id
    assert counted(library)[4] == 1

    delete(library, made.id)
    assert counted(library) == before
    assert not copy.exists()
    assert names(library, "a cat") == {"cat.jpg", "coffee.jpg"}
    assert hashlib.sha256(cat.path.read_bytes()).digest() == content
    with pytest.raises(AskpixError, match="no edit"):
        delete(library, cat.id)
    assert cat.path.exists()


def test_an_edit_of_an_edit_has_the_chain(library: Library, folder: Path, index: Index) -> None:
    cat = photo_of(library, "cat.jpg")
    first = kept(library, cat, "make it brighter")
    second = kept(library, first, "mirror it")
    assert second.path.name == "cat-edit-2.jpg"
    assert [step.source_id for step in made_from(library, second.id)] == [first.id, cat.id]

    # The original is gone: what was made from it stays, and still tells what that was.
    cat.path.unlink()
    index(library, folder)
    assert prune(library, dry_run=True).images == 0
    assert (prune(library).files, prune(library).images) == (1, 0)
    assert [step.source_id for step in made_from(library, second.id)] == [first.id, cat.id]
    index(library, folder.parent)  # which the library lies in
    assert names(library, "is:edited") == {"cat-edit-1.jpg", "cat-edit-2.jpg"}

    delete(library, first.id)
    (how,) = made_from(library, second.id)
    assert how.source_id == cat.id and how.instruction == "make it brighter; mirror it"
    assert [one["name"] for one in how.plan] == ["brightness", "mirror"]
    delete(library, second.id)
    assert prune(library).images == 1
    assert counted(library)[0] == 0 and counted(library)[2] == 1


def test_nothing_half_is_left(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coffee, before = photo_of(library, "coffee.jpg"), counted(library)
    monkeypatch.setattr(edits, "_WAIT_S", 0)
    with FileLock(library.folder / LOCK), pytest.raises(AskpixError, match="another run is indexing"):
        kept(library, coffee, "mirror it")
    assert counted(library) == before

    def fail(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(edits, "leave_group", fail)  # as late as it can be
        with pytest.raises(RuntimeError):
            kept(library, coffee, "mirror it")
    assert counted(library) == before
    made = kept(library, coffee, "mirror it")
    with FileLock(library.folder / LOCK), pytest.raises(AskpixError, match="another run is indexing"):
        delete(library, made.id)
    assert made.path.exists()


def test_a_copy_of_an_edit_elsewhere_stays(library: Library, folder: Path, index: Index) -> None:
    made = kept(library, photo_of(library, "coffee.jpg"), "mirror it")
    shutil.copy(made.path, folder / "mine.jpg")
    index(library, folder)
    delete(library, made.id)
    assert not made.path.exists() and (folder / "mine.jpg").exists()
    assert photo_of(library, "mine.jpg").id == made.id
    assert made_from(library, made.id) == []
