"""Open picture files: upright, sRGB, no larger than needed, and never trusting what they claim."""

import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from vlm.apart import ask
from vlm.errors import AskpixError
from vlm.kinds import RAW, STILL, VIDEO
from vlm.limits import MAX_PIXELS, Limits, UnreadablePicture
from vlm.stills import Picture, open_undecoded
from vlm.streams import ahead
from vlm.video import split_moment

__all__ = ["MAX_PIXELS", "SUFFIXES", "Picture", "UnreadablePicture", "as_picture", "open_ahead", "open_file"]
__all__ += ["open_picture", "peek"]

_SAYING = frozenset({b"eXIf", b"iTXt", b"tEXt", b"zTXt"})
_MOST_CHUNKS = 100_000

SUFFIXES = STILL | RAW | VIDEO


def open_file(path: Path, side: int, max_pixels: int = MAX_PIXELS) -> Picture:
    """As `open_picture`, for one file that somebody named: raises AskpixError that says which."""
    try:
        return open_picture(path, side, max_pixels)
    except AskpixError as error:
        raise AskpixError(f"{path}: {error}") from error


def open_picture(path: Path, side: int, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture, in a process apart, at the smallest cheap scale whose shorter side is at least `side` pixels.

    What a file is, its content says before its name. Of a raw file that is the camera's preview, if it is large
    enough; a moment of a video is a frame. Raises UnreadablePicture for anything that is not a whole picture of at
    most `max_pixels`, and for what takes more time or memory than `Limits` allows.
    """
    name, seconds = split_moment(path.name)
    (said,) = ask("picture", path.with_name(name), max_pixels, seconds=seconds or 0, side=side)
    return Picture(said["image"], said["width"], said["height"], said["format"])


def as_picture(path: Path, image: Image.Image, size: tuple[int, int], max_pixels: int = MAX_PIXELS) -> Picture:
    """A moment of a video, whose whole width and height are `size`."""
    Limits(max_pixels).check(*size)
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
    file = open_undecoded(path)
    if isinstance(file, PngImageFile):
        _read_past_pixels(file)
    return file


def _read_past_pixels(file: PngImageFile) -> None:
    """Add what a PNG says after its pixels, which Pillow would decode to get there."""
    stream, chunks = file.fp, file.png
    if stream is None or chunks is None:
        return
    stream.seek(len(b"\x89PNG\r\n\x1a\n"))
    pixels = False
    with suppress(Exception):  # what is damaged counts as absent
        for _ in range(_MOST_CHUNKS):
            length, name = struct.unpack(">I4s", stream.read(8))
            start = stream.tell()
            if pixels and name in _SAYING:
                chunks.call(name, start, length)
            pixels |= name == b"IDAT"
            stream.seek(start + length + 4)
    file.info.setdefault("exif", None)  # else Pillow looks for it past the pixels
