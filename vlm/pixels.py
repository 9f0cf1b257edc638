"""Pictures to the square of bytes that an encoder sees, as its configuration says."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True)
class Preprocessing:
    """What is done to a picture: to `height` x `width` pixels by `mode`, then (value / 255 - mean) / std.

    `mode` is "shortest" (the shorter side fits, the rest is cut off around the middle), "longest" (the
    longer side fits, the rest is filled) or "squash" (both sides fit).
    """

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    mode: str = "shortest"
    fill: int = 0

    def bytes(self, images: Sequence[Image.Image]) -> NDArray[np.uint8]:
        """n RGB pictures of any size: [n, height, width, 3]."""
        return np.stack([np.asarray(self._fitted(image.convert("RGB"))) for image in images])

    def _fitted(self, image: Image.Image) -> Image.Image:
        how = _FILTERS[self.interpolation]
        if self.mode == "squash":
            return image.resize((self.width, self.height), how)
        ratios = self.width / image.width, self.height / image.height
        if self.mode == "longest":
            scale = min(ratios)
            small = image.resize((round(image.width * scale), round(image.height * scale)), how)
            whole = Image.new("RGB", (self.width, self.height), (self.fill,) * 3)
            whole.paste(small, ((self.width - small.width) // 2, (self.height - small.height) // 2))
            return whole
        # Sizes are cut and corners rounded as torchvision does it, so that not a pixel differs.
        if self.width == self.height:
            short, long = min(image.size), max(image.size)
            cut = int(self.width * long / short)
            size = (self.width, cut) if image.width <= image.height else (cut, self.height)
        else:
            scale = max(ratios)
            size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, how)
        left, top = round((image.width - self.width) / 2), round((image.height - self.height) / 2)
        return image.crop((left, top, left + self.width, top + self.height))
