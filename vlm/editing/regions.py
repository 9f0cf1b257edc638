"""Where in a picture a thing named in words is, to the pixel: a map of what speaks for it, refined to edges.

Windows of the picture are looked at as for `vlm.relevance`. GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004)
then finds, in a small copy, the cut between colours that fits the map best, and a guided filter (He, Sun and Tang,
ECCV 2010) carries that cut to the edges of the whole picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm.editing.layers import larger, smaller, widened
from vlm.editing.naming import Place, Sought, sought
from vlm.protocols import Encoder, Floats
from vlm.relevance import CELLS, NEUTRAL, look_around, spread, stretched

_SEEN = 800  # the shorter side in pixels that suits windows to be cut from
_CUT = 288  # the longer side of the copy that is cut
_ITERATIONS = 4
_SURELY_NOT, _LIKELY = 0.1, 0.45  # of the map: below the first is surely not the thing, above the second probably is
_PEAK = 0.6  # of the map: a part of the cut that nowhere reaches it is left out
_OWNER = 0.45  # of the map of a person: where a face is sought
_LEAST = 0.001  # of the picture: a cut smaller than that is none
_EDGE = np.float32(1e-3)  # the contrast, squared, that counts as an edge
_REACH = 0.012  # of the longer side: how far the cut may be moved to an edge


@dataclass(frozen=True)
class Region:
    """Where a thing is.

    `heat` [14, 14], how much each part of the picture speaks for it, and `mask` [h, w] of the picture's size are in
    0..1; the mask is 0 wherever nothing may change. `confidence` is the probability that the thing is there at all, None for a place or a subject, which always are.
    """

    words: str
    heat: Floats
    mask: Floats
    confidence: float | None = None


def find(encoder: Encoder, image: Image.Image, words: str) -> Floats:
    """The mask [h, w] of what `words` name in an RGB picture; see `locate`."""
    return locate(encoder, image, words).mask


def locate(encoder: Encoder, image: Image.Image, words: str) -> Region:
    """Find what `words` name in an RGB picture: "background", "main subject", "left half", "face of the man" and
    their like are understood (`vlm.editing.naming`), everything else is found as a text is.
    """
    wanted = sought(words)
    if not wanted.thing:
        return Region(words, _box_map(wanted.place, CELLS, CELLS), _box_map(wanted.place, image.height, image.width))
    small = _shrunk(image, _SEEN / min(image.size))
    heat, confidence = _heat(encoder, small, wanted)
    heat = heat * (0.3 + 0.7 * _box_map(wanted.place, CELLS, CELLS))
    heat /= max(float(heat.max()), 1e-6)
    mask = _to_edges(image, _cut(small, heat))
    return Region(words, 1 - heat, 1 - mask) if wanted.around else Region(words, heat, mask, confidence)


def _shrunk(image: Image.Image, scale: float) -> Image.Image:
    """A copy made smaller by `scale`; the picture itself if that would enlarge it."""
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BOX) if scale < 1 else image


def _heat(encoder: Encoder, image: Image.Image, wanted: Sought) -> tuple[Floats, float | None]:
    """How much each part speaks for the thing, [14, 14] in 0..1, and how likely it is there."""
    if wanted.subject:
        return _salience(encoder, image), None
    if not wanted.owner:
        return _map(encoder, image, wanted.thing)
    # A face is small in most pictures, and larger within the person that it belongs to.
    box = _box(_map(encoder, image, wanted.owner)[0], _OWNER)
    sides = image.width, image.height, image.width, image.height
    left, top, right, bottom = (round(edge * side) for edge, side in zip(box, sides, strict=True))
    near, confidence = _map(encoder, image.crop((left, top, right, bottom)), wanted.thing)
    return _placed(near, box), confidence


def _map(encoder: Encoder, image: Image.Image, text: str) -> tuple[Floats, float]:
    """How much each part speaks for a text, [14, 14] in 0..1, and the confidence of the part that does most.

    Half of it compares the parts with each other, half is how sure the model is of each: a cat that fills the
    picture is everywhere, though one part shows more of it than another.
    """
    wanted, neutral = encoder.encode_texts([text, NEUTRAL])
    seen = look_around(encoder, image)
    sure = encoder.confidence(wanted, seen, 1)
    heat = (stretched(spread(seen @ (wanted - 0.5 * neutral)), 0.1) + spread(sure)) / np.float32(2)
    return heat, float(sure.max())


def _salience(encoder: Encoder, image: Image.Image) -> Floats:
    """How much each part is what the whole picture is of, and in its middle."""
    heat = stretched(spread(look_around(encoder, image) @ encoder.look([image]).embeddings[0]), 0.1)
    off = (np.arange(CELLS, dtype=np.float32) + 0.5) / (CELLS / 2) - 1
    central = 1 - 0.6 * off**2
    return heat * np.sqrt(np.outer(central, central))


def _placed(heat: Floats, box: Place) -> Floats:
    """A map of a part of the picture as one of the whole picture."""
    import cv2

    fine = 8 * CELLS
    left, top, right, bottom = (round(edge * fine) for edge in box)
    whole = np.zeros((fine, fine), np.float32)
    whole[top:bottom, left:right] = cv2.resize(heat, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    placed: Floats = whole.reshape(CELLS, 8, CELLS, 8).mean((1, 3))
    return placed


def _box(heat: Floats, above: float) -> Place:
    """Around where a map is above a share of its peak, with a cell more on every side."""
    held = heat >= above * float(heat.max())
    rows, columns = np.flatnonzero(held.any(1)), np.flatnonzero(held.any(0))
    edges = columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2
    left, top, right, bottom = (float(np.clip(edge / CELLS, 0, 1)) for edge in edges)
    return (left, top, right, bottom)


def _box_map(box: Place, height: int, width: int) -> Floats:
    """1 within a box, 0 outside: [height, width]."""
    whole = np.zeros((height, width), np.float32)
    whole[round(box[1] * height) : round(box[3] * height), round(box[0] * width) : round(box[2] * width)] = 1
    return whole


def _cut(image: Image.Image, heat: Floats) -> Floats:
    """The thing cut out of a small copy: [h, w] of 0 and 1."""
    import cv2

    small = _shrunk(image, _CUT / max(image.size))
    pixels = np.ascontiguousarray(np.asarray(small)[:, :, ::-1])
    warm = np.clip(np.asarray(cv2.resize(heat, small.size, interpolation=cv2.INTER_CUBIC), np.float32), 0, 1)
    labels = np.select([warm < _SURELY_NOT, warm < _LIKELY], [cv2.GC_BGD, cv2.GC_PR_BGD], cv2.GC_PR_FGD).astype(
        np.uint8
    )
    labels[warm <= warm.min() + 0.02] = cv2.GC_BGD  # GrabCut needs some of either
    cv2.setRNGSeed(0)  # the same picture is always cut alike
    model = np.zeros((2, 1, 65))
    cv2.grabCut(pixels, labels, (0, 0, 0, 0), model[0], model[1], _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    cut = _warm_parts(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8), warm)
    return cut if cut.mean() >= _LEAST else (warm >= _LIKELY).astype(np.float32)


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

    slope: Floats = (mean(guide * cut) - mean(guide) * mean(cut)) / (
        mean(guide * guide) - np.square(mean(guide)) + _EDGE
    )
    offset = mean(cut) - slope * mean(guide)
    slopes, offsets, near = (larger(one, image.size) for one in (mean(slope), mean(offset), widened(cut, radius)))
    mask = slopes * (tones / np.float32(255)) + offsets
    # Stretched, so that what is inside is wholly so; what is beyond reach is left alone.
    found: Floats = np.clip((mask - np.float32(0.15)) / np.float32(0.7), 0, 1) * (near > 0.5)
    return found
