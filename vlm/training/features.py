"""Trunk activations of all pictures, computed once: every later stage starts from them.

The layers before the cut stay as the base weights have them, so their activations are cached on
disk as float16, one file a picture set and view, and an epoch costs only the layers after the cut.
"""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from tqdm import tqdm

from vlm.training.efficientnet import EfficientNet

BATCH = 32


def view(image: Image.Image, size: int, number: int, rng: random.Random) -> Image.Image:
    """One of a picture's views: 0 as it is, 1 mirrored, later ones random crops in random light."""
    if number >= 2:
        image = _cropped(image, rng)
        for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhancer(image).enhance(rng.uniform(0.75, 1.25))
    if number == 1 or (number >= 2 and rng.random() < 0.5):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image.resize((size, size), Image.Resampling.BICUBIC)
