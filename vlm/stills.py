"""Still pictures by Pillow: upright, sRGB, no larger than needed, and never trusting what they claim."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import AvifImagePlugin, Image, PngImagePlugin
from PIL.ExifTags import Base

from vlm.colours import reduced, to_srgb
from vlm.limits import THREADS, Limits

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow's own guard warns at 89 megapixels and cannot be told a limit per call; ours is `Limits`.
Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_CHUNK = 16_000_000  # programs that make pictures keep there how they did it
AvifImagePlugin.DEFAULT_MAX_THREADS = THREADS


@dataclass(frozen=True)
class Picture:
    """A decoded picture: `image` is sRGB and upright, perhaps reduced; width and height are the original's, upright."""

    image: Image.Image
    width: int
    height: int
    format: str


def open_still(path: Path, side: int, limits: Limits) -> Picture:
    """The picture in a file, whatever its name; of several in it the first. Raises whatever the decoder does."""
    with open_undecoded(path) as file:
        return decode(file, side, limits)


def open_undecoded(path: Path) -> Image.Image:
    """A picture file opened, for what it says about itself or to be decoded."""
    _read_heif()
    return Image.open(path, formats=FORMATS)


def decode(file: Image.Image, side: int, limits: Limits, orientation: int = 1) -> Picture:
    """Decode at the smallest cheap scale whose shorter side is still at least `side` pixels.

    JPEGs are decoded at 1/2, 1/4 or 1/8 straight from their coefficients (Pillow's draft mode), and HEIC by its
    thumbnail if that is large enough. `orientation`, as in EXIF, is for what has none of its own.
    """
    limits.check(file.width, file.height)
    (width, height), kind, profile = file.size, file.format or "", file.info.get("icc_profile")
    file.draft("RGB", (side, side))
    file.load()
    with suppress(Exception):  # damaged EXIF is no reason to refuse the picture
        orientation = file.getexif().get(Base.Orientation, orientation)
    image = to_srgb(reduced(file, max(1, min(file.size) // max(side, 1))), profile)
    if turn := _TURNS.get(orientation):
        image = image.transpose(turn)
    if orientation in {5, 6, 7, 8}:
        width, height = height, width
    return Picture(image, width, height, kind)


@cache
def _read_heif() -> None:
    """Teach Pillow the format of iPhones."""
    from pillow_heif import options, register_heif_opener

    register_heif_opener(thumbnails=False)
    options.DECODE_THREADS = THREADS
