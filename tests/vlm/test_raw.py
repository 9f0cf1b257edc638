"""Raw files: the preview in them, or the picture developed from them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cameras import dng
from vlm.picture import UnreadablePicture, open_picture


@pytest.fixture
def photo(photos: Path) -> Image.Image:
    with Image.open(photos / "animals" / "cat.jpg") as opened:
        return opened.convert("RGB").resize((480, 320))


def alike(image: Image.Image, other: Image.Image) -> float:
    """Correlation of two pictures' grey values."""
    first, second = (np.asarray(one.convert("L").resize((48, 32)), float).ravel() for one in (image, other))
    return float(np.corrcoef(first, second)[0, 1])


def test_the_preview_is_taken_where_it_is_large_enough(photo: Image.Image, tmp_path: Path) -> None:
    dng(tmp_path / "a.dng", Image.new("RGB", photo.size, "grey"), photo.resize((240, 160)))
    picture = open_picture(tmp_path / "a.dng", 100)
    assert (picture.width, picture.height, picture.format) == (480, 320, "DNG")
    assert alike(picture.image, photo) > 0.99


@pytest.mark.parametrize("with_preview", [True, False])
def test_else_the_picture_is_developed(photo: Image.Image, tmp_path: Path, with_preview: bool) -> None:
    dng(tmp_path / "a.dng", photo, Image.new("RGB", (60, 40)) if with_preview else None)
    picture = open_picture(tmp_path / "a.dng", 100)
    assert (picture.width, picture.height) == (480, 320)
    assert min(picture.image.size) >= 100
    assert alike(picture.image, photo) > 0.95


@pytest.mark.parametrize("with_preview", [True, False])
def test_it_is_turned_upright(photo: Image.Image, tmp_path: Path, with_preview: bool) -> None:
    lying = photo.transpose(Image.Transpose.ROTATE_90)
    dng(tmp_path / "a.dng", lying, lying if with_preview else None, orientation=6)
    picture = open_picture(tmp_path / "a.dng", 100)
    assert (picture.width, picture.height) == (480, 320)
    assert alike(picture.image, photo) > 0.95


def test_what_is_no_raw_file_or_too_large(photo: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "a.nef").write_bytes(b"not a picture" * 100)
    with pytest.raises(UnreadablePicture, match="not a picture in a format that can be read"):
        open_picture(tmp_path / "a.nef", 100)
    dng(tmp_path / "a.dng", photo, photo)
    with pytest.raises(UnreadablePicture, match="480 x 320 is more than 0 megapixels"):
        open_picture(tmp_path / "a.dng", 100, max_pixels=1000)


def test_a_damaged_preview_is_developed_instead(photo: Image.Image, tmp_path: Path) -> None:
    dng(tmp_path / "a.dng", photo, photo)
    data = (tmp_path / "a.dng").read_bytes()
    start = data.rindex(b"\xff\xd8\xff")
    (tmp_path / "a.dng").write_bytes(data[:start] + bytes(len(data) - start))
    assert alike(open_picture(tmp_path / "a.dng", 100).image, photo) > 0.95


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png"])
def test_a_picture_named_like_a_raw_file_is_one(photo: Image.Image, tmp_path: Path, suffix: str) -> None:
    photo.save(tmp_path / f"a.{suffix}")
    (tmp_path / f"a.{suffix}").rename(tmp_path / "a.nef")
    picture = open_picture(tmp_path / "a.nef", 100)
    assert picture.format in {"JPEG", "TIFF", "PNG"}
    assert alike(picture.image, photo) > 0.99
