"""Finding picture files."""

from pathlib import Path

import pytest

from indexer.scan import roots_of, scan
from vlm.errors import AskpixError


def listed(root: Path, skip: Path = Path("/nowhere")) -> tuple[list[str], dict[str, str]]:
    refused: dict[str, str] = {}
    listings = scan([root], skip, refused.__setitem__)
    return [str(f.path.relative_to(root)) for listing in listings for f in listing.files], refused


def test_names_in_order_hidden_and_other_files_left_out(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/1.png", "a.webp", ".hidden/x.jpg", ".y.jpg", "notes.txt", "b/c/3.jpeg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert listed(tmp_path) == (["a.webp", "b/1.png", "b/2.JPG", "b/c/3.jpeg"], {})


def test_the_library_itself_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "askpix").mkdir()
    (tmp_path / "askpix" / "thumbnail.webp").touch()
    assert listed(tmp_path, skip=tmp_path / "askpix") == ([], {})


def test_a_link_that_loops_ends(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    files, refused = listed(tmp_path)
    assert files == ["a/1.jpg"]
    assert list(refused) == [str(tmp_path / "self")]
    assert "Too many levels of symbolic links" in refused[str(tmp_path / "self")]


def test_roots_are_absolute_once_and_must_exist(tmp_path: Path) -> None:
    assert roots_of([tmp_path, tmp_path]) == [tmp_path]
    with pytest.raises(AskpixError, match="there is nothing at"):
        roots_of([tmp_path / "none"])
