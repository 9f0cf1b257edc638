"""The caption decoder: a Transformer that attends over the picture (Vaswani et al., 2017).

The picture becomes a memory of tokens: the cells of the grid, the predicted classes, the predicted
words and both halves of the embedding. Keys and values of the memory are computed once a picture;
one step extends each unfinished caption by a word. Training runs the same layers on whole captions.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm.training.vocabulary import PAD


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of the decoder; `cells` is the grid's side squared."""

    vocabulary: int
    cells: int
    grid_channels: int
    classes: int
    words: int
    embedding: int
    width: int = 320
    heads: int = 5
    layers: int = 3
    longest: int = 32
    dropout: float = 0.2


class Memory(nn.Module):
    """What was seen -> memory tokens."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.cell = nn.Linear(shape.grid_channels, shape.width)
        self.place = nn.Parameter(torch.randn(shape.cells, shape.width) * 0.02)
        self.classes = nn.Linear(shape.classes, shape.width)
        self.words = nn.Linear(shape.words, shape.width)
        # What was learnt from captions, and the mean of class names.
        self.halves = nn.ModuleList(nn.Linear(shape.embedding // 2, shape.width) for _ in range(2))
        self.norm = nn.LayerNorm(shape.width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, grid: Tensor | None, classes: Tensor | None, words: Tensor, embedding: Tensor) -> Tensor:
        """grid [n, cells, c], class probabilities [n, 1000], word probabilities [n, w], joint embedding
        [n, e] -> [n, cells + 4, width]; without grid and classes, as where there is no picture, [n, 3, width]."""
        # Probabilities are small numbers, most of them nearly 0: their roots are easier to weigh.
        whole = [self.words(words.sqrt())]
        whole += [half(part * 11) for half, part in zip(self.halves, embedding.chunk(2, 1), strict=True)]
        tokens = torch.stack(whole, 1)
        if grid is not None and classes is not None:
            cells = self.cell(functional.layer_norm(grid, [int(grid.shape[2])])) + self.place
            tokens = torch.cat([cells, self.classes(classes.sqrt())[:, None], tokens], 1)
        return self.dropout(self.norm(tokens))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention to the words before, attention to the picture, feed-forward; normalised first."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        width, self.heads = shape.width, shape.heads
        self.before_words, self.before_cross, self.before_wide = (nn.LayerNorm(width) for _ in range(3))
        self.self_in, self.self_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.cross_query, self.cross_out = nn.Linear(width, width), nn.Linear(width, width)
        self.cross_in = nn.Linear(width, 2 * width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(shape.dropout)

    def split(self, x: Tensor) -> Tensor:
        """[n, t, width] -> [n, heads, t, width / heads]."""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Each [n, heads, t, d] -> [n, t, width]; mask is added to the scores."""
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
        weights = (scores if mask is None else scores + mask).softmax(-1)
        attended: Tensor = (weights @ value).transpose(1, 2).flatten(2)
        return attended

    def words(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value of the words [n, t, width] for one another."""
        query, key, value = self.self_in(self.before_words(x)).chunk(3, 2)
        return self.split(query), self.split(key), self.split(value)

    def remember(self, memory: Tensor) -> Tensor:
        """Memory tokens -> keys and values [n, 2, heads, m, d]."""
        key, value = self.cross_in(memory).chunk(2, 2)
        return torch.stack([self.split(key), self.split(value)], 1)

    def finish(self, x: Tensor, attended: Tensor, cross: Tensor) -> Tensor:
        """Everything after the attention to the words before: x, attended [r, t, width], where r
        is n times what divides it: the captions of one picture share its cross [n, ...]."""
        x = x + self.drop(self.self_out(attended))
        rows, length, width = x.shape
        query = self.cross_query(self.before_cross(x)).reshape(cross.shape[0], -1, width)
        seen = self.attend(self.split(query), cross[:, 0], cross[:, 1], None)
        x = x + self.drop(self.cross_out(seen.reshape(rows, length, width)))
        return x + self.drop(self.narrow(functional.gelu(self.widen(self.before_wide(x)))))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Captions word by word; the output layer is the word embedding turned round."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.memory = Memory(shape)
        self.word = nn.Embedding(shape.vocabulary, shape.width, padding_idx=PAD)
        nn.init.normal_(self.word.weight, std=0.05)
        self.place = nn.Parameter(torch.randn(shape.longest, shape.width) * 0.02)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self.drop = nn.Dropout(shape.dropout)
        self.bias = nn.Parameter(torch.zeros(shape.vocabulary))

    def remember(self, grid: Tensor | None, classes: Tensor | None, words: Tensor, embedding: Tensor) -> Tensor:
        """What was seen -> all layers' keys and values [n, layers, 2, heads, m, d]."""
        memory = self.memory(grid, classes, words, embedding)
        return torch.stack([layer.remember(memory) for layer in self.blocks()], 1)

    def forward(self, tokens: Tensor, places: Tensor, owner: Tensor, cross: Tensor) -> Tensor:
        """Several captions of a picture in one row: tokens [n, t], places [n, t] of each word in its
        caption, owner [n, t] the caption's number -> logits [n, t, vocabulary]. A word sees the words
        before it in its own caption."""
        x = self.drop(self.word(tokens) + self.place[places])
        length = tokens.shape[1]
        seen = (owner[:, :, None] == owner[:, None, :]) & torch.ones(length, length, dtype=torch.bool).tril()
        mask = torch.zeros(seen.shape, dtype=x.dtype).masked_fill(~seen, -1e4)[:, None]
        for index, layer in enumerate(self.blocks()):
            q, k, v = layer.words(x)
            x = layer.finish(x, layer.attend(q, k, v, mask.to(q.dtype)), cross[:, index])
        return self.logits(x)

    def blocks(self) -> Iterable[Layer]:
        """The layers, by their type."""
        return cast(Iterable[Layer], self.layers)

    def logits(self, x: Tensor) -> Tensor:
        """States [..., width] -> [..., vocabulary]."""
        return functional.linear(self.norm(x), self.word.weight, self.bias)


def grown(decoder: Decoder, vocabulary: int) -> Decoder:
    """A copy that knows more words, the new ones last and not yet learnt."""
    larger = Decoder(replace(decoder.shape, vocabulary=vocabulary))
    state, known = larger.state_dict(), decoder.shape.vocabulary
    for name, values in decoder.state_dict().items():
        if name in ("word.weight", "bias"):
            state[name][:known] = values
        else:
            state[name] = values
    # A word not yet learnt is as unlikely as the rarest.
    state["bias"][known:] = decoder.bias.detach().min()
    larger.load_state_dict(state)
    return larger


class Step(nn.Module):
    """One word further for b captions of each of n pictures, with what is kept of those before."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor, cross: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """tokens [n, b]; cross [n, layers, 2, heads, m, d]; past [n, b, layers, 2, heads, t, d] ->
        log probabilities [n, b, vocabulary], past with t + 1."""
        decoder = self.decoder
        n, b = tokens.shape
        layers, heads, d = decoder.shape.layers, decoder.shape.heads, decoder.shape.width // decoder.shape.heads
        place = decoder.place[past.shape[5]]
        x = (decoder.word(tokens) + place).reshape(n * b, 1, decoder.shape.width)
        kept = past.reshape(n * b, layers, 2, heads, -1, d)
        grown: list[Tensor] = []
        for index, layer in enumerate(decoder.blocks()):
            q, k, v = layer.words(x)
            both = torch.cat([kept[:, index], torch.stack([k, v], 1)], 3)
            grown.append(both)
            x = layer.finish(x, layer.attend(q, both[:, 0], both[:, 1], None), cross[:, index])
        logits = decoder.logits(x).log_softmax(-1).reshape(n, b, -1)
        return logits, torch.stack(grown, 1).reshape(n, b, layers, 2, heads, -1, d)
