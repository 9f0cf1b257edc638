"""Open picture files: upright, sRGB, no larger than needed, and never trusting what they claim."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from vlm.apart import ask
from vlm.errors import AskpixError
from vlm.kinds import RAW, STILL, VIDEO
from vlm.limits import MAX_PIXELS, Limits, UnreadablePicture
from vlm.stills import Picture
from vlm.streams import ahead
from vlm.video import split_moment

__all__ = ["MAX_PIXELS", "SUFFIXES", "Picture", "UnreadablePicture", "as_picture", "open_ahead", "open_file"]
__all__ += ["open_picture", "opened_ahead", "said_by", "said_by_sidecar"]

P = TypeVar("P")

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
    return opened_ahead(lambda path: open_picture(path, side, max_pixels), paths)


def opened_ahead(
    open_one: Callable[[P], Picture], places: Iterable[P]
) -> Iterator[tuple[P, Picture | UnreadablePicture]]:
    """As `open_ahead`, of whatever `open_one` opens."""

    def attempt(place: P) -> tuple[P, Picture | UnreadablePicture]:
        try:
            return place, open_one(place)
        except UnreadablePicture as error:
            return place, error

    with ThreadPoolExecutor(2, "decode") as pool:
        yield from ahead(pool, attempt, places, 64)


def said_by(path: Path) -> list[dict[str, Any]]:
    """What a picture file says in XMP, in IPTC and in EXIF, in the order in which they count.

    Each by the names of the catalog's `details`, with `keywords`. Raises UnreadablePicture for what is no file, and
    one that exceeds its limits.
    """
    return _headers("headers", path)


def said_by_sidecar(path: Path) -> list[dict[str, Any]]:
    """What an XMP sidecar says, as `said_by` does."""
    return _headers("sidecar", path)


def _headers(do: str, path: Path) -> list[dict[str, Any]]:
    (answer,) = ask(do, path)
    sources: list[dict[str, Any]] = answer["headers"]
    for source in sources:
        if taken := source.get("taken_at"):
            source["taken_at"] = datetime.fromisoformat(taken)
    return sources
