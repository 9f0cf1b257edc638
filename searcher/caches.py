"""Where what can be made again is kept: in the library folder, or the user's caches where that cannot be written."""

import hashlib
import os
from pathlib import Path

from platformdirs import user_cache_path


def places(folder: Path, name: str) -> list[Path]:
    """Where a cache of the library in a folder may be, the better place first."""
    key = hashlib.blake2b(os.fsencode(folder), digest_size=8).hexdigest()
    return [folder / name, user_cache_path("askpix") / "libraries" / key / name]


def place(folder: Path, name: str) -> Path:
    """Where a cache of the library in a folder is to be written."""
    first, second = places(folder, name)
    return first if os.access(folder, os.W_OK) else second
