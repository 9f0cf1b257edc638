"""From torch modules to the ONNX files of a folder of weights (see vlm/folder.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm.training.answerer import Answerer
from vlm.training.decoder import Decoder, Step
from vlm.training.efficientnet import Branch, EfficientNet
from vlm.training.minilm import TextEncoder
from vlm.training.onnx_files import write
from vlm.training.retrieval import TextSide, Tower


@dataclass(frozen=True)
class Naming:
    """How class names and the tuned projection share in a score; chosen on dev.

    A picture is named by its likeliest `most` classes, their logits times `sharpness`; `share` is
    the weight of the tuned half in its embedding. In a text's embedding that weight is
    `named_share` where the text is the name of a class and `told_share` where it is anything else,
    with a soft step at a cosine of `like` to the nearest name: what the classifier knows is asked of
    the classifier, and captions of the half that learnt captions.
    """

    most: int = 10
    sharpness: float = 0.7
    share: float = 0.5
    named_share: float = 0.15
    told_share: float = 0.8
    like: float = 0.75
    softness: float = 0.05


def side_by_side(first: Tensor, second: Tensor, share: Tensor | float) -> Tensor:
    """Two unit vectors [n, d], [n, e] as one [n, d + e]: inner products become weighted sums of two."""
    weights = torch.as_tensor(share)
    return torch.cat([weights.sqrt() * first, (1 - weights).sqrt() * second], 1)


class Vision(nn.Module):
    """Pixels to all that is seen: one trunk, the frozen and the tuned branch.

    The classes' probabilities, times their names' sentence embeddings, make the second half of the
    embedding (ConSE: Norouzi et al., ICLR 2014).
    """

    def __init__(self, network: EfficientNet, cut: int, tower: Tower, names: Tensor, naming: Naming) -> None:
        super().__init__()
        self.network, self.cut, self.tower = network, cut, tower
        self.frozen = Branch(network, cut)
        self.naming = naming
        self.names = nn.Parameter(names.clone())  # [1000, 384], unit

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
            side_by_side(projected, named, self.naming.share),
            grid.flatten(2).transpose(1, 2),
            classes.softmax(1),
            words.sigmoid(),
        )


class Text(nn.Module):
    """Token ids to the joint space, and what the answerer reads."""

    def __init__(self, encoder: TextEncoder, side: TextSide, known: Tensor, naming: Naming) -> None:
        super().__init__()
        self.encoder, self.side, self.naming = encoder, side, naming
        self.known = nn.Parameter(known.clone())  # [names, 384], unit: every name of every class

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ids, mask [n, t] -> embedding [n, dim], sentence [n, 384], states [n, t, 384]."""
        states, sentence = self.encoder(ids, mask)
        naming = self.naming
        nearest = (sentence @ self.known.T).amax(1, keepdim=True)
        is_name = ((nearest - naming.like) / naming.softness).sigmoid()
        share = naming.told_share + (naming.named_share - naming.told_share) * is_name
        return side_by_side(self.side(sentence), sentence, share), sentence, states


class Remember(nn.Module):
    """What was seen to the decoder's keys and values; takes the tuned part of the embedding."""

    def __init__(self, decoder: Decoder, share: float) -> None:
        super().__init__()
        self.decoder, self.first = decoder, share**0.5

    def forward(self, grid: Tensor, classes: Tensor, words: Tensor, embedding: Tensor) -> Tensor:
        """As Decoder.remember, from the joint embedding."""
        tuned = embedding[:, : self.decoder.shape.embedding] / self.first
        return self.decoder.remember(grid, classes, words, tuned)


class Ask(nn.Module):
    """The answerer on the joint embedding."""

    def __init__(self, answerer: Answerer, share: float) -> None:
        super().__init__()
        self.answerer, self.first = answerer, share**0.5

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


def write_captioner(decoder: Decoder, share: float, dim: int, folder: Path, bits: int) -> None:
    """memory.onnx and decoder.onnx."""
    shape = decoder.shape
    seen = _seen(shape.cells, shape.grid_channels, shape.classes, shape.words, dim)
    write(Remember(decoder, share), folder / "memory.onnx", seen, {"cross": {0: "n"}}, bits)
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


def write_answerer(answerer: Answerer, share: float, dim: int, path: Path, bits: int) -> None:
    """answerer.onnx."""
    shape = answerer.shape
    inputs = _seen(shape.cells, shape.grid_channels, shape.classes, shape.words, dim) | {
        "states": (torch.zeros(2, 5, 384), {0: "n", 1: "t"}),
        "mask": (torch.ones(2, 5, dtype=torch.int64), {0: "n", 1: "t"}),
        "sentence": (torch.zeros(2, 384), {0: "n"}),
    }
    write(Ask(answerer, share), path, inputs, {"scores": {0: "n"}}, bits)


def _seen(cells: int, channels: int, classes: int, words: int, dim: int) -> dict[str, tuple[Tensor, dict[int, str]]]:
    """Example inputs for what vision.onnx puts out."""
    sizes: dict[str, Sequence[int]] = {
        "grid": (2, cells, channels),
        "classes": (2, classes),
        "words": (2, words),
        "embedding": (2, dim),
    }
    return {name: (torch.zeros(*size) + 0.01, {0: "n"}) for name, size in sizes.items()}
