"""Blur, pixelate, sharpen: what is done with a pixel's neighbours, on pixels [h, w, 3] of 8 bits in sRGB."""

import numpy as np

from vlm.editing.layers import Pixels, smaller
from vlm.editing.tones import from_light, to_light
from vlm.protocols import Floats

_BLUR = 0.03  # of the shorter side: the standard deviation that a blur of 100 is
_SQUARE = 0.2  # of the shorter side of what is pixelated: the squares at 100
_SHARPENING = 2.0  # times the detail that is added at 100


def blur(pixels: Pixels, amount: float, side: int, weight: Floats | None = None) -> Pixels:
    """A Gaussian blur in linear light; `side` is the shorter side in pixels of the whole picture.

    Only places that `weight` [h, w] counts give off light (normalised convolution: Knutsson and Westin, CVPR 1993),
    lest a sharp subject leave a halo in the blurred background around it.
    """
    import cv2

    height, width, _ = pixels.shape
    deviation = max(_BLUR * side * amount / 100, 1e-3)
    # A wide blur leaves nothing that a smaller copy could not show.
    shrink = max(1, int(deviation / 3))
    size = max(1, width // shrink), max(1, height // shrink)
    light = to_light(smaller(pixels, size))
    counted = np.ones(light.shape[:2], np.float32)
    if weight is not None:
        counted = smaller(weight, size) + np.float32(1e-4)
    deviation /= shrink
    spread, weights = (
        np.asarray(cv2.GaussianBlur(one, (0, 0), deviation), np.float32)
        for one in (light * counted[:, :, None], counted)
    )
    small = from_light(spread / weights[:, :, None])
    if shrink == 1:
        return small
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def pixelate(pixels: Pixels, amount: float) -> Pixels:
    """Squares of the mean colour, a tenth of the shorter side wide at 50."""
    import cv2

    height, width, _ = pixels.shape
    square = max(1.0, _SQUARE * min(height, width) * amount / 100)
    size = max(1, round(width / square)), max(1, round(height / square))
    return np.asarray(cv2.resize(smaller(pixels, size), (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def sharpen(pixels: Pixels, amount: float, side: int) -> Pixels:
    """More of the detail that a slight blur would lose (unsharp masking); `side` as for `blur`."""
    import cv2

    deviation = max(1.0, side / 1500)
    strength = _SHARPENING * amount / 100
    soft = cv2.GaussianBlur(pixels, (0, 0), deviation)
    return np.asarray(cv2.addWeighted(pixels, 1 + strength, soft, -strength, 0), np.uint8)
