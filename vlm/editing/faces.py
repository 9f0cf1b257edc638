"""Faces seen from the front, by the cascade that scikit-image carries (the extra `faces`).

A cascade of local binary patterns (Zhang et al., "Face Detection Based on Multi-Block LBP Representation", ICB 2007)
knows nothing of who it is; it also takes some other things for faces, which the relevance map must weed out.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

from vlm.editing.naming import Place
from vlm.protocols import Floats
from vlm.relevance import CELLS

_SIDE = 640  # the longer side in pixels at which faces are sought
_SMALLEST = 24  # pixels that the cascade sees
_WARM = 0.3  # of the map: what is taken for a face where it is colder is something else
_HOT = 0.6  # of the map: a face that is not detected is about where it is warmer than that
_STEP = 1.2  # between the sizes that are tried


def why_guessed() -> str:
    """What to know where no face was detected."""
    hint = "" if find_spec("skimage") else '; pip install "askpix[faces]" detects those seen from the front'
    return f"no face was detected, so its place is a guess: look whether the whole face is covered{hint}"


def face_mask(image: Image.Image, size: tuple[int, int], heat: Floats, all_of_them: bool) -> tuple[Floats, bool]:
    """A mask [h, w] of a size over the faces where a map [14, 14] is warm, or the one where it is warmest, and whether
    any was detected; if none is, the mask is a wide oval about the warmest place."""
    warmth = {box: _at(heat, box) for box in _detected(image)}
    seen = [box for box in sorted(warmth, key=warmth.__getitem__, reverse=True) if warmth[box] >= _WARM]
    if not seen:
        return _oval(_about(heat), size), False
    return np.maximum.reduce([_oval(_wider(box), size) for box in (seen if all_of_them else seen[:1])]), True


def _detected(image: Image.Image) -> list[Place]:
    """Boxes around faces in an RGB picture, as shares of it; none without the package, or if none is seen."""
    if find_spec("skimage") is None:
        return []
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    side = min(small.size)
    if side < _SMALLEST:
        return []
    found = _cascade().detect_multi_scale(
        img=np.asarray(small), scale_factor=_STEP, step_ratio=1, min_size=(_SMALLEST,) * 2, max_size=(side, side)
    )
    return [
        (
            box["c"] / small.width,
            box["r"] / small.height,
            (box["c"] + box["width"]) / small.width,
            (box["r"] + box["height"]) / small.height,
        )
        for box in found
    ]


def _at(heat: Floats, box: Place) -> float:
    """How warm a map is in the middle of a box."""
    x, y = ((box[i] + box[i + 2]) / 2 for i in (0, 1))
    return float(heat[min(int(y * CELLS), CELLS - 1), min(int(x * CELLS), CELLS - 1)])


def _wider(box: Place) -> Place:
    """A box with a face in it, from the brows to the lips, as one around all of it."""
    across, down = box[2] - box[0], box[3] - box[1]
    return (box[0] - 0.1 * across, box[1] - 0.25 * down, box[2] + 0.1 * across, box[3] + 0.25 * down)


def _about(heat: Floats) -> Place:
    """The box about the warmest place that surely holds a face."""
    weights: Floats = np.square(np.clip((heat - np.float32(_HOT)) / np.float32(1 - _HOT), 0, 1))
    (left, right), (top, bottom) = (_stretch(along / along.sum()) for along in (weights.sum(0), weights.sum(1)))
    return (left, top, right, bottom)


def _stretch(share: Floats) -> tuple[float, float]:
    """Where weights [14] along a side lie, as shares of it."""
    middle = (np.arange(CELLS) + 0.5) / CELLS
    centre = float(share @ middle)
    radius = 2.0 * float(np.sqrt(share @ (middle - centre) ** 2)) + 0.5 / CELLS
    return centre - radius, centre + radius


def _oval(box: Place, size: tuple[int, int]) -> Floats:
    """1 within the oval that fills a box, [h, w] of a size, with a soft edge."""
    across, down = (
        (2 * (np.arange(side, dtype=np.float32) + 0.5) / side - low - high) / (high - low)
        for side, low, high in zip(size, box[:2], box[2:], strict=True)
    )
    oval: Floats = np.clip((1.08 - np.sqrt(np.square(down)[:, None] + np.square(across))) / 0.08, 0, 1)
    return oval


@cache
def _cascade() -> Any:
    data, feature = import_module("skimage.data"), import_module("skimage.feature")
    return feature.Cascade(data.lbp_frontal_face_cascade_filename())
