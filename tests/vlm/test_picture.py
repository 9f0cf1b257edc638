"""Opening picture files of every kind."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

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
        ("RGB", "red", "phone.heic"),
    ],
)
def test_every_mode_and_format_becomes_rgb(tmp_path: Path, mode: str, colour: object, name: str) -> None:
    Image.new(mode, (64, 48), colour).save(tmp_path / name)  # type: ignore[arg-type]
    picture = open_picture(tmp_path / name, 32)
    assert picture.image.mode == "RGB"
    assert (picture.width, picture.height) == (64, 48)


def heic(path: Path, image: Image.Image, **more: Any) -> None:
    pillow_heif.from_pillow(image).save(path, quality=90, **more)


def test_a_phone_s_picture_is_upright_and_found_by_its_content(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.new("RGB", (600, 400), "blue")
    wide.paste("red", (0, 0, 300, 400))
    heic(tmp_path / "turned.heic", wide, exif=exif.tobytes())
    shutil.copy(tmp_path / "turned.heic", tmp_path / "named-wrong.jpg")
    for name in ("turned.heic", "named-wrong.jpg"):
        picture = open_picture(tmp_path / name, 100)
        assert (picture.width, picture.height, picture.format) == (400, 600, "HEIF")
        red, _, blue = picture.image.getpixel((picture.image.width // 2, 10))  # type: ignore[misc]
        assert red > 200 > 60 > blue
    whole = (tmp_path / "turned.heic").read_bytes()
    (tmp_path / "cut.heic").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadablePicture):
        open_picture(tmp_path / "cut.heic", 100)


def swapped() -> bytes:
    """A colour profile in which red and green have changed places."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return (
        plain.replace(b"rXYZ", b"?XYZ")
        .replace(b"gXYZ", b"rXYZ")
        .replace(b"?XYZ", b"gXYZ")
        .replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))
    )


@pytest.mark.parametrize("name", ["odd.jpg", "odd.png", "odd.tiff", "odd.webp"])
def test_colours_are_those_of_the_profile(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (900, 600), (250, 20, 20)).save(tmp_path / name, icc_profile=swapped())
    red, green, blue = open_picture(tmp_path / name, 100).image.getpixel((50, 50))  # type: ignore[misc]
    assert green > 200 > 100 > red
    assert blue < 100


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200, swapped()[:300]])
def test_a_damaged_profile_is_passed_over(tmp_path: Path, profile: bytes) -> None:
    Image.new("RGB", (90, 60), (250, 20, 20)).save(tmp_path / "a.png", icc_profile=profile)
    red, green, _ = open_picture(tmp_path / "a.png", 30).image.getpixel((5, 5))  # type: ignore[misc]
    assert red > 200 > 60 > green


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
