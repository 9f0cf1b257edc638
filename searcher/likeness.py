"""Perceptual hashes: pictures that show the same have nearly the same one, however they were saved."""

import numpy as np
from PIL import Image


def likeness(image: Image.Image) -> int:
    """64 bits as a signed number: in eight rows, which of nine patches are brighter than their left neighbour."""
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big", signed=True)


def differing(one: int, other: int) -> int:
    """In how many bits two perceptual hashes differ."""
    return ((one ^ other) & (2**64 - 1)).bit_count()
