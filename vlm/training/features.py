"""Trunk activations of all pictures, computed once: every later stage starts from them.

The layers before the cut stay as the base weights have them, so their activations are cached on
disk as float16, one file a picture set and view, and an epoch costs only the layers after the cut.
"""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor, nn
from tqdm import tqdm

from vlm.picture import open_picture
from vlm.protocols import Floats
from vlm.streams import ahead, batches
from vlm.training.efficientnet import HEAD_CHANNELS, Branch, EfficientNet, channels_last, pretrained
from vlm.training.onnx_files import write

BATCH = 32


@dataclass(frozen=True)
class CachedView:
    """One view of n pictures: trunk [n, c, g, g], memory-mapped, and the frozen branch's pooled
    [n, 1280], both float16, and its class logits [n, 1000]."""

    trunk: NDArray[np.float16]
    pooled: NDArray[np.float16]
    classes: Floats


@dataclass(frozen=True)
class Base:
    """The base network, cut: what stays as it is below, and a session that runs that part fast."""

    network: EfficientNet
    branch: Branch
    size: int
    trunk: Any


class _Trunk(nn.Module):
    def __init__(self, network: EfficientNet, cut: int) -> None:
        super().__init__()
        self.network, self.cut = network, cut

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network.trunk(pixels.permute(0, 3, 1, 2).float(), self.cut)


def base(variant: str, size: int, cut: int, work: Path) -> Base:
    """Load the base weights. ONNX Runtime runs the trunk three times as fast as torch on a CPU."""
    import onnxruntime

    network = pretrained(variant)
    path = work / f"trunk-{variant}-{size}-{cut}.onnx"
    pixels = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    write(_Trunk(network, cut), path, {"pixels": (pixels, {0: "n"})}, {"trunk": {0: "n"}}, bits=32)
    return Base(network, channels_last(Branch(network, cut)).eval(), size, onnxruntime.InferenceSession(path))


def cached(base_: Base, pictures: Sequence[Path], number: int, work: Path, name: str) -> CachedView:
    """View `number` of the pictures, from the files in `work` or computed and left there."""
    paths = [work / f"{name}.{number}.{part}.npy" for part in ("trunk", "pooled", "classes")]
    if not all(path.exists() for path in paths):
        trunk = _trunks(base_, pictures, number, paths[0], name)
        pooled, classes = _pooled(base_, trunk)
        # The trunk has its own name only once it is whole, and comes last: an interrupted run redoes all.
        np.save(paths[1], pooled)
        np.save(paths[2], classes)
        _unfinished(paths[0]).rename(paths[0])
    return CachedView(np.load(paths[0], mmap_mode="r"), np.load(paths[1]), np.load(paths[2]))


def view(image: Image.Image, size: int, number: int, choice: random.Random) -> Image.Image:
    """One of a picture's views: 0 as it is, 1 mirrored, later ones random crops in random light."""
    if number >= 2:
        image = _cropped(image, choice)
        for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhancer(image).enhance(choice.uniform(0.75, 1.25))
    if number == 1 or (number >= 2 and choice.random() < 0.5):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image.resize((size, size), Image.Resampling.BICUBIC)


def _cropped(image: Image.Image, choice: random.Random) -> Image.Image:
    """A random part of 60 to 100 % of the area, of nearly the same proportions."""
    area, ratio = choice.uniform(0.6, 1), choice.uniform(0.8, 1.25)
    width = min(image.width, int(image.width * (area * ratio) ** 0.5))
    height = min(image.height, int(image.height * (area / ratio) ** 0.5))
    x, y = choice.randint(0, image.width - width), choice.randint(0, image.height - height)
    return image.crop((x, y, x + width, y + height))


def _unfinished(path: Path) -> Path:
    return path.with_name("unfinished-" + path.name)


def _trunks(base_: Base, pictures: Sequence[Path], number: int, path: Path, name: str) -> NDArray[np.float16]:
    """[n, c, g, g], written to a file as it comes."""

    def pixels(numbered: tuple[int, Path]) -> NDArray[np.uint8]:
        index, picture = numbered
        # One generator a picture, so that its crop depends on nothing but its place and the view.
        choice = random.Random(number * 1_000_003 + index)  # noqa: S311
        return np.asarray(view(open_picture(picture, base_.size).image, base_.size, number, choice))

    trunk: NDArray[np.float16] | None = None
    done = 0
    with ThreadPoolExecutor(2) as pool, tqdm(total=len(pictures), desc=f"features {name}.{number}") as bar:
        for batch in batches(ahead(pool, pixels, enumerate(pictures), 3 * BATCH), BATCH):
            (found,) = base_.trunk.run(None, {"pixels": np.stack(batch)})
            if trunk is None:
                shape = (len(pictures), *found.shape[1:])
                trunk = np.lib.format.open_memmap(_unfinished(path), "w+", np.float16, shape)
            trunk[done : done + len(found)] = found
            done += len(found)
            bar.update(len(found))
    if trunk is None:
        raise ValueError(f"{name} has no pictures")
    return trunk


@torch.inference_mode()
def _pooled(base_: Base, trunk: NDArray[np.float16]) -> tuple[NDArray[np.float16], Floats]:
    """What the frozen branch makes of the trunk: pooled [n, 1280], class logits [n, 1000]."""
    branch = base_.branch
    pooled = np.zeros((len(trunk), HEAD_CHANNELS), np.float16)
    classes = np.zeros((len(trunk), base_.network.classifier.out_features), np.float32)
    for start in range(0, len(trunk), 128):
        rows = slice(start, start + 128)
        x = torch.from_numpy(trunk[rows].astype(np.float32)).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            head = branch(x)[1].float()
        pooled[rows] = head.numpy()
        classes[rows] = base_.network.classifier(head).numpy()
    return pooled, classes
