"""What can be measured of a picture: each gives one number for pixels [h, w, 3], weighted by a mask [h, w] if any."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm.editing.layers import Pixels, grey, size_at, smaller
from vlm.editing.tones import LUMINANCE, to_light, to_oklab
from vlm.protocols import Floats

_SMALL = 512  # the longer side in pixels at which light and colour are measured


def light(pixels: Pixels, mask: Floats | None = None) -> float:
    """Mean relative luminance, 0..1."""
    small, weight = _small(pixels, mask)
    return float(np.average(to_light(small) @ LUMINANCE, weights=weight))


def contrast(pixels: Pixels, mask: Floats | None = None) -> float:
    """Standard deviation of the grey values, 0..127."""
    small, weight = _small(pixels, mask)
    values = grey(small)
    mean = np.average(values, weights=weight)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=weight)))


def chroma(pixels: Pixels, mask: Floats | None = None) -> float:
    """Mean distance from grey in Oklab: 0.04 is pale, 0.3 is the purest there is."""
    small, weight = _small(pixels, mask)
    return float(np.average(np.linalg.norm(to_oklab(small)[:, :, 1:], axis=2), weights=weight))


def warmth(pixels: Pixels, mask: Floats | None = None) -> float:
    """Mean of red less blue in linear light, as a share of the luminance."""
    small, weight = _small(pixels, mask)
    lit = to_light(small)
    redder = np.average(lit[:, :, 0] - lit[:, :, 2], weights=weight)
    return float(redder / max(np.average(lit @ LUMINANCE, weights=weight), 1e-6))


def hue(pixels: Pixels, mask: Floats | None = None) -> float:
    """The hue in degrees of the mean colour in Oklab: 30 red, 75 brown, 110 yellow, 140 green, 265 blue."""
    _, red, yellow = mean_oklab(pixels, mask)
    return math.degrees(math.atan2(yellow, red)) % 360


def mean_oklab(pixels: Pixels, mask: Floats | None = None) -> tuple[float, float, float]:
    """The mean colour in Oklab."""
    small, weight = _small(pixels, mask)
    lab = to_oklab(small)
    lightness, red, yellow = (float(np.average(lab[:, :, band], weights=weight)) for band in range(3))
    return lightness, red, yellow


def detail(pixels: Pixels, mask: Floats | None = None) -> float:
    """Variance of the Laplacian of the grey values: how sharp it is."""
    import cv2

    values = np.asarray(cv2.Laplacian(grey(pixels), cv2.CV_32F))
    return float(values.var() if mask is None else values[_inside(mask)].var())


def evenness(pixels: Pixels, mask: Floats | None = None) -> float:
    """The share of pixels that equal both their right and their lower neighbour."""
    core = pixels[:-1, :-1]
    same = ((core == pixels[:-1, 1:]) & (core == pixels[1:, :-1])).all(2)
    return float(same.mean() if mask is None else same[_inside(mask)[:-1, :-1]].mean())


def falloff(pixels: Pixels) -> float:
    """The luminance of the corners as a share of that of the middle."""
    small, _ = _small(pixels, None)
    lit = to_light(small) @ LUMINANCE
    height, width = lit.shape
    y, x = max(1, height // 8), max(1, width // 8)
    corners = np.mean([lit[:y, :x].mean(), lit[:y, -x:].mean(), lit[-y:, :x].mean(), lit[-y:, -x:].mean()])
    middle = lit[3 * height // 8 : 5 * height // 8 + 1, 3 * width // 8 : 5 * width // 8 + 1].mean()
    return float(corners / max(middle, 1e-6))


def turned(before: Pixels, after: Pixels) -> float | None:
    """The degrees clockwise that one picture is turned against another; None when too little in them matches.

    Corners that look alike (ORB: Rublee et al., ICCV 2011) must agree on one turn, by RANSAC.
    """
    import cv2

    finder: Any = cv2.ORB.create(1500)
    scale = min(1.0, 900 / max(before.shape[:2]))
    found = [finder.detectAndCompute(grey(smaller(one, size_at(one, scale))), None) for one in (before, after)]
    if any(marks is None or len(marks) < 8 for _, marks in found):
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(found[0][1], found[1][1])
    if len(matches) < 8:
        return None
    start = np.array([found[0][0][match.queryIdx].pt for match in matches], np.float32)
    end = np.array([found[1][0][match.trainIdx].pt for match in matches], np.float32)
    cv2.setRNGSeed(0)
    matrix, agree = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=2)
    if matrix is None or int(agree.sum()) < 8:
        return None
    return math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))


def _small(pixels: Pixels, mask: Floats | None) -> tuple[Pixels, Floats | None]:
    """A copy that is quick to measure, and the mask to it; no mask where it would weigh nothing."""
    size = size_at(pixels, min(1.0, _SMALL / max(pixels.shape[:2])))
    weight = None if mask is None else smaller(mask, size)
    return smaller(pixels, size), weight if weight is not None and weight.sum() > 0 else None


def _inside(mask: Floats) -> NDArray[np.bool_]:
    """Where a mask is whole, or as whole as it gets."""
    inside: NDArray[np.bool_] = mask >= min(0.9, float(mask.max()))
    return inside
