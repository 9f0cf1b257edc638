"""Photographs to measure with, made from those of the demo."""

import itertools
from pathlib import Path

from PIL import Image, ImageOps

DEMO = Path(__file__).parent.parent / "demo" / "photos"


def make_photographs(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """`count` JPEGs of `size` pixels in `folder`, each a file of its own content.

    The demo's photographs are scaled to the size; copies of one differ by bytes after the end of
    the picture, so that each is decoded, encoded and captioned like a new one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [_scaled(path, size, folder / "scaled.tmp") for path in sorted(DEMO.rglob("*.jpg"))]
    made = []
    for i, picture in zip(range(count), itertools.cycle(pictures), strict=False):
        path = folder / f"{i // 1000:03d}" / f"{i:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture + f"copy {i}".encode())
        made.append(path)
    return made


def _scaled(source: Path, size: tuple[int, int], scratch: Path) -> bytes:
    with Image.open(source) as opened:
        ImageOps.fit(opened.convert("RGB"), size).save(scratch, "JPEG", quality=90)
    scaled = scratch.read_bytes()
    scratch.unlink()
    return scaled
