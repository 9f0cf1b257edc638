"""Preprocessing without torchvision makes the very pixels that torchvision's makes."""

import numpy as np
import pytest
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from vlm.pixels import Preprocessing


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(300, 200), (201, 333), (64, 64), (50, 900), (31, 40)])
def test_pixels_are_those_of_open_clip(mode: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (*size, 3), np.uint8)).resize((size[0], size[1]))
    cfg = PreprocessCfg(size=64, resize_mode=mode)
    own = Preprocessing(64, 64, cfg.mean, cfg.std, mode=mode)
    normal = image_transform_v2(cfg, is_train=False)(image).numpy().transpose(1, 2, 0)
    wanted = 255 * (normal * np.array(cfg.std) + np.array(cfg.mean))
    np.testing.assert_array_equal(own.bytes([image])[0], wanted.round().astype(np.uint8))
