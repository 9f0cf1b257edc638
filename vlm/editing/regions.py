"""Where in a picture a thing named in words is, to the pixel: a map of what speaks for it, refined to edges.

Windows of the picture are looked at as for `vlm.relevance`; `vlm.editing.cutting` makes a mask of the map.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from vlm.editing.cutting import cut_out
from vlm.editing.faces import face_mask, why_guessed
from vlm.editing.layers import shrunk
from vlm.editing.naming import PERSON, Place, Sought, sought
from vlm.protocols import Encoder, Floats
from vlm.relevance import CELLS, NEUTRAL, look_around, spread, stretched

_SEEN = 800  # the shorter side in pixels that suits windows to be cut from
_OWNER = 0.45  # of the map of a person: where a face is sought


@dataclass(frozen=True)
class Region:
    """Where a thing is.

    `heat` [14, 14], how much each part of the picture speaks for it, and `mask` [h, w] of the picture's size are in
    0..1; the mask is 0 wherever nothing may change. `confidence` is the probability that the thing is there at all,
    None for a place or a subject, which always are; `note` what people should know.
    """

    words: str
    heat: Floats
    mask: Floats
    confidence: float | None = None
    note: str = ""


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
    small = shrunk(image, _SEEN / min(image.size))
    heat, confidence = _heat(encoder, small, wanted)
    heat = heat * (0.3 + 0.7 * _box_map(wanted.place, CELLS, CELLS))
    heat /= max(float(heat.max()), 1e-6)
    if wanted.owner:
        mask, detected = face_mask(small, image.size, heat, all_of_them=wanted.owner == PERSON)
        return Region(words, heat, mask, confidence, "" if detected else why_guessed())
    mask = cut_out(image, heat)
    return Region(words, 1 - heat, 1 - mask) if wanted.around else Region(words, heat, mask, confidence)


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
