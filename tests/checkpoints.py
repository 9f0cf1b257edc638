"""Small open_clip checkpoints with random weights, of real architectures and with real tokenizers."""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

from vlm.runtime import Runtime

CPU = Runtime(device="cpu", dtype="float32")
TOWER = {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
TEXT = {"context_length": 32, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
CLIP = {"embed_dim": 32, "vision_cfg": TOWER, "text_cfg": TEXT}
COCA = {
    "embed_dim": 64,
    "vision_cfg": TOWER | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
    "text_cfg": TEXT | {"context_length": 40, "embed_cls": True, "output_tokens": True},
    "multimodal_cfg": TEXT | {"context_length": 40, "width": 64, "heads": 2, "attn_pooler_heads": 2},
    "custom_text": True,
}
SIGLIP = {
    "embed_dim": 32,
    "vision_cfg": TOWER,
    "text_cfg": TEXT | {"no_causal_mask": True, "pool_type": "last"},
    "custom_text": True,
    "init_logit_bias": -10,
}
SIGLIP_PIXELS = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


def checkpoint(folder: Path, config: dict[str, Any], **preprocess: Any) -> Path:
    """A folder as open_clip writes one, with random weights."""
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", pretrained_text=False)
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    if "text_decoder.text_projection" in weights:  # as it is made, it holds whatever lay in memory
        weights["text_decoder.text_projection"] = torch.randn(64, 49408) * 0.3
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder
