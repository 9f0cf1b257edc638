"""From a rough map of where something is to a mask of its pixels.

GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004) finds, in a small copy, the cut between colours that fits the map
best, and a guided filter (He, Sun and Tang, ECCV 2010) carries that cut to the edges of the whole picture.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm.editing.layers import larger, shrunk, smaller, widened
from vlm.protocols import Floats

_SIDE = 288  # the longer side of the copy that is cut
_ITERATIONS = 4
_SURELY_NOT, _LIKELY = 0.1, 0.45  # of the map: below the first is surely not the thing, above the second probably is
_FEWEST = 10  # pixels of either that tell colours apart
_PEAK = 0.6  # of the map: a part of the cut that nowhere reaches it is left out
_LEAST = 0.001  # of the picture: a cut smaller than that is none
_EDGE = np.float32(1e-3)  # the contrast, squared, that counts as an edge
_REACH = 0.012  # of the longer side: how far the cut may be moved to an edge


def cut_out(image: Image.Image, heat: Floats) -> Floats:
    """The mask [h, w] in 0..1 of what a map [14, 14] in 0..1 is warm at, in an RGB picture."""
    return _to_edges(image, _cut(image, heat))


def _cut(image: Image.Image, heat: Floats) -> Floats:
    """The thing cut out of a small copy: [h, w] of 0 and 1."""
    import cv2

    small = shrunk(image, _SIDE / max(image.size))
    pixels = np.ascontiguousarray(np.asarray(small)[:, :, ::-1])
    warm = np.clip(np.asarray(cv2.resize(heat, small.size, interpolation=cv2.INTER_CUBIC), np.float32), 0, 1)
    likely = (warm >= _LIKELY).astype(np.float32)
    labels = np.select([warm < _SURELY_NOT, warm < _LIKELY], [cv2.GC_BGD, cv2.GC_PR_BGD], cv2.GC_PR_FGD).astype(
        np.uint8
    )
    labels[warm <= warm.min() + 0.02] = cv2.GC_BGD
    if min((labels == cv2.GC_BGD).sum(), (labels == cv2.GC_PR_FGD).sum()) < _FEWEST:
        return likely
    cv2.setRNGSeed(0)  # the same picture is always cut alike
    model = np.zeros((2, 1, 65))
    cv2.grabCut(pixels, labels, (0, 0, 0, 0), model[0], model[1], _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    cut = _warm_parts(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8), warm)
    return cut if cut.mean() >= _LEAST else likely


def _warm_parts(cut: NDArray[np.uint8], warm: Floats) -> Floats:
    """The parts of a cut that hang together and are somewhere warm enough."""
    import cv2

    count, numbered = cv2.connectedComponents(cut)
    parts = np.asarray(numbered, np.intp)
    peaks = np.zeros(count, np.float32)
    np.maximum.at(peaks, parts.ravel(), warm.ravel())
    kept = (peaks >= _PEAK).astype(np.float32)
    kept[0] = 0  # what was not cut out
    found: Floats = kept[parts]
    return found


def _to_edges(image: Image.Image, cut: Floats) -> Floats:
    """A small cut carried to the edges of the whole picture: soft there, and 0 away from it."""
    import cv2

    size = cut.shape[1], cut.shape[0]
    radius = max(2, round(_REACH * max(size)))
    tones = np.asarray(image.convert("L"))
    guide = smaller(tones, size).astype(np.float32) / np.float32(255)

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1)), np.float32)

    slope = (mean(guide * cut) - mean(guide) * mean(cut)) / (mean(guide * guide) - np.square(mean(guide)) + _EDGE)
    offset = mean(cut) - slope * mean(guide)
    slopes, offsets, near = (larger(one, image.size) for one in (mean(slope), mean(offset), widened(cut, radius)))
    mask = slopes * (tones / np.float32(255)) + offsets
    # Stretched, so that what is inside is wholly so; what is beyond reach is left alone.
    return np.where(near > 0.5, np.clip((mask - np.float32(0.15)) / np.float32(0.7), 0, 1), np.float32(0))
