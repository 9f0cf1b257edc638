"""Sixty instructions in English and Chinese, and what each must do to the pixels of a real photograph.

The named region is the right half, or a small ball that is put there to be removed, so that what is measured is the
edit and not the finding. Outside of the region no value may change at all.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vlm.editing.builtin import BuiltinEditor
from vlm.protocols import Floats

Pixels = NDArray[np.uint8]
Effect = Callable[[Pixels, Pixels], bool]

SIZE = 400, 300
BALL = 330, 130, 370, 170
MAGENTA = (255, 0, 255)


@pytest.fixture(scope="module")
def photo(photos: Path) -> Image.Image:
    with Image.open(photos / "animals" / "macaw.jpg") as image:
        small = image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
    ImageDraw.Draw(small).ellipse(BALL, MAGENTA)
    return small


def find(image: Image.Image, words: str) -> Floats:
    """The ball where it is, the left of what is said to be left, and the right half for everything else."""
    mask = np.zeros((image.height, image.width), np.float32)
    half = image.width // 2
    if words in ("ball", "球"):
        left, top, right, bottom = BALL
        mask[top - 2 : bottom + 3, left - 2 : right + 3] = 1
    elif "left" in words:
        mask[:, :half] = 1
    else:
        mask[:, half:] = 1
    return mask


def right(pixels: Pixels) -> Pixels:
    return pixels[:, pixels.shape[1] // 2 :]


def left(pixels: Pixels) -> Pixels:
    return pixels[:, : pixels.shape[1] // 2]


def light(pixels: Pixels) -> float:
    return float((pixels @ np.array([0.2126, 0.7152, 0.0722])).mean())


def spread(pixels: Pixels) -> float:
    return float((pixels @ np.array([0.2126, 0.7152, 0.0722])).std())


def redness(pixels: Pixels) -> float:
    """How much more red than blue there is."""
    return float(pixels[..., 0].mean() - pixels[..., 2].mean())


def colourfulness(pixels: Pixels) -> float:
    return float((pixels.max(2).astype(int) - pixels.min(2)).mean())


def detail(pixels: Pixels) -> float:
    """The variance of the Laplacian."""
    grey = pixels.mean(2)
    inner = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return float(inner.var())


def in_squares(pixels: Pixels) -> bool:
    """Whether most neighbours are the same."""
    return float((pixels[:, 1:] == pixels[:, :-1]).mean()) > 0.8


def grey(pixels: Pixels) -> bool:
    return bool((pixels.max(2) == pixels.min(2)).all())


def brown(pixels: Pixels) -> bool:
    """Nearly all over."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    return float(((red >= green) & (green >= blue)).mean()) > 0.95


def more(measure: Callable[[Pixels], float], by: float = 1.02) -> Effect:
    return lambda before, after: measure(after) > measure(before) * by


def less(measure: Callable[[Pixels], float], by: float = 0.98) -> Effect:
    return lambda before, after: measure(after) < measure(before) * by


def warmer(before: Pixels, after: Pixels) -> bool:
    return redness(after) > redness(before) + 3


def cooler(before: Pixels, after: Pixels) -> bool:
    return redness(after) < redness(before) - 3


def becomes(holds: Callable[[Pixels], bool]) -> Effect:
    return lambda before, after: holds(after) and not holds(before)


def coloured(channel: int) -> Effect:
    """That channel leads where it did not by as much."""

    def lead(pixels: Pixels) -> float:
        others = [pixels[..., other].mean() for other in range(3) if other != channel]
        return float(pixels[..., channel].mean() - max(others))

    return lambda before, after: lead(after) > max(lead(before), 0) + 20


def only_right(effect: Effect) -> Effect:
    """The effect in the right half, and no value changed in the left."""
    return lambda before, after: effect(right(before), right(after)) and bool((left(before) == left(after)).all())


def only_left(effect: Effect) -> Effect:
    return lambda before, after: effect(left(before), left(after)) and bool((right(before) == right(after)).all())


def both(*effects: Effect) -> Effect:
    return lambda before, after: all(effect(before, after) for effect in effects)


def halves(of_right: Effect, of_left: Effect) -> Effect:
    return lambda before, after: of_right(right(before), right(after)) and of_left(left(before), left(after))


def turned(quarters: int) -> Effect:
    """Anticlockwise, all pixels kept."""
    return lambda before, after: np.array_equal(np.rot90(before, quarters), after)


def mirrored(before: Pixels, after: Pixels) -> bool:
    return np.array_equal(before[:, ::-1], after)


def upended(before: Pixels, after: Pixels) -> bool:
    return np.array_equal(before[::-1], after)


def sized(width: int, height: int) -> Effect:
    return lambda before, after: after.shape == (height, width, 3)


def in_aspect(ratio: float) -> Effect:
    return lambda before, after: after.shape < before.shape and abs(after.shape[1] / after.shape[0] - ratio) < 0.02


def cut_to_the_right(before: Pixels, after: Pixels) -> bool:
    """Part of the picture, with all of the right half and little else."""
    height, width, _ = after.shape
    at = before.shape[1] - width
    return height == before.shape[0] and 200 <= width <= 260 and np.array_equal(before[:, at:], after)


def magenta_gone(before: Pixels, after: Pixels) -> bool:
    """No magenta is left, and nothing has changed but near the ball."""
    x0, y0, x1, y1 = BALL
    away = np.ones(before.shape[:2], bool)
    away[y0 - 20 : y1 + 20, x0 - 20 : x1 + 20] = False
    gone = not (np.abs(after.astype(int) - MAGENTA).max(2) < 60).any()
    return gone and np.array_equal(before[away], after[away])


def dark_in_the_corners(before: Pixels, after: Pixels) -> bool:
    corner, middle = np.s_[:30, :30], np.s_[130:170, 180:220]
    darker = light(after[corner]) < 0.95 * light(before[corner])
    return darker and abs(light(after[middle]) - light(before[middle])) < 0.03 * light(before[middle])


def written_below(before: Pixels, after: Pixels) -> bool:
    changed = (before != after).any(2)
    return bool(changed[200:].any()) and not changed[:200].any()


def level(before: Pixels, after: Pixels) -> bool:
    """Turned back by three degrees, and cut where nothing was."""
    height, width, _ = after.shape
    whole = Image.fromarray(before).rotate(-3, Image.Resampling.BICUBIC)
    x, y = (before.shape[1] - width) // 2, (before.shape[0] - height) // 2
    straight = np.asarray(whole)[y : y + height, x : x + width].astype(int)
    return width < before.shape[1] and float(np.abs(straight - after).mean()) < 6


ENGLISH = [
    ("make it brighter", more(light)),
    ("a bit darker", less(light)),
    ("much warmer, please", warmer),
    ("make the photo cooler", cooler),
    ("increase contrast by 40 %", more(spread)),
    ("less contrast", less(spread)),
    ("make the colours more vivid", more(colourfulness)),
    ("reduce the saturation a lot", less(colourfulness)),
    ("black and white", becomes(grey)),
    ("give it a sepia tone", both(becomes(brown), less(colourfulness))),
    ("blur it a little", less(detail, 0.5)),
    ("blur the background", only_right(less(detail, 0.3))),
    ("pixelate the face of the man", only_right(becomes(in_squares))),
    ("sharpen the dog", only_right(more(detail))),
    ("darken the sky by 50 %", only_right(less(light, 0.8))),
    ("make everything but the dog black and white", only_left(becomes(grey))),
    ("make it warmer, but don't touch the sky", only_left(warmer)),
    ("make the car red", only_right(coloured(0))),
    ("colour the shirt blue", only_right(coloured(2))),
    ("remove the ball", magenta_gone),
    ("crop to the dog", cut_to_the_right),
    ("crop to 1:1", in_aspect(1)),
    ("rotate 90 degrees left", turned(1)),
    ("turn it upside down", turned(2)),
    ("flip the picture vertically", upended),
    ("resize to 200x150", sized(200, 150)),
    ("straighten by 3 degrees", level),
    ("add a strong vignette", dark_in_the_corners),
    ('write "Hello 2024" on it', written_below),
    ("make the dog brighter and the left half darker", halves(more(light), less(light))),
]
CHINESE = [
    ("把照片调亮", more(light)),
    ("调暗一点", less(light)),
    ("让画面更暖", warmer),
    ("变冷一些", cooler),
    ("对比度提高40%", more(spread)),
    ("降低对比度", less(spread)),
    ("让颜色更鲜艳", more(colourfulness)),
    ("饱和度降低50%", less(colourfulness, 0.8)),
    ("把图片变成黑白", becomes(grey)),
    ("怀旧", both(becomes(brown), less(colourfulness))),
    ("模糊一点", less(detail, 0.5)),
    ("把背景模糊", only_right(less(detail, 0.3))),
    ("给男人的脸打马赛克", only_right(becomes(in_squares))),
    ("把狗锐化", only_right(more(detail))),
    ("把天空调暗", only_right(less(light))),
    ("除了狗以外都变成黑白", only_left(becomes(grey))),
    ("调亮一点，但不要动天空", only_left(more(light))),
    ("把车变成红色", only_right(coloured(0))),
    ("把衬衫染成绿色", only_right(coloured(1))),
    ("去掉球", magenta_gone),
    ("裁剪到狗", cut_to_the_right),
    ("裁剪成16:9", in_aspect(16 / 9)),
    ("顺时针旋转90度", turned(-1)),
    ("旋转180度", turned(2)),
    ("左右翻转", mirrored),
    ("缩小到50%", sized(200, 150)),
    ("拉直3度", level),
    ("加暗角", dark_in_the_corners),
    ("在底部写上“2024”", written_below),
    ("把狗调亮，再把左半边模糊", halves(more(light), less(detail, 0.3))),
]


@pytest.mark.parametrize(("instruction", "effect"), ENGLISH + CHINESE)
def test_an_instruction_does_what_it_says(instruction: str, effect: Effect, photo: Image.Image) -> None:
    editor = BuiltinEditor()
    edited = editor.edit(photo, editor.plan(instruction), find)
    before, after = np.asarray(photo), np.asarray(edited.image)
    assert effect(before, after)
    if edited.mask is not None:
        beside = np.asarray(edited.before or photo)  # in the geometry after
        assert np.array_equal(beside[edited.mask == 0], after[edited.mask == 0])


def test_there_are_sixty() -> None:
    assert len(ENGLISH) == len(CHINESE) == 30
    assert len({instruction for instruction, _ in ENGLISH + CHINESE}) == 60
