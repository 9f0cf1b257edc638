"""Open picture files: upright, RGB, no larger than needed, and never trusting what they claim."""

import io
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from vlm.errors import AskpixError, first_line
from vlm.raw import RAW, open_raw
from vlm.streams import ahead
from vlm.video import VIDEO, frame_at, split_moment

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
_STILLS = frozenset(".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .avif .heic .heif .hif".split())
SUFFIXES = _STILLS | RAW | VIDEO
MAX_PIXELS = 200_000_000

# Pillow's own guard warns at 89 megapixels and cannot be told a limit per call; ours follows below.
Image.MAX_IMAGE_PIXELS = None


class UnreadablePicture(AskpixError):
    """A file that cannot be shown as a picture; the message is the reason, without the path."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture: `image` is sRGB and upright, perhaps reduced; width and height are the original's, upright."""

    image: Image.Image
    width: int
    height: int
    format: str


def open_file(path: Path, side: int, max_pixels: int = MAX_PIXELS) -> Picture:
    """As `open_picture`, for one file that somebody named: raises AskpixError that says which."""
    try:
        return open_picture(path, side, max_pixels)
    except AskpixError as error:
        raise AskpixError(f"{path}: {error}") from error


def open_picture(path: Path, side: int, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture at the smallest cheap scale whose shorter side is still at least `side` pixels.

    JPEGs are decoded at 1/2, 1/4 or 1/8 straight from their coefficients (Pillow's draft mode).
    Of a raw file that is the camera's preview, if it is large enough; a moment of a video is a frame.
    Raises UnreadablePicture for anything that is not a whole picture of at most `max_pixels`.
    """
    name, seconds = split_moment(path.name)
    path = path.with_name(name)
    try:
        info = path.stat()
    except OSError as error:
        raise UnreadablePicture(f"cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(info.st_mode):
        raise UnreadablePicture("not a regular file")
    if info.st_size == 0:
        raise UnreadablePicture("the file is empty")
    kind = path.suffix.lower()
    try:
        if kind in VIDEO:
            return as_picture(path, *frame_at(path, seconds or 0, side), max_pixels)
        if kind in RAW:
            preview, size = open_raw(path, side)
            return as_picture(path, _decode(preview, side, max_pixels).image, size, max_pixels)
        with peek(path) as file:
            return _decode(file, side, max_pixels)
    except UnreadablePicture:
        raise
    except PermissionError as error:
        raise UnreadablePicture("no permission to read the file") from error
    except UnidentifiedImageError as error:
        raise UnreadablePicture("not a picture in a format that can be read") from error
    # A hostile file can make a decoder fail in any way; whichever way, the file is at fault.
    except Exception as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> UnreadablePicture:
    """What a decoder's error comes to."""
    if "truncated" in str(error):
        return UnreadablePicture("the file is cut short")
    said = first_line(error)
    return UnreadablePicture(f"the file is damaged ({said})")


def as_picture(path: Path, image: Image.Image, size: tuple[int, int], max_pixels: int = MAX_PIXELS) -> Picture:
    """A picture that a raw file or a video holds, whose whole width and height are `size`."""
    _check_pixels(*size, max_pixels)
    return Picture(image.convert("RGB"), *size, path.suffix[1:].upper())


def open_ahead(
    paths: Iterable[Path], side: int, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[Path, Picture | UnreadablePicture]]:
    """Open pictures in order, decoding a few ahead in threads; one that cannot be opened comes as its error."""

    def attempt(path: Path) -> tuple[Path, Picture | UnreadablePicture]:
        try:
            return path, open_picture(path, side, max_pixels)
        except UnreadablePicture as error:
            return path, error

    with ThreadPoolExecutor(2, "decode") as pool:
        yield from ahead(pool, attempt, paths, 64)


def peek(path: Path) -> Image.Image:
    """A picture file opened but not decoded, for what it says about itself; raises whatever Pillow does."""
    _read_heif()
    return Image.open(path, formats=FORMATS)


@cache
def _read_heif() -> None:
    """Teach Pillow the format of iPhones."""
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise UnreadablePicture(
            f"{width} x {height} is more than {max_pixels / 1e6:.0f} megapixels; raise ASKPIX_MAX_PIXELS to allow it"
        )


def _decode(file: Image.Image, side: int, max_pixels: int) -> Picture:
    _check_pixels(file.width, file.height, max_pixels)
    size, kind, profile = file.size, file.format or "", file.info.get("icc_profile")
    file.draft("RGB", (side, side))
    shrink = max(1, min(file.width, file.height) // max(side, 1))
    upright = ImageOps.exif_transpose(file)
    turned = (upright.width > upright.height) != (file.width > file.height)
    width, height = reversed(size) if turned else size
    image = upright if upright.mode == "CMYK" else _to_rgb(upright)
    if shrink > 1:
        image = image.reduce(shrink)
    return Picture(_to_srgb(image, profile), width, height, kind)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB or CMYK to sRGB by the file's colour profile."""
    transform = _transform(profile, image.mode) if profile else None
    if transform is None:
        return image.convert("RGB")
    return ImageCms.applyTransform(image, transform) or image


@lru_cache(16)  # most libraries hold a few profiles, each in thousands of photos
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a colour profile to sRGB; None for sRGB itself, and for a profile that is damaged or of another mode."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if own.profile.xcolor_space.strip() != mode or "sRGB" in (own.profile.profile_description or ""):
            return None
        return ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB: transparency on white, 16-bit greys scaled down rather than clipped."""
    if image.mode.startswith("I;16") or image.mode == "I":
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")
