"""People's own captions and tags: shown, found, kept when photos are indexed again, exported and read back."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.pipeline import IndexRun
from searcher import Library
from searcher.corrections import correct_caption, correct_tags
from searcher.export import WRITERS, read_export, records, write_records, write_sidecars
from searcher.results import Photo
from searcher.settings import load_settings
from support import Askpix
from support import records as lines
from vlm.errors import AskpixError


@pytest.fixture(scope="module")
def made(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photos and their library."""
    root = tmp_path_factory.mktemp("corrections")
    (root / "photos").mkdir()
    for name in ("animals/cat.jpg", "food/coffee.jpg"):
        shutil.copy(photos / name, root / "photos")
    with Library(root / "library", create=True) as library:
        index(library, root / "photos")
    return root


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Iterator[Library]:
    """One of one's own; its photos are where they were first."""
    with Library(shutil.copytree(made / "library", tmp_path / "library")) as library:
        yield library


def index(library: Library, folder: Path) -> None:
    for _ in IndexRun(library, [folder]):
        pass


def photo_of(library: Library, name: str) -> Photo:
    """What is written about a photo; rows of the catalog are not compared."""
    (hit,) = library.browse(f"path:{name}")
    return replace(hit.photo, details=None)


def cat_of(library: Library) -> Photo:
    return photo_of(library, "cat.jpg")


def found(library: Library, query: str) -> list[int]:
    return [hit.photo.id for hit in library.search(query)]


def test_peoples_captions_are_shown_and_found_in_place_of_the_machines(library: Library) -> None:
    cat = cat_of(library)
    machines = f'caption:"{cat.caption}"'
    assert cat.id in found(library, machines)
    correct_caption(library, cat.id, " Our Minka\nsleeps ")
    photo = cat_of(library)
    assert (photo.caption, photo.captioner, photo.caption_confidence) == ("Our Minka sleeps", "people", 1)
    assert found(library, "caption:minka") == found(library, '"our minka"') == [cat.id]
    assert found(library, "Minka")[0] == cat.id
    assert cat.id not in found(library, machines)
    correct_caption(library, cat.id, None)
    assert cat_of(library) == cat
    assert found(library, "caption:minka") == []
    assert cat.id in found(library, machines)


def test_peoples_tags_are_given_and_taken_away(library: Library) -> None:
    cat = cat_of(library)
    gone, *rest = cat.tags
    correct_tags(library, cat.id, add=["Minka", "black  cat"], remove=[gone.upper()])
    assert cat_of(library).tags == ["Minka", "black cat", *rest]
    assert found(library, "tag:minka") == found(library, 'tag:"black cat"') == [cat.id]
    assert cat.id not in found(library, f'tag:"{gone}"')
    assert found(library, '"minka"') == [cat.id]
    correct_tags(library, cat.id, add=[gone], remove=["minka"])
    assert set(cat_of(library).tags) == {"black cat", *cat.tags}
    assert found(library, "tag:minka") == []
    assert cat.id in found(library, f'tag:"{gone}"')


def test_they_stay_when_photos_are_captioned_anew_copied_and_moved(
    library: Library, photos: Path, tmp_path: Path
) -> None:
    cat = cat_of(library)
    correct_caption(library, cat.id, "Our Minka")
    correct_tags(library, cat.id, add=["Minka"], remove=cat.tags[:1])
    corrected = cat_of(library)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ("cat.jpg", "again.jpg"):
        shutil.copy(photos / "animals" / "cat.jpg", folder / name)
    index(library, folder)
    (folder / "cat.jpg").rename(folder / "moved.jpg")
    settings = load_settings(library=library.folder, caption_language="zh")
    with Library(settings=settings) as chinese:
        index(chinese, folder)
        photo = chinese.photo(cat.id)
        assert photo is not None
        assert (photo.caption, photo.tags[0]) == ("Our Minka", "Minka")
        assert chinese.browse("path:moved.jpg")[0].photo.id == cat.id
        assert found(chinese, "caption:minka") == found(chinese, "tag:minka") == [cat.id]
        assert cat.id not in found(chinese, f'tag:"{cat.tags[0]}"')
        assert cat.id not in found(chinese, f'caption:"{cat.caption}"')
        correct_caption(chinese, cat.id, None)
        assert chinese.browse("path:moved.jpg")[0].photo.captioner == chinese.captions_by
    correct_caption(library, cat.id, "Our Minka")
    assert cat_of(library) == corrected


@pytest.mark.parametrize(
    ("caption", "add", "remove", "said"),
    [
        ("  ", (), (), "a caption has 1 to 2,000 characters"),
        ("a" * 2001, (), (), "a caption has 1 to 2,000 characters"),
        (None, ("",), (), "a tag has 1 to 200 characters"),
        (None, (), ("a" * 201,), "a tag has 1 to 200 characters"),
        (None, ("cat; dog",), (), "no semicolon"),
        (None, ("Minka",), ("minka",), "cannot be both given and taken away"),
    ],
)
def test_what_is_no_caption_or_tag_is_refused(
    library: Library, caption: str | None, add: tuple[str], remove: tuple[str], said: str
) -> None:
    cat = cat_of(library)
    with pytest.raises(AskpixError, match=said):
        correct_tags(library, cat.id, add, remove) if caption is None else correct_caption(library, cat.id, caption)
    assert cat_of(library) == cat


def test_a_photo_that_is_not_there_cannot_be_corrected(library: Library) -> None:
    for correct in (
        lambda: correct_caption(library, 999, "Minka"),
        lambda: correct_caption(library, 999, None),
        lambda: correct_tags(library, 999, add=["Minka"]),
    ):
        with pytest.raises(AskpixError, match="there is no photo with the id 999"):
            correct()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "xmp"])
def test_they_are_exported_and_read_back_as_peoples(made: Path, library: Library, tmp_path: Path, kind: str) -> None:
    cat = cat_of(library)
    correct_caption(library, cat.id, "Our Minka; asleep")
    correct_tags(library, cat.id, add=["Minka"], remove=cat.tags[:1])
    coffee = photo_of(library, "coffee.jpg")
    correct_tags(library, coffee.id, add=["mine"])
    before = list(records(library))
    assert [(record.captioner, record.by_people) for record in before if record.image == str(cat.path)] == [
        ("people", ["Minka", cat.tags[0]])
    ]
    file = tmp_path / f"out.{kind}"
    if kind == "xmp":
        file = tmp_path / "sidecars"
        assert all(reason is None for _, reason in write_sidecars(records(library), file))
        assert all(reason is None for _, reason in write_sidecars(records(library), file))  # ours still
    else:
        with file.open("w", newline="") as out:
            WRITERS[{"json": "coco"}.get(kind, kind)](records(library), out)
    read = {record.hash: replace(record, image="", width=None, height=None) for record in read_export(file)}
    assert read == {record.hash: replace(record, image="", width=None, height=None) for record in before}
    with Library(shutil.copytree(made / "library", tmp_path / "other")) as other:
        assert cat_of(other) == cat
        assert all(known for _, known in write_records(other, read_export(file)))
        assert cat_of(other) == cat_of(library)
        assert photo_of(other, "coffee.jpg") == photo_of(library, "coffee.jpg")
        assert found(other, "caption:minka") == found(other, "tag:minka") == [cat.id]
        assert found(other, "tag:mine") == [coffee.id]
        assert cat.id not in found(other, f'tag:"{cat.tags[0]}"')


def test_captions_of_others_leave_what_people_say(library: Library, tmp_path: Path) -> None:
    cat = cat_of(library)
    correct_caption(library, cat.id, "Our Minka")
    correct_tags(library, cat.id, add=["Minka"])
    (tmp_path / "other.csv").write_text(f"image,caption,tags,scores\n{cat.path},A tiger,tiger,0.9\n")
    assert all(known for _, known in write_records(library, read_export(tmp_path / "other.csv")))
    assert (cat_of(library).caption, cat_of(library).tags[0]) == ("Our Minka", "Minka")
    assert found(library, "tag:tiger") == [cat.id]


def test_the_verb(askpix: Askpix, library: Library) -> None:
    cat = cat_of(library)
    place = ("--library", library.folder)
    (told,) = lines(askpix("correct", cat.path, "--caption", "Our Minka", "--tag", "Minka", "--json", *place))
    assert told == {
        "id": cat.id,
        "path": str(cat.path),
        "caption": "Our Minka",
        "captioner": "people",
        "tags": ["Minka", *cat.tags],
    }
    done = askpix("correct", cat.id, "--machine-caption", "--untag", "minka", *place)
    assert done.stdout == f"{cat.path}: {cat.caption}  [{', '.join(cat.tags)}]\n"
    for wrong in (("nothing.jpg", "--tag", "a"), (cat.id,), (cat.id, "--caption", "a", "--machine-caption")):
        refused = askpix("correct", *wrong, *place)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
