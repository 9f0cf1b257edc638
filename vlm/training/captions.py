"""The caption stage: teacher-forced cross-entropy over what people wrote, in several languages at once."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vlm.protocols import Floats
from vlm.training.decoder import Decoder
from vlm.training.loop import Epochs, averaged_towards, descend, device, half_precision, placed
from vlm.training.vocabulary import END, PAD, STARTS, UNKNOWN, words

# Numbers of captions, [n, captions, longest + 1], by language.
Tables = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class CaptionSettings:
    """How the stage is trained; `captions` is how many of a picture's are read in a step, of each language.

    `told` captions that have no picture teach words first (`vlm.training.fluency`); `noise` is added to
    their embeddings. A last `reward_epochs` of self-critical training follow (`vlm.training.rewards`).
    """

    epochs: int
    batch: int = 32
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
    told: int = 80000
    told_at_least: int = 25
    told_rate: float = 6e-4
    noise: float = 0.05
    reward_epochs: int = 4
    reward_batch: int = 50
    reward_samples: int = 4
    reward_rate: float = 4e-5


@dataclass(frozen=True)
class SeenView:
    """What the finished tower saw in one view of n pictures: grid [n, cells, c] float16, class
    probabilities [n, 1000], word probabilities [n, w], joint embedding [n, e]."""

    grid: NDArray[np.float16]
    classes: Floats
    words: Floats
    embedding: Floats

    def rows(self, rows: NDArray[np.int64]) -> tuple[Tensor, ...]:
        """Some pictures, as tensors."""
        return placed(self.grid[rows].astype(np.float32), self.classes[rows], self.words[rows], self.embedding[rows])


def token_table(
    captions: Sequence[Sequence[str]], vocabulary: Sequence[str], longest: int, language: str = "en"
) -> NDArray[np.int64]:
    """[n, captions, longest + 1] word numbers, from the language's start over END to PAD."""
    number = {word: i for i, word in enumerate(vocabulary)}
    table = np.full((len(captions), len(captions[0]), longest + 1), PAD, np.int64)
    for i, texts in enumerate(captions):
        for j, text in enumerate(texts):
            ids = [number.get(word, UNKNOWN) for word in words(text)][: longest - 1]
            table[i, j, : len(ids) + 2] = [STARTS[language], *ids, END]
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


def like_lengths(
    table: NDArray[np.int64], order: NDArray[np.int64], batch: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The order changed so that batches hold pictures whose captions are alike in length."""
    words_of = (table != PAD).sum((1, 2))
    span = 12 * batch
    runs = [part[np.argsort(words_of[part])] for part in np.split(order, range(span, len(order), span))]
    batches = np.concatenate(runs)[: len(order) // batch * batch].reshape(-1, batch)
    return batches[generator.permutation(len(batches))].ravel()


def losses(decoder: Decoder, cross: Tensor, chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
    """Of captions [n, c, longest + 1]: logits [n, t, vocabulary], the words wanted and captions' numbers [n, t]."""
    tokens, wanted, places, owner = (x.to(device()) for x in packed(chosen))
    return decoder(tokens, places, owner, cross).float(), wanted, owner


def fit(
    decoder: Decoder,
    views: Sequence[SeenView],
    tables: Tables,
    settings: CaptionSettings,
    seed: int,
    path: Path,
    measure: Callable[[int, Decoder], float],
) -> Decoder:
    """Train on n pictures seen in several views; returns the averaged weights that did best on dev."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    decoder = decoder.to(device())
    averaged = copy.deepcopy(decoder).eval()
    optimizer = torch.optim.AdamW(
        decoder.parameters(), settings.rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
    )
    everything = np.concatenate(list(tables.values()), 1)
    pictures = len(everything)
    batch = min(settings.batch, pictures)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=settings.epochs * (pictures // batch), pct_start=0.1
    )
    epochs = Epochs(
        "captions", settings.epochs, pictures // batch, path,
        {"decoder": decoder, "optimizer": optimizer, "schedule": schedule}, {"averaged": averaged},
        generator, lambda epoch: measure(epoch, averaged),
    )  # fmt: skip
    for _ in epochs:
        decoder.train()
        order = like_lengths(everything, generator.permutation(pictures), batch, generator)
        for start in range(0, pictures - batch + 1, batch):
            rows = order[start : start + batch]
            chosen = [_some(table[rows], settings.captions, generator) for table in tables.values()]
            view = views[int(generator.integers(len(views)))]
            with half_precision():
                logits, wanted, _ = losses(decoder, decoder.remember(*view.rows(rows)), np.concatenate(chosen, 1))
            loss = functional.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, label_smoothing=settings.smoothing
            )
            descend(loss, optimizer, schedule, decoder)
            averaged_towards(averaged, decoder, settings.average, epochs.progress.done)
            epochs.progress.step(loss.item(), float(schedule.get_last_lr()[0]))
    return averaged


@torch.inference_mode()
def likelihood(decoder: Decoder, seen: SeenView, table: NDArray[np.int64], batch: int = 50) -> float:
    """The mean log probability of a word of captions [n, c, longest + 1]: higher is better."""
    total, words_ = 0.0, 0
    for start in range(0, len(table), batch):
        rows = np.arange(start, min(start + batch, len(table)))
        with half_precision():
            logits, wanted, _ = losses(decoder, decoder.remember(*seen.rows(rows)), table[rows])
        total -= float(
            functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, reduction="sum")
        )
        words_ += int((wanted != PAD).sum())
    return total / words_


def _some(table: NDArray[np.int64], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Some random captions of each picture: [n, c, l] -> [n, count, l]."""
    picks = generator.permuted(np.tile(np.arange(table.shape[1]), (len(table), 1)), axis=1)[:, :count]
    found: NDArray[np.int64] = table[np.arange(len(table))[:, None], picks]
    return found
