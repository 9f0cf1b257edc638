"""Smaller WebP copies of photos, kept in the library folder under the hash of their content."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from PIL.Image import Image

from searcher import Library, Photo
from searcher.caches import places
from searcher.originals import open_original
from vlm.errors import AskpixError
from vlm.picture import UnreadablePicture

# The most pixels across and down: of a thumbnail for screens that show each of its pixels by one of theirs, and for
# finer ones; and of a photo's own page.
SIZES = {"thumb": (1024, 280), "small": (1600, 440), "large": (1920, 1440)}
_QUALITY = 80


def rendition(library: Library, photo: Photo, size: str) -> Path | None:
    """The file of a photo's rendition, made when it is first wanted; None when the photo cannot be read.

    Raises AskpixError when there is no place to keep it.
    """
    name = f"{photo.hash[:2]}/{photo.hash}-{size}.webp"
    paths = [folder / name for folder in places(library.folder, "thumbnails")]
    for path in paths:
        if path.exists():
            return path
    width, height = SIZES[size]
    scale = min(1.0, width / photo.width, height / photo.height)
    fitted = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    try:
        image = open_original(photo.path, min(fitted), library.settings.max_pixels).image
    except UnreadablePicture:
        return None
    for path in paths:
        with suppress(OSError):  # a library that may only be read, or a full disk
            _save(image.resize(fitted), path)
            return path
    raise AskpixError(f"{path} cannot be written; make room there")


def _save(image: Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed, so that nobody is ever served half a picture.
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        try:
            image.save(part, "WEBP", quality=_QUALITY)
            part.flush()
            os.replace(part.name, path)
        except BaseException:
            Path(part.name).unlink()
            raise
