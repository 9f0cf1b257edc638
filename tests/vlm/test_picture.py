"""Opening picture files of every kind."""

import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from hostile import chunk
from vlm.headers import peek
from vlm.picture import UnreadablePicture, open_ahead, open_picture

pillow_heif.register_heif_opener()  # for saving

SIZE = (40, 60)


def saved(path: Path, image: Image.Image, **more: Any) -> Path:
    image.save(path, **more)
    return path


def pixel(path: Path) -> tuple[int, ...]:
    """A colour of a picture in one, opened at about a quarter of its size."""
    found = open_picture(path, 10).image.getpixel((2, 2))
    assert isinstance(found, tuple)
    return tuple(map(int, found))


def test_jpeg_is_reduced_but_never_below_the_side(tmp_path: Path) -> None:
    Image.new("RGB", (4000, 3000), "red").save(tmp_path / "large.jpg")
    picture = open_picture(tmp_path / "large.jpg", 260)
    assert (picture.width, picture.height, picture.format) == (4000, 3000, "JPEG")
    assert 260 <= min(picture.image.size) < 520


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "heic", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    image = Image.new("RGB", (60, 40), "blue")
    image.paste("red", (0, 0, 60, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"turned.{suffix}", image, exif=exif.tobytes() if suffix == "heic" else exif)
    picture = open_picture(path, 20)
    assert (picture.width, picture.height) == ((40, 60) if orientation >= 5 else (60, 40))
    width, height = picture.image.size
    assert (width > height) == (picture.width > picture.height)
    sides = {"top": (width // 2, 1), "bottom": (width // 2, height - 2)}
    sides |= {"left": (1, height // 2), "right": (width - 2, height // 2)}
    red = ("top", "top", "bottom", "bottom", "left", "right", "right", "left")[orientation - 1]
    across = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}[red]
    for side, channel in ((red, 0), (across, 2)):
        assert np.argmax(picture.image.getpixel(sides[side])) == channel


def test_damaged_exif_is_passed_over(tmp_path: Path) -> None:
    path = saved(tmp_path / "odd.jpg", Image.new("RGB", SIZE), exif=b"Exif\0\0nonsense")
    assert open_picture(path, 20).width == 40


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


@pytest.mark.parametrize("name", ["odd.jpg", "odd.png", "odd.tiff", "odd.webp", "odd.avif", "odd.heic"])
def test_colours_are_those_of_the_profile(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (900, 600), (250, 20, 20)).save(tmp_path / name, icc_profile=swapped())
    red, green, blue = open_picture(tmp_path / name, 100).image.getpixel((50, 50))  # type: ignore[misc]
    assert green > 200 > 100 > red
    assert blue < 100


def linear() -> bytes:
    """A colour profile of greys in proportion to the light."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text" + bytes(4) + b"linear\0\0"
    described = b"desc" + bytes(4) + struct.pack(">I", 7) + b"linear\0" + bytes(78)
    parts = {b"desc": described + bytes(2), b"cprt": text, b"wtpt": white, b"kTRC": b"curv" + bytes(8)}
    table, data = struct.pack(">I", len(parts)), b""
    for name, part in parts.items():
        table += struct.pack(">4s2I", name, 132 + 12 * len(parts) + len(data), len(part))
        data += part + bytes(-len(part) % 4)
    size = 128 + len(table) + len(data)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", b"GRAY", b"XYZ ") + bytes(12) + b"acsp"
    light = struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(28) + light + bytes(48) + table + data


@pytest.mark.parametrize("name", ["grey.jpg", "grey.png", "grey.tif"])
def test_a_profile_of_greys_counts(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, Image.new("L", SIZE, 55), icc_profile=linear())
    assert pixel(path)[0] == pytest.approx(128, abs=2)  # 0.2159 of the light


def test_a_profile_of_colours_counts_for_greys(tmp_path: Path) -> None:
    path = saved(tmp_path / "grey.jpg", Image.new("L", SIZE, 100), icc_profile=swapped())
    assert pixel(path) == pytest.approx((100, 100, 100), abs=12)


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200, swapped()[:300]])
def test_a_damaged_profile_is_passed_over(tmp_path: Path, profile: bytes) -> None:
    Image.new("RGB", (90, 60), (250, 20, 20)).save(tmp_path / "a.png", icc_profile=profile)
    red, green, _ = open_picture(tmp_path / "a.png", 30).image.getpixel((5, 5))  # type: ignore[misc]
    assert red > 200 > 60 > green


@pytest.mark.parametrize(
    "name", ["clear.png", "clear.webp", "clear.avif", "clear.heic", "clear.tif", "clear.gif", "grey.png", "grey.tif"]
)
def test_transparency_lies_on_white(tmp_path: Path, name: str) -> None:
    image = Image.new("LA", SIZE, (0, 0)) if name.startswith("grey") else Image.new("RGBA", SIZE, (0, 0, 0, 0))
    assert pixel(saved(tmp_path / name, image)) == (255, 255, 255)


def png(path: Path, bits: int, kind: int, row: bytes, more: bytes = b"") -> Path:
    """A PNG of 40 x 60 pixels whose rows are all alike, of what Pillow does not write."""
    header = struct.pack(">2I5B", *SIZE, bits, kind, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * SIZE[1])
    parts = chunk(b"IHDR", header), more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


_PALETTE = chunk(b"PLTE", bytes((9, 8, 7, 1, 2, 3)))


@pytest.mark.parametrize(
    ("bits", "kind", "row", "more", "colour"),
    [
        (16, 0, struct.pack(">H", 40_000) * 40, b"", (156, 156, 156)),
        (16, 0, struct.pack(">H", 40_000) * 40, chunk(b"tRNS", struct.pack(">H", 7)), (156, 156, 156)),
        (16, 2, struct.pack(">3H", 40_000, 20_000, 60_000) * 40, b"", (156, 78, 234)),
        (16, 4, struct.pack(">2H", 40_000, 0) * 40, b"", (255, 255, 255)),
        (16, 6, struct.pack(">4H", 40_000, 20_000, 60_000, 0) * 40, b"", (255, 255, 255)),
        (8, 0, bytes((40,)) * 40, chunk(b"tRNS", struct.pack(">H", 40)), (255, 255, 255)),
        (8, 2, bytes((40, 20, 60)) * 40, chunk(b"tRNS", struct.pack(">3H", 40, 20, 60)), (255, 255, 255)),
        (8, 3, bytes(40), _PALETTE + chunk(b"tRNS", b"\0\xff"), (255, 255, 255)),
        (8, 3, b"\1" * 40, _PALETTE + chunk(b"tRNS", b"\0\x80"), (127, 128, 128)),
        (2, 3, bytes(10), _PALETTE + chunk(b"tRNS", b"\0"), (255, 255, 255)),
        (1, 0, b"\xff" * 5, chunk(b"tRNS", struct.pack(">H", 0)), (255, 255, 255)),
    ],
)
def test_png_of_every_depth(
    tmp_path: Path, bits: int, kind: int, row: bytes, more: bytes, colour: tuple[int, ...]
) -> None:
    assert pixel(png(tmp_path / "a.png", bits, kind, row, more)) == pytest.approx(colour, abs=1)


@pytest.mark.parametrize(
    "values",
    [
        np.full((60, 40), 32768, np.uint16),
        np.full((60, 40), 32768, ">u2"),
        np.full((60, 40), 32768, np.int32),
        np.full((60, 40), 0.5, np.float32),
        np.full((60, 40), 128, np.float32),
        np.full((60, 40), 32768, np.float32),
    ],
    ids=["I;16", "I;16B", "I", "F to 1", "F to 255", "F to 65535"],
)
def test_deep_greys_are_scaled_not_clipped(tmp_path: Path, values: np.ndarray[Any, Any]) -> None:
    assert pixel(saved(tmp_path / "deep.tif", Image.fromarray(values))) == (128, 128, 128)


def test_lab_is_read(tmp_path: Path) -> None:
    profiles = [ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")]
    lab = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    image = ImageCms.applyTransform(Image.new("RGB", SIZE, (200, 40, 60)), lab)
    assert image
    assert pixel(saved(tmp_path / "a.tif", image)) == pytest.approx((200, 40, 60), abs=2)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tif", "a.avif"])
def test_of_several_pictures_in_a_file_the_first_is_taken(tmp_path: Path, name: str) -> None:
    first, *others = [Image.new("RGB", SIZE, colour) for colour in ("red", "lime", "blue")]
    assert np.argmax(pixel(saved(tmp_path / name, first, save_all=True, append_images=others))) == 0


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg", "zstd"])
def test_tiff_of_every_compression(tmp_path: Path, compression: str) -> None:
    path = saved(tmp_path / "a.tif", Image.new("RGB", SIZE, (200, 40, 60)), compression=compression)
    assert pixel(path) == pytest.approx((200, 40, 60), abs=4)


def test_what_png_says_past_its_pixels_is_read_without_decoding_them(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110] = "Pinhole"
    said = chunk(b"eXIf", exif.tobytes()[6:]) + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")
    whole = png(tmp_path / "a.png", 8, 0, bytes(40)).read_bytes()
    damaged = whole.replace(zlib.compress(bytes(41 * 60)), b"x" * len(zlib.compress(bytes(41 * 60))))
    assert damaged != whole
    (tmp_path / "a.png").write_bytes(damaged[:-12] + said + damaged[-12:])
    with peek(tmp_path / "a.png") as file:
        assert file.getexif()[0x0110] == "Pinhole"
        assert file.info["xmp"] == b"<x/>"
    with peek(saved(tmp_path / "b.png", Image.new("L", SIZE))) as file:
        assert not file.getexif()


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
