"""From torch modules to the ONNX files of a folder of weights (see vlm/folder.py)."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm.training.answerer import Answerer
from vlm.training.compress import compress
from vlm.training.decoder import Decoder, Step
from vlm.training.efficientnet import Branch, EfficientNet
from vlm.training.minilm import TextEncoder
from vlm.training.retrieval import TextSide, Tower

OPSET = 17


@dataclass(frozen=True)
class Naming:
    """Which classes count towards a picture's name: the likeliest `most`; logits times `sharpness`."""

    most: int = 10
    sharpness: float = 0.7


class Fusion(nn.Module):
    """Two unit vectors side by side, so that one inner product is the weighted sum of two.

    `share` is the weight of the tuned projection; the rest is that of the class names' sentence
    embeddings, weighted by their probabilities (ConSE: Norouzi et al., ICLR 2014).
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.first, self.second = share**0.5, (1 - share) ** 0.5

    def forward(self, projected: Tensor, named: Tensor) -> Tensor:
        """[n, d], [n, 384], both unit -> [n, d + 384], unit."""
        return torch.cat([self.first * projected, self.second * named], 1)


class Vision(nn.Module):
    """Pixels to all that is seen: one trunk, the frozen and the tuned branch."""

    def __init__(
        self, network: EfficientNet, cut: int, tower: Tower, names: Tensor, naming: "Naming", fusion: Fusion
    ) -> None:
        super().__init__()
        self.network, self.cut, self.tower, self.fusion = network, cut, tower, fusion
        self.frozen = Branch(network, cut)
        self.naming = naming
        self.names = nn.Parameter(names)  # [1000, 384], unit

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """pixels [n, s, s, 3] uint8 -> embedding [n, dim], grid [n, cells, c], class probabilities
        [n, 1000], word probabilities [n, w]."""
        trunk = self.network.trunk(pixels.permute(0, 3, 1, 2).float(), self.cut)
        _, pooled = self.frozen(trunk)
        classes = self.network.classifier(pooled)
        grid, projected, words = self.tower(trunk, pooled, classes)
        least = classes.topk(self.naming.most, 1).values[:, -1:]
        likely = (classes * self.naming.sharpness + (classes < least) * -1e4).softmax(1)
        named = functional.normalize(likely @ self.names, dim=1)
        return (
            self.fusion(projected, named),
            grid.flatten(2).transpose(1, 2),
            classes.softmax(1),
            words.sigmoid(),
        )


class Text(nn.Module):
    """Token ids to the joint space, and what the answerer reads."""

    def __init__(self, encoder: TextEncoder, side: TextSide, fusion: Fusion) -> None:
        super().__init__()
        self.encoder, self.side, self.fusion = encoder, side, fusion

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ids, mask [n, t] -> embedding [n, dim], sentence [n, 384], states [n, t, 384]."""
        states, sentence = self.encoder(ids, mask)
        return self.fusion(self.side(sentence), sentence), sentence, states


class Remember(nn.Module):
    """What was seen to the decoder's keys and values; takes the tuned part of the embedding."""

    def __init__(self, decoder: Decoder, fusion: Fusion) -> None:
        super().__init__()
        self.decoder, self.first = decoder, fusion.first

    def forward(self, grid: Tensor, classes: Tensor, words: Tensor, embedding: Tensor) -> Tensor:
        """As Decoder.remember, from the joint embedding."""
        tuned = embedding[:, : self.decoder.shape.embedding] / self.first
        return self.decoder.remember(grid, classes, words, tuned)


class Ask(nn.Module):
    """The answerer on the joint embedding."""

    def __init__(self, answerer: Answerer, fusion: Fusion) -> None:
        super().__init__()
        self.answerer, self.first = answerer, fusion.first

    def forward(
        self,
        grid: Tensor,
        classes: Tensor,
        words: Tensor,
        embedding: Tensor,
        states: Tensor,
        mask: Tensor,
        sentence: Tensor,
    ) -> Tensor:
        """As Answerer.forward, from the joint embedding."""
        tuned = embedding[:, : self.answerer.shape.embedding] / self.first
        return self.answerer(grid, classes, words, tuned, states, mask, sentence)  # type: ignore[no-any-return]


def write(
    module: nn.Module,
    path: Path,
    inputs: dict[str, tuple[Tensor, dict[int, str]]],
    outputs: dict[str, dict[int, str]],
    bits: int = 8,
) -> None:
    """Export one module; inputs: name -> (example, names of its free axes), outputs likewise."""
    with warnings.catch_warnings():
        # The tracing exporter warns of sizes that become constants; those here are meant to.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(example for example, _ in inputs.values()),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**{name: axes for name, (_, axes) in inputs.items()}, **outputs},
        )
    compress(path, bits)


def write_vision(module: Vision, path: Path, size: int, bits: int) -> None:
    """vision.onnx."""
    pixels = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    outputs = {name: {0: "n"} for name in ("embedding", "grid", "classes", "words")}
    write(module, path, {"pixels": (pixels, {0: "n"})}, outputs, bits)


def write_text(module: Text, path: Path, bits: int) -> None:
    """text.onnx."""
    axes = {0: "n", 1: "t"}
    example = torch.ones(2, 5, dtype=torch.int64)
    outputs = {"embedding": {0: "n"}, "sentence": {0: "n"}, "states": axes}
    write(module, path, {"ids": (example, axes), "mask": (example, axes)}, outputs, bits)


def write_captioner(decoder: Decoder, fusion: Fusion, dim: int, folder: Path, bits: int) -> None:
    """memory.onnx and decoder.onnx."""
    shape = decoder.shape
    seen = _seen(shape.cells, shape.grid_channels, shape.classes, shape.words, dim)
    write(Remember(decoder, fusion), folder / "memory.onnx", seen, {"cross": {0: "n"}}, bits)
    width = shape.width // shape.heads
    cross = torch.zeros(2, shape.layers, 2, shape.heads, shape.cells + 3, width)
    past = torch.zeros(2, 3, shape.layers, 2, shape.heads, 4, width)
    inputs = {
        "tokens": (torch.ones(2, 3, dtype=torch.int64), {0: "n", 1: "b"}),
        "cross": (cross, {0: "n"}),
        "past": (past, {0: "n", 1: "b", 5: "t"}),
    }
    outputs = {"logs": {0: "n", 1: "b"}, "grown": {0: "n", 1: "b", 5: "t1"}}
    write(Step(decoder), folder / "decoder.onnx", inputs, outputs, bits)


def write_answerer(answerer: Answerer, fusion: Fusion, dim: int, path: Path, bits: int) -> None:
    """answerer.onnx."""
    shape = answerer.shape
    inputs = _seen(shape.cells, shape.grid_channels, shape.classes, shape.words, dim) | {
        "states": (torch.zeros(2, 5, 384), {0: "n", 1: "t"}),
        "mask": (torch.ones(2, 5, dtype=torch.int64), {0: "n", 1: "t"}),
        "sentence": (torch.zeros(2, 384), {0: "n"}),
    }
    write(Ask(answerer, fusion), path, inputs, {"scores": {0: "n"}}, bits)


def _seen(cells: int, channels: int, classes: int, words: int, dim: int) -> dict[str, tuple[Tensor, dict[int, str]]]:
    """Example inputs for what vision.onnx puts out."""
    sizes: dict[str, Sequence[int]] = {
        "grid": (2, cells, channels),
        "classes": (2, classes),
        "words": (2, words),
        "embedding": (2, dim),
    }
    return {name: (torch.zeros(*size) + 0.01, {0: "n"}) for name, size in sizes.items()}
