"""From torch modules to the ONNX files of a folder of weights (see vlm/folder.py)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm.training.answerer import Answerer, AnswererShape
from vlm.training.decoder import Decoder, DecoderShape, Step
from vlm.training.efficientnet import Branch, EfficientNet
from vlm.training.languages import Student
from vlm.training.minilm import TextEncoder
from vlm.training.naming import Naming
from vlm.training.onnx_files import write
from vlm.training.retrieval import TextSide, Tower


class Vision(nn.Module):
    """Pixels to all that is seen: one trunk, the frozen and the tuned branch, whose grids lie side by side."""

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
        plain, pooled = self.frozen(trunk)
        classes = self.network.classifier(pooled)
        grid, projected, words = self.tower(trunk, pooled, classes)
        return (
            self.naming.of_pictures(projected, classes, self.names, self.tower.said(words.sigmoid())),
            torch.cat([grid, plain], 1).flatten(2).transpose(1, 2),
            classes.softmax(1),
            words.sigmoid(),
        )


class Text(nn.Module):
    """Token ids to the joint space, and what the answerer reads.

    English is read by the teacher, other languages by the student, each by how likely it is theirs.
    """

    def __init__(self, encoder: TextEncoder, student: Student, side: TextSide, known: Tensor, naming: Naming) -> None:
        super().__init__()
        self.encoder, self.student, self.side, self.naming = encoder, student, side, naming
        self.known = nn.Parameter(known.clone())  # [names, 384], unit: every name of every class

    def forward(
        self, ids: Tensor, mask: Tensor, pieces: Tensor, pieces_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """ids, mask [n, t] of the teacher's tokens, pieces and theirs [n, p] of the student's -> embedding
        [n, dim], sentence [n, 384], states [n, t, 384], of foreign texts none, the chance of being English
        [n, 1]."""
        states, sentence = self.encoder(ids, mask)
        foreign, language = self.student(pieces, pieces_mask)
        english = language.sigmoid()
        sentence = functional.normalize(english * sentence + (1 - english) * foreign, dim=1)
        return (
            self.naming.of_texts(self.side(sentence), sentence, self.known),
            sentence,
            states * english[:, :, None],
            english,
        )


def write_vision(module: Vision, path: Path, size: int, bits: int) -> None:
    """vision.onnx."""
    pixels = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    outputs = {name: {0: "n"} for name in ("embedding", "grid", "classes", "words")}
    write(module, path, {"pixels": (pixels, {0: "n"})}, outputs, bits)


def write_text(module: Text, path: Path, bits: int) -> None:
    """text.onnx."""
    axes = {0: "n", 1: "t"}
    example = torch.ones(2, 5, dtype=torch.int64)
    pieces = {0: "n", 1: "p"}
    inputs = {
        "ids": (example, axes),
        "mask": (example, axes),
        "pieces": (example[:, :4].clone(), pieces),
        "pieces_mask": (example[:, :4].clone(), pieces),
    }
    outputs = {"embedding": {0: "n"}, "sentence": {0: "n"}, "states": axes, "english": {0: "n"}}
    write(module, path, inputs, outputs, bits)


def write_captioner(decoder: Decoder, folder: Path, bits: int) -> None:
    """memory.onnx and decoder.onnx."""
    shape = decoder.shape
    seen = _seen(shape)
    write(Remember(decoder), folder / "memory.onnx", seen, {"cross": {0: "n"}}, bits)
    width = shape.width // shape.heads
    cross = torch.zeros(2, shape.layers, 2, shape.heads, shape.cells + 4, width)
    past = torch.zeros(2, 3, shape.layers, 2, shape.heads, 4, width)
    inputs = {
        "tokens": (torch.ones(2, 3, dtype=torch.int64), {0: "n", 1: "b"}),
        "cross": (cross, {0: "n"}),
        "past": (past, {0: "n", 1: "b", 5: "t"}),
    }
    outputs = {"logs": {0: "n", 1: "b"}, "grown": {0: "n", 1: "b", 5: "t1"}}
    write(Step(decoder), folder / "decoder.onnx", inputs, outputs, bits)


def write_answerer(answerer: Answerer, path: Path, bits: int) -> None:
    """answerer.onnx."""
    inputs = _seen(answerer.shape) | {
        "states": (torch.zeros(2, 5, 384), {0: "n", 1: "t"}),
        "mask": (torch.ones(2, 5, dtype=torch.int64), {0: "n", 1: "t"}),
        "sentence": (torch.zeros(2, 384), {0: "n"}),
    }
    write(answerer, path, inputs, {"scores": {0: "n"}}, bits)


class Remember(nn.Module):
    """What was seen to the decoder's keys and values."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, grid: Tensor, classes: Tensor, words: Tensor, embedding: Tensor) -> Tensor:
        """As Decoder.remember."""
        return self.decoder.remember(grid, classes, words, embedding)


def _seen(shape: DecoderShape | AnswererShape) -> dict[str, tuple[Tensor, dict[int, str]]]:
    """Example inputs for what vision.onnx puts out."""
    sizes: dict[str, Sequence[int]] = {
        "grid": (2, shape.cells, shape.grid_channels),
        "classes": (2, shape.classes),
        "words": (2, shape.words),
        "embedding": (2, shape.embedding),
    }
    return {name: (torch.zeros(*size) + 0.01, {0: "n"}) for name, size in sizes.items()}
