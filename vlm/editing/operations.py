"""Run one operation on a picture: on the whole of it, or under a mask, outside of which no pixel changes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vlm.editing import drawing, retouch, texture, tones
from vlm.editing.geometry import move
from vlm.editing.layers import Layer, Pixels, extent
from vlm.editing.plan import GEOMETRY, Operation, amount
from vlm.errors import AskpixError
from vlm.protocols import Find, Floats

_BAND = 1_000_000  # pixels blended at a time
_PALEST = 1 / 512  # of a mask: what counts for less changes nothing


@dataclass(frozen=True)
class Done:
    """What one operation made: the pixels [h, w, 3], the mask [h, w] of what may have changed (None for all), what
    takes a layer of the picture before into the geometry after (None where it is the same), and remarks."""

    pixels: Pixels
    mask: Floats | None = None
    carry: Callable[[Layer], Layer] | None = None
    notes: tuple[str, ...] = ()


def run(operation: Operation, pixels: Pixels, find: Find) -> Done:
    """Do one checked operation to pixels [h, w, 3] of 8 bits in sRGB; regions are found by `find`.

    Raises AskpixError for what cannot be done to this picture.
    """
    name = operation.name
    if name in GEOMETRY:
        moved = move(operation, pixels, find)
        return Done(moved.do(pixels), None, moved.do, (moved.note,) if moved.note else ())
    if name == "caption":
        return Done(*drawing.caption(pixels, operation.text or ""))
    if name == "generate":
        raise AskpixError("this needs a generative editor, which draws new things: use --editor hf:NAME")
    mask = None if operation.region is None else _mask(operation, pixels, find)
    if name == "remove" and mask is not None:
        filled, mask = retouch.remove(pixels, mask, operation.region or "")
        return Done(_under(pixels, filled, mask), mask)
    return Done(*_change(operation, pixels, mask))


def _mask(operation: Operation, pixels: Pixels, find: Find) -> Floats:
    """Where a region is, or all but it."""
    words = operation.region or ""
    mask = find(Image.fromarray(pixels), words)
    mask = 1 - mask if operation.outside else mask
    if float(mask.max()) < _PALEST:
        place = f"everything but {words}" if operation.outside else f'"{words}"'
        raise AskpixError(f"there is nothing of {place} in the picture: name another region")
    return np.where(mask < _PALEST, np.float32(0), mask)


def _change(operation: Operation, pixels: Pixels, mask: Floats | None) -> tuple[Pixels, Floats | None]:
    """Change the whole picture, or the part of it that the mask covers."""
    change, side = _CHANGES[operation.name], min(pixels.shape[:2])
    if mask is None:
        return change(pixels, operation, None, side), None
    left, top, right, bottom = extent(mask > 0)
    part, over = pixels[top:bottom, left:right], mask[top:bottom, left:right]
    made = pixels.copy()
    made[top:bottom, left:right] = _under(part, change(part, operation, over, side), over)
    return made, mask


def _under(before: Pixels, after: Pixels, mask: Floats) -> Pixels:
    """`after` where the mask [h, w] is 1, `before` exactly where it is 0, and in between a mixture."""
    import cv2

    made = np.empty_like(before)
    rows = max(1, _BAND // before.shape[1])
    for top in range(0, len(before), rows):
        band = slice(top, top + rows)
        share = np.ascontiguousarray(mask[band])
        made[band] = cv2.blendLinear(before[band], after[band], 1 - share, share)
    return made


# Pixels changed all over, with the weight [h, w] of those that count and the shorter side of the whole picture.
_CHANGES: dict[str, Callable[[Pixels, Operation, Floats | None, int], Pixels]] = {
    "brightness": lambda pixels, operation, *_: tones.brightness(pixels, amount(operation)),
    "contrast": lambda pixels, operation, *_: tones.contrast(pixels, amount(operation)),
    "saturation": lambda pixels, operation, *_: tones.saturation(pixels, amount(operation)),
    "warmth": lambda pixels, operation, *_: tones.warmth(pixels, amount(operation)),
    "grayscale": lambda pixels, *_: tones.grayscale(pixels),
    "sepia": lambda pixels, operation, *_: tones.sepia(pixels, amount(operation)),
    "vignette": lambda pixels, operation, *_: tones.vignette(pixels, amount(operation)),
    "colour": lambda pixels, operation, weight, _: tones.colour(pixels, operation.text or "", weight),
    "blur": lambda pixels, operation, weight, side: texture.blur(pixels, amount(operation), side, weight),
    "pixelate": lambda pixels, operation, *_: texture.pixelate(pixels, amount(operation)),
    "sharpen": lambda pixels, operation, _, side: texture.sharpen(pixels, amount(operation), side),
}
