"""Where in a picture a text is found: a relevance map, from nothing but what the encoder makes of crops.

Windows of several sizes are cut from the picture and looked at like pictures of their own; each
spreads its score over the place it shows. This asks a model only for embeddings, so it serves every
encoder alike, without gradients (in the spirit of RISE: Petsiuk, Das and Saenko, BMVC 2018, with
windows in place of random masks).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from vlm.protocols import Encoder, Floats

# Windows as shares of the picture's sides, and how many fit along each side.
SCALES = ((0.6, 2), (0.45, 3), (0.33, 4))
CELLS = 14
EXPLAINED = 800  # the shorter side in pixels that suits a picture to cut windows from
# Scores are compared with those of a text that says nothing.
NEUTRAL = "a photo"


@dataclass(frozen=True)
class Relevance:
    """`values` [14, 14] in 0..1, from the top left: how much each part of the picture speaks for the text."""

    text: str
    values: Floats

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, in 0..1, of the part around the most relevant place."""
        high = self.values >= max(0.6 * float(self.values.max()), 1e-6)
        rows, columns = np.flatnonzero(high.any(1)), np.flatnonzero(high.any(0))
        if not len(rows):
            return (0.0, 0.0, 1.0, 1.0)
        edges = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        left, top, right, bottom = (round(float(edge) / CELLS, 3) for edge in edges)
        return (left, top, right, bottom)

    def where(self) -> str:
        """The most relevant place in words: "at the left, top"."""
        rows, columns = self.values.sum(1), self.values.sum(0)
        total = max(float(self.values.sum()), 1e-9)
        middle = (np.arange(CELLS) + 0.5) / CELLS
        x, y = float(columns @ middle) / total, float(rows @ middle) / total
        across = "left" if x < 0.42 else "right" if x > 0.58 else ""
        down = "top" if y < 0.42 else "bottom" if y > 0.58 else ""
        return f"at the {', '.join(part for part in (across, down) if part)}" if across or down else "in the middle"


def relevance(encoder: Encoder, image: Image.Image, text: str) -> Relevance:
    """Map `text` onto an RGB image."""
    wanted, neutral = encoder.encode_texts([text, NEUTRAL])
    values = spread(look_around(encoder, image) @ (wanted - 0.5 * neutral))
    return Relevance(text, stretched(values, 0.3) ** np.float32(1.5))


def look_around(encoder: Encoder, image: Image.Image) -> Floats:
    """The embeddings [n, dim] of the windows of an RGB image."""
    width, height = image.size
    crops = [
        image.crop((round(x * width), round(y * height), round((x + side) * width), round((y + side) * height)))
        for x, y, side in _windows()
    ]
    return encoder.look(crops).embeddings


def overlay(image: Image.Image, found: Relevance) -> Image.Image:
    """The picture with what is relevant as it is, edged in warm light, and the rest dimmed."""
    heat = Image.fromarray((255 * found.values).astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
    share = np.asarray(heat, np.float32)[:, :, None] / 255
    pixels = np.asarray(image.convert("RGB"), np.float32)
    glow = np.array([255, 150, 40], np.float32)
    dimmed = pixels * (0.30 + 0.70 * share)
    edge = 0.45 * np.exp(-(((share - 0.5) / 0.16) ** 2))
    return Image.fromarray(np.clip(dimmed * (1 - edge) + glow * edge, 0, 255).astype(np.uint8))


def question_text(question: str, answer: str) -> str:
    """What to look for, to see where an answer comes from: the question's words of content, and the answer."""
    content = [word for word in question.lower().strip(" ?").split() if word not in ASKING]
    return " ".join([*content, answer])


ASKING = frozenset(
    """what where who which how many much is are was were do does did the a an of in on at there this that
    to it you can see colour color kind picture photo image shown""".split()
)


def _windows() -> list[tuple[float, float, float]]:
    """x, y and side of each window, as shares of the picture."""
    return [
        (x, y, side)
        for side, count in SCALES
        for y in np.linspace(0, 1 - side, count).tolist()
        for x in np.linspace(0, 1 - side, count).tolist()
    ]


def spread(scores: Floats) -> Floats:
    """Each window's score [n] over its place, most at its middle: [14, 14]."""
    middle = (np.arange(CELLS) + 0.5) / CELLS
    total, weight = np.zeros((CELLS, CELLS)), np.full((CELLS, CELLS), 1e-6)
    for (x, y, side), score in zip(_windows(), scores.tolist(), strict=True):
        across, down = (np.clip(1 - np.abs(middle - (start + side / 2)) / (side / 2), 0, 1) for start in (x, y))
        share = np.outer(down, across)
        total += share * score
        weight += share
    values: Floats = (total / weight).astype(np.float32)
    return values


def stretched(values: Floats, below: float) -> Floats:
    """Values to 0..1, where that share of them which is lowest becomes 0."""
    low, high = np.quantile(values, below), values.max()
    between: Floats = np.clip((values - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)
    return between
