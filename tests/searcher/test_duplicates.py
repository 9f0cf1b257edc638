"""Copies, resized and re-encoded photos are found; photos that are merely alike are not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

from indexer.pipeline import IndexRun
from searcher import Library
from searcher.duplicates import duplicates
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
