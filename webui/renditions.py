"""Smaller WebP copies of photos, kept in the library folder under the hash of their content."""

import os
import tempfile
from pathlib import Path

from searcher import Library, Photo
from vlm.picture import UnreadablePicture, open_picture

# The most pixels across and down: of a thumbnail for screens that show each of its pixels by one of theirs, and for
# finer ones; and of a photo's own page.
SIZES = {"thumb": (1024, 280), "small": (1600, 440), "large": (1920, 1440)}
_QUALITY = 80


def rendition(library: Library, photo: Photo, size: str) -> Path | None:
    """The file of a photo's rendition, made when it is first wanted; None when the photo cannot be read."""
    path = library.folder / "thumbnails" / photo.hash[:2] / f"{photo.hash}-{size}.webp"
    if path.exists():
        return path
    width, height = SIZES[size]
    scale = min(1.0, width / photo.width, height / photo.height)
    fitted = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    try:
        image = open_picture(photo.path, min(fitted), library.settings.max_pixels).image
    except UnreadablePicture:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed, so that nobody is ever served half a picture.
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        image.resize(fitted).save(part, "WEBP", quality=_QUALITY)
    os.replace(part.name, path)
    return path
