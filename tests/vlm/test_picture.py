"""Opening picture files of every kind."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm.picture import UnreadablePicture, open_ahead, open_picture


def test_jpeg_is_reduced_but_never_below_the_side(tmp_path: Path) -> None:
    Image.new("RGB", (4000, 3000), "red").save(tmp_path / "large.jpg")
    picture = open_picture(tmp_path / "large.jpg", 260)
    assert (picture.width, picture.height, picture.format) == (4000, 3000, "JPEG")
    assert 260 <= min(picture.image.size) < 520


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (600, 400)).save(tmp_path / "turned.jpg", exif=exif)
    picture = open_picture(tmp_path / "turned.jpg", 100)
    size = (400, 600) if orientation >= 5 else (600, 400)
    assert (picture.width, picture.height) == size
    assert (picture.image.width > picture.image.height) == (size[0] > size[1])


@pytest.mark.parametrize(
    ("mode", "colour", "name"),
    [
        ("L", 128, "grey.png"),
        ("1", 1, "bits.png"),
        ("P", 0, "palette.gif"),
        ("CMYK", (0, 255, 255, 0), "print.jpg"),
        ("RGBA", (255, 0, 0, 255), "alpha.png"),
        ("LA", (128, 255), "grey-alpha.png"),
        ("RGB", "red", "plain.bmp"),
        ("RGB", "red", "plain.tiff"),
        ("RGB", "red", "plain.webp"),
        ("RGB", "red", "plain.avif"),
    ],
)
def test_every_mode_and_format_becomes_rgb(tmp_path: Path, mode: str, colour: object, name: str) -> None:
    Image.new(mode, (64, 48), colour).save(tmp_path / name)  # type: ignore[arg-type]
    picture = open_picture(tmp_path / name, 32)
    assert picture.image.mode == "RGB"
    assert (picture.width, picture.height) == (64, 48)


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert open_picture(tmp_path / "clear.png", 5).image.getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20), 32768, np.uint16)).save(tmp_path / "deep.png")
    assert open_picture(tmp_path / "deep.png", 10).image.getpixel((5, 5)) == (128, 128, 128)


def test_the_limit_of_pixels_is_the_callers(tmp_path: Path) -> None:
    Image.new("L", (200, 100)).save(tmp_path / "small.png")
    assert open_picture(tmp_path / "small.png", 10, max_pixels=20_000).width == 200
    with pytest.raises(UnreadablePicture, match="200 x 100 is more than 0 megapixels"):
        open_picture(tmp_path / "small.png", 10, max_pixels=19_999)


def test_open_ahead_keeps_the_order_and_hands_on_faults(tmp_path: Path) -> None:
    for i in range(5):
        Image.new("RGB", (100 + i, 100)).save(tmp_path / f"{i}.png")
    (tmp_path / "3.png").write_text("no picture")
    names = [tmp_path / f"{i}.png" for i in range(5)]
    opened = list(open_ahead(iter(names), 50))
    assert [path for path, _ in opened] == names
    assert [isinstance(found, UnreadablePicture) for _, found in opened] == [False, False, False, True, False]
