"""Pictures and the masks over them as arrays, and what is done to all of them alike."""

from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm.protocols import Floats

T = TypeVar("T", bound=np.generic)

Pixels = NDArray[np.uint8]  # [h, w, 3] in sRGB, red first
Layer = NDArray[Any]  # pixels, or a mask [h, w] of floats

Size = tuple[int, int]  # width and height


def size_at(layer: Layer, scale: float) -> Size:
    """Width and height of a layer made larger or smaller, at least a pixel."""
    return max(1, round(layer.shape[1] * scale)), max(1, round(layer.shape[0] * scale))


def smaller(layer: NDArray[T], size: Size) -> NDArray[T]:
    """A layer at a smaller size, each pixel the mean of what it covers."""
    import cv2

    return cast(NDArray[T], cv2.resize(cast(Any, layer), size, interpolation=cv2.INTER_AREA))


def shrunk(image: Image.Image, scale: float) -> Image.Image:
    """A copy made smaller by `scale`; the picture itself if that would enlarge it."""
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BOX) if scale < 1 else image


def larger(layer: NDArray[T], size: Size) -> NDArray[T]:
    """A layer at a larger size, linearly between its pixels."""
    import cv2

    return cast(NDArray[T], cv2.resize(cast(Any, layer), size, interpolation=cv2.INTER_LINEAR))


def widened(mask: NDArray[T], radius: int) -> NDArray[T]:
    """A mask [h, w] grown by a number of pixels on all sides."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cast(NDArray[T], cv2.dilate(cast(Any, mask), disc))


def grey(pixels: Pixels) -> Pixels:
    """The grey values [h, w] of pixels."""
    import cv2

    return cast(Pixels, cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def box_of(mask: Floats, margin: float = 0) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in pixels of where a mask is above one half, or above 0 if it nowhere is.

    `margin` is a share of the box's own sides, added all around within the picture.
    """
    return extent(mask > (0.5 if float(mask.max()) > 0.5 else 0), margin)


def extent(held: NDArray[np.bool_], margin: float = 0, more: int = 0) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is true in [h, w], with `margin` as in `box_of` and some pixels more."""
    height, width = held.shape
    rows, columns = np.flatnonzero(held.any(1)), np.flatnonzero(held.any(0))
    if not len(rows):
        return (0, 0, width, height)
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    across, down = round(margin * (right - left)) + more, round(margin * (bottom - top)) + more
    return max(0, left - across), max(0, top - down), min(width, right + across), min(height, bottom + down)
