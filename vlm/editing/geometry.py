"""Where pixels go: crop, turn, mirror, resize. A move does to the picture what it does to every mask over it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vlm.editing.layers import Layer, Pixels, box_of, grey, larger, size_at, smaller
from vlm.editing.plan import Operation, amount, aspect, size
from vlm.errors import AskpixError
from vlm.limits import MAX_PIXELS
from vlm.protocols import Find, Floats

MAIN_SUBJECT = "main subject"
_MARGIN = 0.08  # of a thing's sides, left around it when it is cropped to
_MOST_TILT = 10.0  # degrees that a picture may be out of level by for it to be a mistake
_USUAL_TILT = 5.0
# Of the lines that are nearly level or upright, those that agree; and their length by the picture's width.
_FEWEST_VOTES, _LEAST_LENGTH = 0.25, 0.7
_LONGEST_TURNED = 32_000  # pixels a side, which OpenCV counts in 16 bits


@dataclass(frozen=True)
class Move:
    """What is done to every layer alike, and what to say of it."""

    do: Callable[[Layer], Layer]
    note: str = ""


def move(operation: Operation, pixels: Pixels, find: Find) -> Move:
    """The move that a geometric operation makes of a picture; regions are found by `find`.

    Raises AskpixError for what cannot be done with this picture.
    """
    match operation.name:
        case "crop":
            return _crop(operation, pixels, find)
        case "straighten":
            return _straighten(operation.amount, pixels)
        case "rotate":
            return _turn(amount(operation), pixels)
        case "mirror":
            axis = 0 if operation.text == "vertical" else 1
            return Move(lambda layer: np.ascontiguousarray(np.flip(layer, axis)))
        case _:
            return _resize(operation, pixels)


def tilt(pixels: Pixels) -> float | None:
    """The degrees clockwise, within ±10, that would set a picture level; None when no lines tell.

    Long straight edges, found by the probabilistic Hough transform (Matas, Galambos and Kittler, CVIU 2000), vote
    for the angle from the horizontal or the vertical that they share.
    """
    import cv2

    scale = min(1.0, 800 / max(pixels.shape[:2]))
    small = smaller(pixels, size_at(pixels, scale))
    smooth = cv2.GaussianBlur(grey(small), (0, 0), 1.2)
    middle = float(np.median(np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 1)))) + 12
    edges = cv2.Canny(smooth, 2 * middle, 5 * middle)
    shortest = 0.15 * max(small.shape[:2])
    found = cv2.HoughLinesP(edges, 1, math.pi / 1440, 60, minLineLength=shortest, maxLineGap=6)
    if found is None:
        return None
    x0, y0, x1, y1 = np.asarray(found, np.float64).reshape(-1, 4).T
    lengths = np.hypot(x1 - x0, y1 - y0)
    angles = (np.degrees(np.arctan2(y1 - y0, x1 - x0)) + 45) % 90 - 45
    weights = lengths**2
    tried = np.linspace(-_MOST_TILT, _MOST_TILT, 401)
    agreeing = weights * np.exp(-(((tried[:, None] - angles) / 0.35) ** 2) / 2)
    best = int((agreeing.sum(1) * np.exp(-((tried / _USUAL_TILT) ** 2) / 2)).argmax())
    # Lines that go every way, as in grass or fur, tell nothing, nor do a few short ones.
    votes = agreeing[best].sum() / max(float(weights[np.abs(angles) <= 2 * _MOST_TILT].sum()), 1.0)
    long = float(lengths[np.abs(angles - tried[best]) < 1].sum()) / small.shape[1]
    return -float(tried[best]) if votes >= _FEWEST_VOTES and long >= _LEAST_LENGTH else None


def _crop(operation: Operation, pixels: Pixels, find: Find) -> Move:
    if operation.region is not None:
        left, top, right, bottom = box_of(find(Image.fromarray(pixels), operation.region), _MARGIN)
    else:
        left, top, right, bottom = _around_subject(aspect(operation.text or ""), pixels, find)
    return Move(lambda layer: np.ascontiguousarray(layer[top:bottom, left:right]))


def _around_subject(ratio: float, pixels: Pixels, find: Find) -> tuple[int, int, int, int]:
    """The largest box of an aspect, placed where it holds most of the main subject."""
    height, width, _ = pixels.shape
    across, down = min(width, round(height * ratio)), min(height, round(width / ratio))
    if (across, down) == (width, height):
        return (0, 0, width, height)
    mask = find(Image.fromarray(pixels), MAIN_SUBJECT)
    left = _best_start(mask.sum(0), max(1, across))
    top = _best_start(mask.sum(1), max(1, down))
    return left, top, left + max(1, across), top + max(1, down)


def _best_start(weights: Floats, length: int) -> int:
    """Where a stretch of that length holds most weight; of equals the one nearest the middle."""
    sums = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    held = sums[length:] - sums[: len(sums) - length]
    from_middle = np.abs(np.arange(len(held)) - (len(held) - 1) / 2)
    return int(np.argmax(held - 1e-6 * max(held.max(), 1e-9) * from_middle))


def _straighten(degrees: float | None, pixels: Pixels) -> Move:
    if degrees is not None:
        return _turn(degrees, pixels)
    found = tilt(pixels)
    if found is None:
        raise AskpixError('no straight lines tell how the picture is tilted: say by how many degrees, as in "rotate 2"')
    if abs(found) < 0.1:
        return Move(lambda layer: layer, "the picture is level already; it was not turned")
    way = "clockwise" if found > 0 else "counter-clockwise"
    return Move(_turn(found, pixels).do, f"found a tilt and turned the picture {abs(found):.1f} degrees {way}")


def _turn(degrees: float, pixels: Pixels) -> Move:
    """Clockwise; by quarters all pixels are kept, else the largest rectangle without empty corners."""
    quarters, rest = divmod(degrees, 90)
    if rest == 0:
        return Move(lambda layer: np.ascontiguousarray(np.rot90(layer, -int(quarters))))
    if max(pixels.shape) > _LONGEST_TURNED:
        raise AskpixError(f"a picture of more than {_LONGEST_TURNED} pixels a side is turned by quarters alone")
    height, width, _ = pixels.shape
    kept = _largest_rectangle(width, height, math.radians(degrees))
    return Move(lambda layer: _turned(layer, degrees, kept))


def _turned(layer: Layer, degrees: float, kept: tuple[int, int]) -> Layer:
    import cv2

    height, width = layer.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1)
    matrix[:, 2] += (kept[0] - width) / 2, (kept[1] - height) / 2
    how = cv2.INTER_CUBIC if layer.ndim == 3 else cv2.INTER_LINEAR
    return cv2.warpAffine(layer, matrix, kept, flags=how, borderMode=cv2.BORDER_REPLICATE)


def _largest_rectangle(width: int, height: int, angle: float) -> tuple[int, int]:
    """Width and height of the largest upright rectangle within one that is turned by an angle in radians."""
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    long, short = max(width, height), min(width, height)
    if short <= 2 * sine * cosine * long or abs(sine - cosine) < 1e-10:
        half = short / 2
        inner = (half / sine, half / cosine) if width >= height else (half / cosine, half / sine)
    else:
        double = cosine * cosine - sine * sine
        inner = (width * cosine - height * sine) / double, (height * cosine - width * sine) / double
    return max(1, math.floor(inner[0])), max(1, math.floor(inner[1]))


def _resize(operation: Operation, pixels: Pixels) -> Move:
    """To a percentage, a longer side, or to a size exactly: what does not fit its shape is cut off evenly."""
    height, width, _ = pixels.shape
    wanted = resized(operation, width, height)
    if wanted[0] * wanted[1] > MAX_PIXELS:
        raise AskpixError(
            f"{wanted[0]} x {wanted[1]} is more than {MAX_PIXELS / 1e6:.0f} megapixels: ask for a smaller size"
        )
    fit = max(wanted[0] / width, wanted[1] / height)
    across, down = min(width, round(wanted[0] / fit)), min(height, round(wanted[1] / fit))
    left, top = (width - across) // 2, (height - down) // 2
    cut = abs(across / width - down / height) > 0.01
    note = "what does not fit the shape of the new size was cut off evenly" if cut else ""
    return Move(lambda layer: _scaled(layer[top : top + down, left : left + across], wanted), note)


def resized(operation: Operation, width: int, height: int) -> tuple[int, int]:
    """The width and height that a picture of this width and height gets."""
    if operation.text is not None:
        return size(operation.text, width, height)
    scale = amount(operation) / 100
    return max(1, round(width * scale)), max(1, round(height * scale))


def _scaled(layer: Layer, wanted: tuple[int, int]) -> Layer:
    if layer.ndim == 3:
        image = Image.fromarray(np.ascontiguousarray(layer))
        return np.asarray(image.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=3.0))
    return smaller(layer, wanted) if wanted[0] < layer.shape[1] else larger(layer, wanted)
