"""Pictures that people bring to search by: the newest are kept in the library folder, under the hash of their content.

What is kept is a copy as small as the encoder needs it, made by the decoder apart that all pictures go through.
"""

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from PIL.Image import Image
from werkzeug.datastructures import FileStorage

from searcher import Library
from searcher.caches import place
from vlm.errors import AskpixError
from vlm.picture import SUFFIXES, UnreadablePicture, open_picture

MOST_BYTES = 50_000_000  # of a picture that is brought
KEPT = 200
_SIDE = 512  # pixels of the shorter side, more than encoders look at
_LONGEST = 4096
_HASH = re.compile(r"[0-9a-f]{32}")


def keep(library: Library, brought: FileStorage) -> str:
    """Keep a picture, and forget the oldest beyond `KEPT`; gives the hash by which it is found again.

    Raises AskpixError when it is not a picture that can be read.
    """
    folder = _folder(library)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        suffix = Path(brought.filename or "").suffix.lower()
        whole = Path(aside, f"brought{suffix if suffix in SUFFIXES else ''}")
        brought.save(whole)
        with whole.open("rb") as file:
            name = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        try:
            image = open_picture(whole, _SIDE, library.settings.max_pixels).image
        except UnreadablePicture as error:
            raise AskpixError(f"{brought.filename or 'the picture'} cannot be searched by: {error}") from error
        small = Path(aside, "small.webp")
        _reduced(image).save(small, "WEBP", quality=95)
        os.replace(small, _path(library, name))
    _forget(folder)
    return name


def kept(library: Library, name: str) -> Path:
    """The file of a picture that is kept; raises AskpixError when it no longer is."""
    path = _path(library, name)
    if not _HASH.fullmatch(name) or not path.is_file():
        raise AskpixError("the picture to search by is no longer kept here; bring it again")
    return path


def _folder(library: Library) -> Path:
    return place(library.folder, "queries")


def _path(library: Library, name: str) -> Path:
    return _folder(library) / f"{name}.webp"


def _reduced(image: Image) -> Image:
    scale = min(1.0, _SIDE / min(image.size), _LONGEST / max(image.size))
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def _forget(folder: Path) -> None:
    """Remove all but the newest."""
    with suppress(FileNotFoundError):  # another request may be at it
        newest = sorted(folder.glob("*.webp"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest[KEPT:]:
            old.unlink()
