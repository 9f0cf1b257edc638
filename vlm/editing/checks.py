"""What each operation must have done to a picture, as checks of what can be measured or seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vlm.editing import measures
from vlm.editing.geometry import resized, tilt
from vlm.editing.layers import Pixels, box_of
from vlm.editing.plan import Operation, amount, aspect
from vlm.editing.tones import rgb_of, to_oklab
from vlm.protocols import Edited, Encoder, Floats
from vlm.relevance import NEUTRAL

_BROWN = 75.0  # the hue of sepia
_FLAT = 0.005  # the chroma in Oklab below which there is no colour to be seen
_TURN = 0.5  # degrees that a turn may miss
_MORE_ALIKE = 0.03  # likeness to a text that a picture gains or loses by noise in 3 of 100 cases
_LESS_ALIKE = 0.05  # what a picture may lose of its likeness to a thing that it is cropped to, and filled before
_AROUND = 0.1  # of a thing's sides, shown to the encoder around it


@dataclass(frozen=True)
class Check:
    """One effect of an operation: what was measured, before and after, and whether it is what was asked for."""

    operation: str
    measured: str
    before: float
    after: float
    done: bool


def checks(operation: Operation, before: Image.Image, edited: Edited, encoder: Encoder) -> list[Check]:
    """What one operation did to a picture, measured."""
    one, other = np.asarray(before), np.asarray(edited.image)
    if operation.name in _MOVES:
        return _MOVES[operation.name](operation, one, other, encoder)
    if one.shape != other.shape:
        return [_check(operation, "width in pixels", one.shape[1], other.shape[1], done=False)]
    if operation.name in _UP:
        measured, measure, way = _UP[operation.name]
        was, now = measure(one, edited.mask), measure(other, edited.mask)
        sign = way * (1 if amount(operation) >= 0 else -1)
        return [_check(operation, measured, was, now, (now - was) * sign > 0 or amount(operation) == 0)]
    return _OTHERS[operation.name](operation, one, other, edited.mask, encoder)


def _check(operation: Operation, measured: str, before: float, after: float, done: bool) -> Check:
    return Check(str(operation), measured, round(float(before), 4), round(float(after), 4), bool(done))


def _grayscale(
    operation: Operation, before: Pixels, after: Pixels, mask: Floats | None, _encoder: Encoder
) -> list[Check]:
    was, now = measures.chroma(before, mask), measures.chroma(after, mask)
    return [_check(operation, "mean chroma", was, now, now <= max(_FLAT, was / 10))]  # a soft edge keeps some


def _sepia(operation: Operation, before: Pixels, after: Pixels, mask: Floats | None, _encoder: Encoder) -> list[Check]:
    was, now = (abs(measures.hue(one, mask) - _BROWN) for one in (before, after))
    return [_check(operation, "degrees of hue from brown", was, now, now < was or now < 15)]


def _vignette(
    operation: Operation, before: Pixels, after: Pixels, _mask: Floats | None, _encoder: Encoder
) -> list[Check]:
    was, now = measures.falloff(before), measures.falloff(after)
    return [_check(operation, "light of the corners by that of the middle", was, now, now < was)]


def _colour(operation: Operation, before: Pixels, after: Pixels, mask: Floats | None, encoder: Encoder) -> list[Check]:
    wanted = to_oklab(np.array([[rgb_of(operation.text or "")]], np.uint8))[0, 0]
    was, now = (float(np.linalg.norm(measures.mean_oklab(one, mask) - wanted)) for one in (before, after))
    nearer = _check(operation, f"distance in Oklab from {operation.text}", was, now, now < was)
    thing = "thing" if operation.outside else _bare(operation.region or "")
    text = f"{operation.text} {thing}"
    was, now = _likeness(encoder, [_place(one, mask) for one in (before, after)], text, than=thing)
    return [nearer, _check(operation, f'likeness to "{text}" more than to any', was, now, now > was)]


def _remove(operation: Operation, before: Pixels, after: Pixels, mask: Floats | None, encoder: Encoder) -> list[Check]:
    was, now = _likeness(encoder, [_place(one, mask) for one in (before, after)], operation.region or "")
    return [_check(operation, f'likeness to "{operation.region}"', was, now, now < was)]


def _generate(
    operation: Operation, before: Pixels, after: Pixels, mask: Floats | None, encoder: Encoder
) -> list[Check]:
    was, now = _likeness(encoder, [_place(one, mask) for one in (before, after)], operation.text or "")
    return [_check(operation, f'likeness to "{operation.text}"', was, now, now > was + _MORE_ALIKE)]


def _caption(
    operation: Operation, before: Pixels, after: Pixels, mask: Floats | None, _encoder: Encoder
) -> list[Check]:
    written = np.ones(before.shape[:2], bool) if mask is None else mask > 0
    changed = float((before != after).any(2)[written].mean()) if written.any() else 0.0
    return [_check(operation, "share of the letters' pixels that changed", 0, changed, changed > 0.2)]


def _place(pixels: Pixels, mask: Floats | None) -> Pixels:
    """The part of a picture around what a mask covers."""
    if mask is None:
        return pixels
    left, top, right, bottom = box_of(mask, _AROUND)
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def _likeness(encoder: Encoder, pictures: Sequence[Pixels], text: str, than: str = "") -> list[float]:
    """How much pictures look like a text to the encoder, more than like another text, or than anything does."""
    wanted, other = encoder.encode_texts([text, than or NEUTRAL])
    direction = wanted - other if than else wanted - 0.5 * other
    alike: list[float] = (encoder.look([Image.fromarray(one) for one in pictures]).embeddings @ direction).tolist()
    return alike


def _crop(operation: Operation, before: Pixels, after: Pixels, encoder: Encoder) -> list[Check]:
    if operation.text is not None:
        wanted, now = aspect(operation.text), after.shape[1] / after.shape[0]
        near = abs(now / wanted - 1) <= 1.5 / min(after.shape[:2])
        return [_check(operation, "width by height", before.shape[1] / before.shape[0], now, near)]
    was, now = (float(one.shape[0] * one.shape[1]) for one in (before, after))
    smaller = _check(operation, "pixels", was, now, now <= was)
    was, now = _likeness(encoder, [before, after], operation.region or "")
    return [smaller, _check(operation, f'likeness to "{operation.region}"', was, now, now > was - _LESS_ALIKE)]


def _straighten(operation: Operation, before: Pixels, after: Pixels, encoder: Encoder) -> list[Check]:
    if operation.amount is not None:
        return _rotate(operation, before, after, encoder)
    was, now = tilt(before), tilt(after)
    level = now is None or was is None or abs(now) <= max(0.3, abs(was) / 3)
    return [_check(operation, "degrees out of level", was or 0, now or 0, level)]


def _rotate(operation: Operation, before: Pixels, after: Pixels, _encoder: Encoder) -> list[Check]:
    wanted = amount(operation)
    quarters, rest = divmod(wanted, 90)
    if rest == 0:
        expected = np.rot90(before, -int(quarters))
        return [_equal(operation, expected, after)]
    found = measures.turned(before, after)
    if found is None:
        return [_check(operation, "degrees turned, which too little in the picture tells", 0, 0, done=False)]
    missed = (found - wanted + 180) % 360 - 180
    return [_check(operation, "degrees turned", 0, found, abs(missed) <= _TURN)]


def _mirror(operation: Operation, before: Pixels, after: Pixels, _encoder: Encoder) -> list[Check]:
    return [_equal(operation, np.flip(before, 0 if operation.text == "vertical" else 1), after)]


def _equal(operation: Operation, expected: Pixels, after: Pixels) -> Check:
    share = float((expected == after).all(2).mean()) if expected.shape == after.shape else 0.0
    return _check(operation, "share of pixels where they must be", 0, share, share == 1)


def _resize(operation: Operation, before: Pixels, after: Pixels, _encoder: Encoder) -> list[Check]:
    wanted = resized(operation, before.shape[1], before.shape[0])
    right = (after.shape[1], after.shape[0]) == wanted
    return [_check(operation, "width in pixels", before.shape[1], after.shape[1], right)]


def _bare(thing: str) -> str:
    """A thing without its article, to put a colour before it."""
    return thing.removeprefix("the ").removeprefix("a ").removeprefix("an ")


# What must grow (1) or shrink (-1) with an amount above zero.
_UP: dict[str, tuple[str, Callable[[Pixels, Floats | None], float], int]] = {
    "brightness": ("mean luminance", measures.light, 1),
    "contrast": ("deviation of the grey values", measures.contrast, 1),
    "saturation": ("mean chroma", measures.chroma, 1),
    "warmth": ("red less blue", measures.warmth, 1),
    "blur": ("variance of the Laplacian", measures.detail, -1),
    "sharpen": ("variance of the Laplacian", measures.detail, 1),
    "pixelate": ("share of pixels that equal their neighbours", measures.evenness, 1),
}
_OTHERS: dict[str, Callable[[Operation, Pixels, Pixels, Floats | None, Encoder], list[Check]]] = {
    "grayscale": _grayscale,
    "sepia": _sepia,
    "vignette": _vignette,
    "colour": _colour,
    "remove": _remove,
    "generate": _generate,
    "caption": _caption,
}
_MOVES: dict[str, Callable[[Operation, Pixels, Pixels, Encoder], list[Check]]] = {
    "crop": _crop,
    "straighten": _straighten,
    "rotate": _rotate,
    "mirror": _mirror,
    "resize": _resize,
}
