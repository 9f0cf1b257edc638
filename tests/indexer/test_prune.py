"""Forgetting photos whose files are gone: the right ones, wholly, and nothing else."""

import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from sqlalchemy import column, select, table

from indexer.pipeline import IndexRun
from indexer.prune import prune
from searcher import Library, database
from searcher.catalog import Album, AlbumImage, Base, File, Image, Keyword, Reading, Wish
from searcher.duplicates import duplicates
from support import Askpix, records
from webui.renditions import rendition

Index = Callable[..., Any]


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """Four photographs, two of them in a folder below."""
    made = tmp_path / "photos"
    (made / "sub").mkdir(parents=True)
    for name, photo in {"cat": "animals/cat", "coffee": "food/coffee"}.items():
        shutil.copy(photos / f"{photo}.jpg", made / f"{name}.jpg")
    for name, photo in {"hills": "landscapes/autumn_hills", "horses": "animals/horses"}.items():
        shutil.copy(photos / f"{photo}.jpg", made / "sub" / f"{name}.jpg")
    return made


def image_of(library: Library, name: str) -> int:
    with database.session(library.engine) as session:
        image_id = session.scalars(select(File.image_id).where(File.name == name)).one()
    assert image_id is not None
    return image_id


def traces(library: Library, image_id: int) -> set[str]:
    """The tables in which something is known of an image."""
    words = table("words", column("rowid"))
    found = set()
    with database.session(library.engine) as session:
        if session.execute(select(words).where(words.c.rowid == image_id)).all():
            found.add("words")
        for one in (Image.__table__, *Base.metadata.tables.values()):
            key = one.c.get("image_id") if one is not Image.__table__ else one.c.id
            if key is not None and session.execute(select(one).where(key == image_id)).all():
                found.add(one.name)
    return found


def names(found: Iterable[Any]) -> set[str]:
    return {hit.photo.path.name for hit in found}


def test_a_deleted_photo_is_forgotten_wholly(library: Library, folder: Path, index: Index) -> None:
    index(library, folder)
    cat, coffee = image_of(library, "cat.jpg"), image_of(library, "coffee.jpg")
    for photo in (library.photo(cat), library.photo(coffee)):
        assert photo is not None
        assert next(library.ask("is there a cat?", [photo], save_as="has_cat")).answer
        assert rendition(library, photo, "small")
    with database.writing(library.engine) as session:
        session.add(Album(id=1, name="pets"))
        session.flush()
        for image_id in (cat, coffee):
            session.add_all(
                [
                    AlbumImage(album_id=1, image_id=image_id),
                    Wish(image_id=image_id),
                    Keyword(image_id=image_id, name="mine"),
                    Reading(image_id=image_id, model="none", text=""),
                ]
            )
    everything = traces(library, cat)
    assert everything >= {"images", "files", "captions", "tags", "embeddings", "answers", "details", "words"}
    assert everything >= {"album_images", "wishes", "keywords", "readings"}
    (folder / "cat.jpg").unlink()
    assert (prune(library).files, prune(library).images) == (0, 0)  # nothing is marked yet
    index(library, folder)
    assert traces(library, cat) == everything
    thumbnails = list(library.folder.rglob("thumbnails/*/*"))
    before = (folder / "coffee.jpg").read_bytes()

    assert prune(library, dry_run=True).as_json() == {"files": 1, "images": 1, "kept": {}}
    assert traces(library, cat) == everything
    assert prune(library).as_json() == {"files": 1, "images": 1, "kept": {}}
    assert traces(library, cat) == set()
    assert traces(library, coffee) == everything
    assert len(list(library.folder.rglob("thumbnails/*/*"))) == len(thumbnails) - 1 == 1
    assert names(library.browse("has_cat:no")) <= {"coffee.jpg"}
    assert names(library.search("a cat", min_confidence=0)) == {"coffee.jpg", "hills.jpg", "horses.jpg"}
    assert (folder / "coffee.jpg").read_bytes() == before


def test_an_image_that_another_file_holds_stays(library: Library, folder: Path, index: Index) -> None:
    shutil.copy(folder / "cat.jpg", folder / "twin.jpg")
    index(library, folder)
    cat = image_of(library, "cat.jpg")
    (folder / "cat.jpg").unlink()
    index(library, folder)
    assert prune(library).as_json() == {"files": 1, "images": 0, "kept": {}}
    assert image_of(library, "twin.jpg") == cat
    assert traces(library, cat) >= {"images", "files", "captions", "embeddings", "words"}


@pytest.mark.parametrize("emptied", [False, True], ids=["gone", "empty"])
def test_a_folder_that_is_gone_is_kept_unless_one_says_otherwise(
    library: Library, folder: Path, tmp_path: Path, index: Index, askpix: Askpix, emptied: bool
) -> None:
    index(library, folder)
    shutil.move(folder / "sub", tmp_path / "away")
    if emptied:
        (folder / "sub").mkdir()
    (folder / "cat.jpg").unlink()
    index(library, folder)
    assert names(library.browse()) == {"coffee.jpg"}
    pruned = askpix("prune", "--library", library.folder)
    assert (pruned.returncode, pruned.stdout) == (0, "1 files and 1 images forgotten\n")
    assert f"kept 2 files of {folder / 'sub'}, which is gone as a whole" in pruned.stderr
    if emptied:
        (folder / "sub").rmdir()
    shutil.move(tmp_path / "away", folder / "sub")
    again = index(library, folder)
    assert (again.added, again.unchanged, again.captioned) == (0, 3, 0)
    assert all(hit.photo.caption for hit in library.browse())
    assert names(library.browse()) == {"coffee.jpg", "hills.jpg", "horses.jpg"}
    shutil.rmtree(folder / "sub")
    index(library, folder)
    (line,) = records(askpix("prune", "--library", library.folder, "--gone-folders", "--json"))
    assert line == {"files": 2, "images": 2, "kept": {}}
    with database.session(library.engine) as session:
        assert session.scalars(select(File.name)).all() == ["coffee.jpg"]


def test_nothing_is_pruned_while_a_run_is_at_work(library: Library, folder: Path, index: Index, askpix: Askpix) -> None:
    index(library, folder)
    (folder / "cat.jpg").unlink()
    index(library, folder)
    going = iter(IndexRun(library, [folder]))
    next(going)
    pruned = askpix("prune", "--library", library.folder)
    assert (pruned.returncode, pruned.stdout) == (2, "")
    assert pruned.stderr == f"askpix: a run is indexing {library.folder}; wait until it has ended\n"
    going.close()
    assert askpix("prune", "--library", library.folder).returncode == 0


def test_an_id_is_never_given_again_and_search_goes_on(
    library: Library, folder: Path, photos: Path, index: Index
) -> None:
    index(library, folder)
    assert len(library.search("horses", min_confidence=0)) == 4  # the index over the vectors is loaded
    last = image_of(library, "horses.jpg")
    (folder / "sub" / "horses.jpg").unlink()
    index(library, folder)
    prune(library)
    shutil.copy(photos / "landscapes" / "mountains.jpg", folder)
    index(library, folder)
    assert image_of(library, "mountains.jpg") > last
    for opened in (library, Library(library.folder, encoder=library.encoder)):  # as it is known, and afresh
        hits = opened.search("snowy mountains", min_confidence=0)
        assert names(hits) == {"cat.jpg", "coffee.jpg", "hills.jpg", "mountains.jpg"}
        assert hits[0].photo.path.name == "mountains.jpg"
        assert names(opened.similar(hits[0].photo.id)) == {"cat.jpg", "coffee.jpg", "hills.jpg"}
        opened.close()


def test_when_the_best_of_several_is_forgotten_the_next_best_takes_its_place(
    library: Library, folder: Path, index: Index
) -> None:
    with Pillow.open(folder / "coffee.jpg") as opened:
        for part in (2, 3):
            opened.resize((opened.width // part, opened.height // part)).save(folder / f"part{part}.png")
    index(library, folder)
    (group,) = duplicates(library)
    assert [copy.path.name for copy in group] == ["coffee.jpg", "part2.png", "part3.png"]
    (folder / "coffee.jpg").unlink()
    index(library, folder)
    prune(library)
    (group,) = duplicates(library)
    assert [copy.path.name for copy in group] == ["part2.png", "part3.png"]
    best, other = (library.photo(image_of(library, copy.path.name)) for copy in group)
    assert best is not None
    assert other is not None
    assert (best.duplicate_of, other.duplicate_of) == (None, best.id)
    (folder / "part2.png").unlink()
    index(library, folder)
    prune(library)
    assert list(duplicates(library)) == []
    left = library.photo(other.id)
    assert left is not None
    assert left.duplicate_of is None


def test_a_folder_is_looked_into_once_however_many_files_it_held(library: Library, tmp_path: Path) -> None:
    """More files than are forgotten at a time, of one image."""
    with database.writing(library.engine) as session:
        session.add(Image(id=1, hash="0" * 64, width=1, height=1, format="PNG"))
        session.flush()
        away = datetime(2020, 1, 1)
        session.add_all(
            File(folder=str(tmp_path), name=f"{i}.png", size=1, mtime_ns=1, image_id=1, missing_since=away)
            for i in range(1_200)
        )
    assert prune(library, dry_run=True).as_json() == {"files": 1_200, "images": 1, "kept": {}}
    assert prune(library).as_json() == {"files": 1_200, "images": 1, "kept": {}}


def test_what_was_edited_away_is_forgotten(library: Library, folder: Path, index: Index) -> None:
    """No file is missing, but the picture that the file held before is nobody's any more."""
    index(library, folder)
    cat = image_of(library, "cat.jpg")
    shutil.copy(folder / "coffee.jpg", folder / "cat.jpg")
    index(library, folder)
    assert prune(library, dry_run=True).images == 1
    assert prune(library).images == 1
    assert traces(library, cat) == set()
    assert library.count_images() == 3
