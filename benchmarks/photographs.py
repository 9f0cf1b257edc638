"""Photographs to measure with, made from those of the demo."""

import io
import itertools
import random
from pathlib import Path

from PIL import Image, ImageOps

DEMO = Path(__file__).parent.parent / "demo" / "photos"


def make_photographs(folder: Path, count: int, size: tuple[int, int], distinct: bool = False) -> list[Path]:
    """`count` JPEGs of `size` pixels in `folder`, each a file of its own content.

    The demo's photographs are scaled to the size; copies of one differ by bytes after the end of
    the picture, so that each is decoded, encoded and captioned like a new one. With `distinct` every
    one is another part of its photograph, so that they can be ranked, which takes longer to make.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted(DEMO.rglob("*.jpg"))
    dice = random.Random(0)
    pictures = {} if distinct else {source: _scaled(source, size, (0, 0, 1, 1)) for source in sources}
    made = []
    for i, source in zip(range(count), itertools.cycle(sources), strict=False):
        side = dice.uniform(0.5, 1)
        left, top = dice.uniform(0, 1 - side), dice.uniform(0, 1 - side)
        picture = pictures.get(source) or _scaled(source, size, (left, top, left + side, top + side))
        path = folder / f"{i // 1000:03d}" / f"{i:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture + f"copy {i}".encode())
        made.append(path)
    return made


def _scaled(source: Path, size: tuple[int, int], box: tuple[float, float, float, float]) -> bytes:
    """The part of a photograph in `box` (left, top, right, bottom in 0..1) as a JPEG of `size` pixels."""
    file = io.BytesIO()
    with Image.open(source) as opened:
        edges = (round(edge * whole) for edge, whole in zip(box, 2 * opened.size, strict=True))
        ImageOps.fit(opened.convert("RGB").crop(tuple(edges)), size).save(file, "JPEG", quality=90)
    return file.getvalue()
