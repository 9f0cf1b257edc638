"""The caption stage: teacher-forced cross-entropy over what people wrote."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vlm.protocols import Floats
from vlm.training.decoder import Decoder
from vlm.training.progress import Progress
from vlm.training.retrieval import averaged_towards
from vlm.training.vocabulary import END, PAD, START, UNKNOWN, words


@dataclass(frozen=True)
class CaptionSettings:
    """How the stage is trained; `captions` is how many of a picture's are read in a step."""

    epochs: int
    batch: int = 64
    captions: int = 3
    rate: float = 6e-4
    weight_decay: float = 0.05
    smoothing: float = 0.1
    average: float = 0.998
    width: int = 320
    heads: int = 5
    layers: int = 3
    dropout: float = 0.2
    at_least: int = 4


@dataclass(frozen=True)
class SeenView:
    """What the finished tower saw in one view of n pictures: grid [n, cells, c] float16, class
    probabilities [n, 1000], word probabilities [n, w], embedding [n, e]."""

    grid: NDArray[np.float16]
    classes: Floats
    words: Floats
    embedding: Floats

    def rows(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Some pictures, as tensors."""
        return (
            torch.from_numpy(self.grid[rows].astype(np.float32)),
            torch.from_numpy(self.classes[rows]),
            torch.from_numpy(self.words[rows]),
            torch.from_numpy(self.embedding[rows]),
        )


def token_table(captions: Sequence[Sequence[str]], vocabulary: Sequence[str], longest: int) -> NDArray[np.int64]:
    """[n, captions, longest + 1] word numbers, from START over END to PAD."""
    number = {word: i for i, word in enumerate(vocabulary)}
    table = np.full((len(captions), len(captions[0]), longest + 1), PAD, np.int64)
    for i, texts in enumerate(captions):
        for j, text in enumerate(texts):
            ids = [number.get(word, UNKNOWN) for word in words(text)][: longest - 1]
            table[i, j, : len(ids) + 2] = [START, *ids, END]
    return table


def packed(chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Captions [n, c, longest + 1] end to end in a row a picture, so that few places are padding.

    Four [n, t]: the words read, the words wanted next, their places and their captions' numbers.
    """
    lengths = (chosen != PAD).sum(2) - 1
    sums = np.cumsum(lengths, 1)
    read, wanted, places, owner = (np.full((len(chosen), sums.max()), PAD, np.int64) for _ in range(4))
    for row, caption in np.ndindex(*lengths.shape):
        length, end = lengths[row, caption], sums[row, caption]
        where = slice(end - length, end)
        read[row, where] = chosen[row, caption, :length]
        wanted[row, where] = chosen[row, caption, 1 : length + 1]
        places[row, where] = np.arange(length)
        owner[row, where] = caption + 1
    return torch.from_numpy(read), torch.from_numpy(wanted), torch.from_numpy(places), torch.from_numpy(owner)


def _like_lengths(
    table: NDArray[np.int64], order: NDArray[np.int64], batch: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The order changed so that batches hold pictures whose captions are alike in length."""
    words_of = (table != PAD).sum((1, 2))
    span = 12 * batch
    runs = [part[np.argsort(words_of[part])] for part in np.split(order, range(span, len(order), span))]
    batches = np.concatenate(runs)[: len(order) // batch * batch].reshape(-1, batch)
    return batches[generator.permutation(len(batches))].ravel()


def fit(
    decoder: Decoder,
    views: Sequence[SeenView],
    table: NDArray[np.int64],
    settings: CaptionSettings,
    seed: int,
    after_epoch: Callable[[int, Decoder], None] = lambda *_: None,
) -> Decoder:
    """Train on n pictures seen in several views; returns the averaged weights."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    averaged = copy.deepcopy(decoder).eval()
    optimizer = torch.optim.AdamW(
        decoder.parameters(), settings.rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
    )
    pictures = len(table)
    batch = min(settings.batch, pictures)
    steps = settings.epochs * (pictures // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=steps, pct_start=0.1)
    progress = Progress("captions", steps)
    for epoch in range(settings.epochs):
        decoder.train()
        order = _like_lengths(table, generator.permutation(pictures), batch, generator)
        for start in range(0, pictures - batch + 1, batch):
            rows = order[start : start + batch]
            picks = generator.permuted(np.tile(np.arange(table.shape[1]), (batch, 1)), axis=1)
            tokens, wanted, places, owner = packed(table[rows[:, None], picks[:, : settings.captions]])
            view = views[int(generator.integers(len(views)))]
            with torch.autocast("cpu", torch.bfloat16):
                cross = decoder.remember(*view.rows(rows))
                logits = decoder(tokens, places, owner, cross)
            loss = functional.cross_entropy(
                logits.flatten(0, 1).float(), wanted.flatten(), ignore_index=PAD, label_smoothing=settings.smoothing
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            averaged_towards(averaged, decoder, settings.average, progress.done)
            progress.step(float(loss), float(schedule.get_last_lr()[0]))
        after_epoch(epoch, averaged)
    progress.close()
    return averaged
