"""Export an encoder to a folder that `vlm.exported` runs without torch, and measure how far the two agree."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor, nn

from vlm.errors import AskpixError
from vlm.exported import Config, Exported
from vlm.pairing import background_captions
from vlm.pixels import Preprocessing
from vlm.protocols import Encoder, Floats
from vlm.streams import batches
from vlm.training.onnx_files import write

Precision = Literal["fp32", "fp16", "int8"]
TOP = 10


@dataclass(frozen=True)
class Towers:
    """What an encoder is made of, for export.

    `pictures` maps normalised pixels [n, 3, height, width] to embeddings [n, dim], `texts` token ids
    [n, longest] likewise; neither need be of unit length. `tokenizer` cleans a text and cuts it to ids,
    special ones included; rows are filled up with `padding`.
    """

    pictures: nn.Module
    texts: nn.Module
    preprocessing: Preprocessing
    tokenizer: Tokenizer
    longest: int
    padding: int
    scale: float
    bias: float | None


class Encode(nn.Module):
    """One method of a network as a module of its own."""

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network, self.method = network, method

    def forward(self, inputs: Tensor) -> Tensor:
        """What the method makes of its inputs."""
        found: Tensor = getattr(self.network, self.method)(inputs)
        return found


class Exportable(Encoder, Protocol):
    """An encoder that can be exported."""

    def towers(self) -> Towers:
        """Its parts, on the CPU in float32; AskpixError when its texts need more than a tokenizer."""


class _Pictures(nn.Module):
    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.tower = towers.pictures
        cfg = towers.preprocessing
        self.mean = nn.Buffer(255 * torch.tensor(cfg.mean))
        self.std = nn.Buffer(255 * torch.tensor(cfg.std))

    def forward(self, pixels: Tensor) -> Tensor:
        """Bytes [n, height, width, 3] -> [n, dim], rows of unit length."""
        normal = (pixels.float() - self.mean) / self.std
        found: Tensor = nn.functional.normalize(self.tower(normal.permute(0, 3, 1, 2)).float(), dim=-1)
        return found


class _Texts(nn.Module):
    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.tower = towers.texts

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids [n, longest] -> [n, dim], rows of unit length."""
        found: Tensor = nn.functional.normalize(self.tower(ids).float(), dim=-1)
        return found


@torch.no_grad()
def export_to(model: Exportable, out: Path, precision: Precision) -> Exported:
    """Write the encoder to the folder `out`; what can be loaded from there.

    "fp16" halves the files and computes in 32 bits; "int8" quarters them and computes in integers,
    which is the fastest on a processor. Raises AskpixError when `out` holds something else already,
    or the tokens of the exported tokenizer differ from the model's own.
    """
    if out.exists() and any(out.iterdir()):
        raise AskpixError(f"{out} is not empty: name a new folder")
    towers = model.towers()
    out.mkdir(parents=True, exist_ok=True)
    cfg = towers.preprocessing
    pixels = torch.zeros((2, cfg.height, cfg.width, 3), dtype=torch.uint8)
    ids = torch.full((2, towers.longest), towers.padding)
    ids[:, :2] = 1
    rows = {0: "n"}
    torch.backends.mha.set_fastpath_enabled(False)  # whose fused operator has no counterpart in ONNX
    try:
        _write(_Pictures(towers), out / "vision.onnx", {"pixels": (pixels, rows)}, precision)
        _write(_Texts(towers), out / "text.onnx", {"ids": (ids, rows)}, precision)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    towers.tokenizer.save(str(out / "tokenizer.json"))
    config = Config(
        f"onnx:{model.name}:{precision}", model.dim, cfg, towers.longest, towers.padding, towers.scale, towers.bias
    )
    config.write(out)
    exported = Exported(out, config)
    np.save(out / "background.npy", exported.encode_texts(background_captions()).astype(np.float16))
    return exported


def _write(
    module: nn.Module, path: Path, inputs: dict[str, tuple[Tensor, dict[int, str]]], precision: Precision
) -> None:
    outputs = {"embedding": {0: "n"}}
    if precision != "int8":
        write(module, path, inputs, outputs, bits=16 if precision == "fp16" else 32)
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        whole, folded = Path(scratch, "whole.onnx"), Path(scratch, "folded.onnx")
        write(module, whole, inputs, outputs, bits=32)
        quant_pre_process(whole, folded, skip_symbolic_shape=True)  # folds what turns weights round
        # Convolutions see the bytes themselves, once: whole numbers would make them slower and coarser.
        products = ["MatMul", "Gemm"]
        quantize_dynamic(folded, path, products, per_channel=True, weight_type=QuantType.QInt8)


@dataclass(frozen=True)
class Agreement:
    """The share of the ten best that two encoders have in common, for texts and for pictures, over `photos`."""

    photos: int
    texts: float
    pictures: float


def agreement(one: Encoder, other: Encoder, images: Sequence[Image.Image], texts: Sequence[str]) -> Agreement:
    """Compare two encoders' rankings of the same photos."""
    seen = [np.concatenate([model.look(batch).embeddings for batch in batches(images, 32)]) for model in (one, other)]
    read = [model.encode_texts(texts) for model in (one, other)]
    by_text = top_overlap(read[0] @ seen[0].T, read[1] @ seen[1].T)
    apart = np.where(np.eye(len(images), dtype=bool), -np.inf, 0)
    by_picture = top_overlap(seen[0] @ seen[0].T + apart, seen[1] @ seen[1].T + apart)
    return Agreement(len(images), by_text, by_picture)


def top_overlap(one: Floats, other: Floats) -> float:
    """The mean share of the ten best columns that two matrices of scores [q, n] have in common."""
    best = [np.argsort(-scores, axis=1, kind="stable")[:, :TOP] for scores in (one, other)]
    return float(np.mean([len({*a.tolist()} & {*b.tolist()}) / len(a) for a, b in zip(*best, strict=True)]))
