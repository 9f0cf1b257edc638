"""Tell one file of weights from another without reading gigabytes."""

import hashlib
from pathlib import Path

_END, _BLOCK, _BLOCKS = 1 << 20, 1 << 16, 16


def fingerprint(*files: Path) -> str:
    """Eight hexadecimal digits over the files' sizes, their ends and sixteen blocks between."""
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(size.to_bytes(8, "big"))
        with path.open("rb") as file:
            digest.update(file.read(_END))
            for i in range(1, _BLOCKS + 1):
                file.seek(size * i // (_BLOCKS + 1))
                digest.update(file.read(_BLOCK))
            file.seek(max(0, size - _END))
            digest.update(file.read(_END))
    return digest.hexdigest()[:8]
