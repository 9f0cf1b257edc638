"""Light and colour, pixel by pixel, in linear light where light adds up and in Oklab where eyes compare.

All take pixels [h, w, 3] of 8 bits in sRGB, red first, and give the same anew. Pictures of any size are worked on in
bands of rows, so that no whole picture in floating point is held.
"""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import ImageColor

from vlm.editing.layers import Pixels, smaller
from vlm.errors import AskpixError
from vlm.protocols import Floats

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear red, green and blue (ITU-R BT.709)
_BAND = 1_000_000  # pixels at a time
_STOPS = 2.0  # of exposure that a brightness of 100 is
_WARM = np.array([0.5, 0.0, -0.8], np.float32)  # stops of red, green and blue that a warmth of 100 is
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_VALUES = np.arange(256, dtype=np.float32) / 255
TO_LIGHT: Floats = np.where(_VALUES <= 0.04045, _VALUES / 12.92, ((_VALUES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_FINE = np.arange(65536, dtype=np.float64) / 65535
_FROM_LIGHT = np.rint(255 * np.where(_FINE <= 0.0031308, 12.92 * _FINE, 1.055 * _FINE ** (1 / 2.4) - 0.055)).astype(
    np.uint8
)


def to_light(pixels: Pixels) -> Floats:
    """Linear light in 0..1 of sRGB values."""
    import cv2

    return np.asarray(cv2.LUT(pixels, TO_LIGHT), np.float32)


def from_light(light: Floats) -> Pixels:
    """The sRGB values of linear light, what is beyond 0..1 cut off."""
    pixels: Pixels = _FROM_LIGHT[(np.clip(light, 0, 1) * 65535 + 0.5).astype(np.uint16)]
    return pixels


def luminance(pixels: Pixels) -> Floats:
    """Relative luminance [h, w] in 0..1."""
    lit: Floats = to_light(pixels) @ LUMINANCE
    return lit


def brightness(pixels: Pixels, amount: float) -> Pixels:
    """Two stops of exposure up or down at 100; what is brightened nears white without being cut off."""
    gain = 2 ** (_STOPS * amount / 100)
    light = 1 - (1 - TO_LIGHT) ** gain if amount > 0 else TO_LIGHT * gain
    return _by_value(pixels, from_light(light.astype(np.float32)))


def contrast(pixels: Pixels, amount: float) -> Pixels:
    """An S-curve through the mean tone, or a flatter line through it."""
    middle = float(np.clip(_mean_value(pixels) / 255, 0.2, 0.8))
    if amount <= 0:
        curve = middle + (_VALUES - middle) * (1 + 0.9 * amount / 100)
    else:
        steep = 1 + 9 * amount / 100
        ends = np.tanh(steep * (np.array([0, 1]) - middle) / 2)
        curve = (np.tanh(steep * (_VALUES - middle) / 2) - ends[0]) / (ends[1] - ends[0])
    return _by_value(pixels, np.rint(255 * np.clip(curve, 0, 1)).astype(np.uint8))


def saturation(pixels: Pixels, amount: float) -> Pixels:
    """Away from the grey of the same luminance, twice as far at 100; at -100 there is only grey."""
    strength = 1 + amount / 100
    grey = np.tile(LUMINANCE, (3, 1))
    return _by_light(pixels, strength * np.eye(3, dtype=np.float32) + (1 - strength) * grey)


def grayscale(pixels: Pixels) -> Pixels:
    """The grey of the same luminance."""
    return _by_light(pixels, np.tile(LUMINANCE, (3, 1)))


def warmth(pixels: Pixels, amount: float) -> Pixels:
    """As if the light were redder, or bluer below zero, at the same luminance (von Kries, 1902)."""
    gains = 2 ** (_WARM * amount / 100)
    return _by_light(pixels, np.diag(gains / (gains @ LUMINANCE)).astype(np.float32))


def sepia(pixels: Pixels, amount: float) -> Pixels:
    """The brown of old prints, wholly at 100."""
    import cv2

    share = amount / 100
    return np.asarray(cv2.transform(pixels, share * _SEPIA + (1 - share) * np.eye(3, dtype=np.float32)), np.uint8)


def vignette(pixels: Pixels, amount: float) -> Pixels:
    """Darker towards the corners, which lose all light at 100; the middle keeps its own."""
    height, width, _ = pixels.shape
    across = np.linspace(-1, 1, width, dtype=np.float32) ** 2

    def darken(light: Floats, top: int) -> Floats:
        rows = np.arange(top, top + len(light), dtype=np.float32)
        down = (2 * (rows + 0.5) / height - 1) ** 2
        gain = 1 - amount / 100 * ((down[:, None] + across) / 2) ** 1.5
        darkened: Floats = light * gain[:, :, None]
        return darkened

    return _in_light(pixels, darken)


def colour(pixels: Pixels, name: str, weight: Floats | None = None) -> Pixels:
    """Light and shade as they are, in the colour called `name`, in Oklab (Ottosson, 2020), whose hues hold when lit.

    The mean lightness is that of the places that `weight` [h, w] counts. Raises AskpixError for a colour of no known
    name.
    """
    wanted = to_oklab(np.array([[rgb_of(name)]], np.uint8))[0, 0]
    counted = None if weight is None else smaller(weight, (256, 256))
    lightness = float(np.average(to_oklab(smaller(pixels, (256, 256)))[:, :, 0], weights=counted))
    # A car that turns black must turn dark, but one that turns red keeps most of its own lightness.
    colourless = 1 - min(1.0, float(np.hypot(*wanted[1:])) / 0.12)
    shift = (0.45 + 0.5 * colourless) * (float(wanted[0]) - lightness)
    made = np.empty_like(pixels)
    for rows in _bands(pixels):
        lab = to_oklab(pixels[rows])
        lab[:, :, 0] = np.clip(lab[:, :, 0] + shift, 0.05, 0.98)
        # Highlights and deep shadows hold little colour, or a thing looks painted over.
        hold = np.clip(1.6 - 2 * np.abs(lab[:, :, 0] - 0.55), 0.25, 1)[:, :, None]
        lab[:, :, 1:] = wanted[1:] * hold + 0.1 * (1 - colourless) * lab[:, :, 1:]
        made[rows] = _from_oklab(lab)
    return made


def rgb_of(name: str) -> tuple[int, int, int]:
    """Red, green and blue in 0..255 of a colour's English name ("dark blue") or "#rrggbb".

    Raises AskpixError for any other.
    """
    try:
        red, green, blue = ImageColor.getrgb(name.strip().lower().replace(" ", "").replace("-", ""))[:3]
    except ValueError:
        raise AskpixError(f'"{name[:40]}" is no colour that is known: say red, dark blue or #1e90ff') from None
    return red, green, blue


def _mean_value(pixels: Pixels) -> float:
    """The mean value of all channels."""
    import cv2

    return float(np.mean(cv2.mean(pixels)[:3]))


def to_oklab(pixels: Pixels) -> Floats:
    """Oklab: lightness 0..1, green to red and blue to yellow."""
    import cv2

    cones = np.cbrt(np.asarray(cv2.transform(to_light(pixels), _TO_CONES), np.float32))
    return np.asarray(cv2.transform(cones, _TO_OKLAB), np.float32)


def _from_oklab(lab: Floats) -> Pixels:
    import cv2

    cones = np.asarray(cv2.transform(lab, np.linalg.inv(_TO_OKLAB)), np.float32) ** 3
    return from_light(np.asarray(cv2.transform(cones, np.linalg.inv(_TO_CONES)), np.float32))


def _by_value(pixels: Pixels, table: Pixels) -> Pixels:
    """Each value as the table [256] has it."""
    import cv2

    return np.asarray(cv2.LUT(pixels, table), np.uint8)


def _by_light(pixels: Pixels, matrix: Floats) -> Pixels:
    """Linear red, green and blue times a matrix [3, 3]."""
    import cv2

    return _in_light(pixels, lambda light, _: np.asarray(cv2.transform(light, matrix), np.float32))


def _in_light(pixels: Pixels, change: Callable[[Floats, int], Floats]) -> Pixels:
    """Change linear light, a band of rows at a time; `change` gets the band and the number of its first row."""
    made = np.empty_like(pixels)
    for rows in _bands(pixels):
        made[rows] = from_light(change(to_light(pixels[rows]), rows.start))
    return made


def _bands(pixels: Pixels) -> Iterator[slice]:
    height, width, _ = pixels.shape
    rows = max(1, _BAND // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))
