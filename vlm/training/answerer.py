"""The answerer: the question's words look at the picture, and a classifier names the answer.

The states of the question's tokens attend over the same memory of a picture that the caption
decoder reads (grid, classes, words, embedding), in the manner of stacked attention (Yang et al.,
CVPR 2016); what they gathered, the question and the picture are fused into one vector.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm.training.decoder import DecoderShape, Memory
from vlm.training.minilm import WIDTH as SENTENCE


@dataclass(frozen=True)
class AnswererShape:
    """Sizes; `answers` is the number of answers that can be given."""

    answers: int
    cells: int
    grid_channels: int
    classes: int
    words: int
    embedding: int
    width: int = 256
    heads: int = 4
    layers: int = 2
    dropout: float = 0.3


class Glimpse(nn.Module):
    """The question's words look at the picture once; normalised first."""

    def __init__(self, shape: AnswererShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.norms = nn.ModuleList(nn.LayerNorm(shape.width) for _ in range(2))
        self.query, self.out = (nn.Linear(shape.width, shape.width) for _ in range(2))
        self.both = nn.Linear(shape.width, 2 * shape.width)
        self.widen = nn.Linear(shape.width, 2 * shape.width)
        self.narrow = nn.Linear(2 * shape.width, shape.width)
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """x [n, t, width], memory [n, m, width] -> [n, t, width]."""

        def split(part: Tensor) -> Tensor:
            return part.view(part.shape[0], part.shape[1], self.heads, -1).transpose(1, 2)

        query = split(self.query(self.norms[0](x)))
        key, value = (split(part) for part in self.both(memory).chunk(2, 2))
        weights = (query @ key.transpose(2, 3) * query.shape[3] ** -0.5).softmax(-1)
        x = x + self.drop(self.out((weights @ value).transpose(1, 2).flatten(2)))
        return x + self.drop(self.narrow(functional.gelu(self.widen(self.norms[1](x)))))  # type: ignore[no-any-return]


class Answerer(nn.Module):
    """What was seen and a question -> a score for each known answer."""

    def __init__(self, shape: AnswererShape) -> None:
        super().__init__()
        self.shape = shape
        self.memory = Memory(
            DecoderShape(
                0, shape.cells, shape.grid_channels, shape.classes, shape.words, shape.embedding,
                width=shape.width, dropout=shape.dropout,
            )
        )  # fmt: skip
        self.token = nn.Linear(SENTENCE, shape.width)
        self.glimpses = nn.ModuleList(Glimpse(shape) for _ in range(shape.layers))
        self.weigh = nn.Linear(shape.width, 1)
        self.sentence = nn.Linear(SENTENCE, shape.width)
        self.drop = nn.Dropout(shape.dropout)
        self.fuse = nn.Linear(4 * shape.width, 2 * shape.width)
        self.name = nn.Linear(2 * shape.width, shape.answers)

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
        """As Memory, then states [n, t, 384], mask [n, t], sentence [n, 384] -> [n, answers]."""
        memory = self.memory(grid, classes, words, embedding)
        x = self.drop(self.token(states))
        for glimpse in self.glimpses:
            x = glimpse(x, memory)
        hidden = (1 - mask.to(x.dtype)) * -1e4
        weights = (self.weigh(x)[:, :, 0] + hidden).softmax(1)
        gathered = (weights[:, :, None] * x).sum(1)
        asked = self.sentence(sentence * 8)
        seen = memory[:, -4:].mean(1)
        fused = torch.cat([gathered, asked, seen, asked * seen], 1)
        return self.name(self.drop(functional.gelu(self.fuse(self.drop(fused)))))  # type: ignore[no-any-return]
