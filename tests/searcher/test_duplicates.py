"""Copies, resized and re-encoded photos are found; photos that are merely alike are not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance
from PIL.ExifTags import IFD, Base

from indexer.pipeline import IndexRun
from searcher import Library
from searcher.duplicates import BITS, duplicates
from searcher.likeness import differing, likeness
from support import Askpix, records


@pytest.fixture(scope="module")
def library(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """All photos of the demo, and of three of them a copy, a smaller one, a poorer one and a lighter one."""
    root = tmp_path_factory.mktemp("twice")
    shutil.copytree(photos, root / "photos")
    (root / "photos" / "more").mkdir()
    for name in ("animals/cat.jpg", "food/coffee.jpg", "landscapes/mountains.jpg"):
        source, stem = photos / name, root / "photos" / "more" / Path(name).stem
        shutil.copy(source, stem.with_suffix(".copy.jpg"))
        with Image.open(source) as opened:
            whole = opened.convert("RGB")
        whole.resize((whole.width // 3, whole.height // 3)).save(stem.with_suffix(".small.webp"))
        whole.save(stem.with_suffix(".poor.jpg"), quality=20)
        ImageEnhance.Brightness(whole).enhance(1.15).save(stem.with_suffix(".light.png"))
    with Library(root / "library", create=True) as made:
        for _ in IndexRun(made, [root / "photos"], captions=False):
            pass
        yield made


def test_what_is_one_picture_is_one_group_the_best_first(library: Library) -> None:
    groups = {group[0].path.name.split(".")[0]: group for group in duplicates(library)}
    assert set(groups) == {"cat", "coffee", "mountains"}
    for stem, group in groups.items():
        assert len(group) == 5
        assert {copy.path.name.split(".")[0] for copy in group} == {stem}
        assert group[-1].path.suffix == ".webp"
        assert group[0].width * group[0].height == max(copy.width * copy.height for copy in group)


def test_photos_that_are_merely_alike_are_not_taken_for_one(demo_library: Library) -> None:
    assert list(duplicates(demo_library)) == []


def test_the_verb_lists_and_deletes_nothing(askpix: Askpix, library: Library) -> None:
    before = sorted(library.folder.parent.rglob("*.*"))
    listed = records(askpix("duplicates", "--library", library.folder, "--json"))
    assert [len(line["files"]) for line in listed] == [5, 5, 5]
    shown = askpix("duplicates", "--library", library.folder)
    assert shown.stdout.count("MB") == 15
    assert "3 pictures of which there are several" in shown.stderr
    assert [path for path in before if path.exists()] == before


@pytest.mark.parametrize(
    ("taken", "cameras", "grouped"),
    [
        (("2024:05:01 10:00:00", "2024:05:01 10:00:02"), ("X100V", "X100V"), True),
        (("2024:05:01 10:00:00", "2024:05:01 10:00:03"), ("X100V", "X100V"), False),
        (("2024:05:01 10:00:00", "2024:05:01 11:00:00"), ("X100V", "X100V"), False),
        (("2024:05:01 10:00:00", "2024:05:01 10:00:01"), ("X100V", "D750"), False),
        (("2024:05:01 10:00:00", "2024:05:01 10:00:01"), (None, None), False),
        ((None, None), ("X100V", "X100V"), False),
    ],
    ids=["two seconds", "three seconds", "an hour", "two cameras", "no camera", "no date"],
)
def test_shots_of_one_burst_are_one_group(
    photos: Path,
    tmp_path: Path,
    taken: tuple[str | None, str | None],
    cameras: tuple[str | None, str | None],
    grouped: bool,
) -> None:
    """Two shots whose embeddings are near and whose perceptual hashes are not."""
    with Image.open(photos / "animals" / "horses.jpg") as opened:
        moved = opened.width // 10
        shots = [opened.crop((left, 0, opened.width - moved + left, opened.height)) for left in (0, moved)]
    assert differing(*map(likeness, shots)) > BITS
    (tmp_path / "photos").mkdir()
    for number, (shot, when, camera) in enumerate(zip(shots, taken, cameras, strict=True)):
        exif = Image.Exif()
        if camera:
            exif[Base.Model] = camera
        if when:
            exif._ifds[IFD.Exif] = {Base.DateTimeOriginal: when}
        shot.save(tmp_path / "photos" / f"{number}.jpg", exif=exif)
    with Library(tmp_path / "library", create=True) as library:
        for _ in IndexRun(library, [tmp_path / "photos"], captions=False):
            pass
        assert [len(group) for group in duplicates(library)] == ([2] if grouped else [])
