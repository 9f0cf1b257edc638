"""The answer stage: a classifier over the answers that people gave, trained by cross-entropy."""

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vlm.protocols import Floats
from vlm.training.answerer import Answerer
from vlm.training.captions import SeenView
from vlm.training.loop import Epochs, averaged_towards, descend, device, half_precision, placed
from vlm.training.sentences import Read


@dataclass(frozen=True)
class AnswerSettings:
    """How the stage is trained; `made_share` is the share of batches of made questions, and `whole` that
    of questions whose single words are hidden, as those of other languages are, so that the sentence as a
    whole must do."""

    epochs: int
    batch: int = 128
    rate: float = 5e-4
    weight_decay: float = 0.05
    smoothing: float = 0.05
    average: float = 0.998
    width: int = 256
    layers: int = 2
    dropout: float = 0.3
    made_share: float = 0.5
    whole: float = 0.15
    seed: int = 1
    patience: int = 6


@dataclass(frozen=True)
class Questions:
    """Questions about the pictures of one set of views.

    picture, answer: [q]; drawn: [q], how likely each is drawn for a batch; wordings: the questions read, in
    the words that fit each view (a mirrored picture has its left on the right), the last for all further.
    """

    views: Sequence[SeenView]
    picture: NDArray[np.int64]
    answer: NDArray[np.int64]
    drawn: NDArray[np.float64]
    wordings: Sequence[Read]

    def batch(self, rows: NDArray[np.int64], view: int) -> tuple[Tensor, ...]:
        """The answerer's inputs for some questions about one view of their pictures."""
        wording = self.wordings[min(view, len(self.wordings) - 1)]
        texts = wording.row[rows]
        lengths = wording.lengths[texts]
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        return (
            *self.views[view].rows(self.picture[rows]),
            *placed(wording.states[texts, : lengths.max()].astype(np.float32), mask, wording.sentences[texts]),
        )


def known_answers(given: Iterable[str]) -> list[str]:
    """All answers that were given, most frequent first."""
    often = Counter(given)
    return sorted(often, key=lambda answer: (-often[answer], answer))


def evenly(kinds: Sequence[str], given: Sequence[str]) -> NDArray[np.float64]:
    """[q]: chances that draw frequent answers of a kind less often than they come, by a square root."""
    often = Counter(zip(kinds, given, strict=True))
    chances = np.array([often[each] ** -0.5 for each in zip(kinds, given, strict=True)])
    shares: NDArray[np.float64] = chances / chances.sum()
    return shares


def mirrored(question: str) -> str:
    """The question that fits the mirrored picture."""
    swapped = {"left": "right", "right": "left"}
    return re.sub(r"\b(left|right)\b", lambda found: swapped[found[0]], question)


@torch.inference_mode()
def scores(answerer: Answerer, asked: Questions, batch: int = 256) -> Floats:
    """[q, answers] for the first view."""
    parts = [
        answerer(*asked.batch(np.arange(start, min(start + batch, len(asked.picture))), 0)).cpu()
        for start in range(0, len(asked.picture), batch)
    ]
    return torch.cat(parts).numpy()


def fit(
    answerer: Answerer,
    sources: Sequence[Questions],
    shares: Sequence[float],
    settings: AnswerSettings,
    path: Path,
    measure: Callable[[int, Answerer], float],
) -> Answerer:
    """Train on batches each from one source, drawn by `shares`; an epoch is once through the first.

    Returns the averaged weights that did best on dev.
    """
    torch.manual_seed(settings.seed)
    generator = np.random.default_rng(settings.seed)
    answerer = answerer.to(device())
    averaged = copy.deepcopy(answerer).eval()
    optimizer = torch.optim.AdamW(answerer.parameters(), settings.rate, weight_decay=settings.weight_decay)
    steps = max(1, round(len(sources[0].picture) / settings.batch / shares[0]))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=settings.epochs * steps, pct_start=0.1
    )
    epochs = Epochs(
        "answers", settings.epochs, steps, path,
        {"answerer": answerer, "optimizer": optimizer, "schedule": schedule}, {"averaged": averaged},
        generator, lambda epoch: measure(epoch, averaged), settings.patience,
    )  # fmt: skip
    for _ in epochs:
        answerer.train()
        for _ in range(steps):
            source = sources[generator.choice(len(sources), p=shares)]
            rows = generator.choice(len(source.picture), settings.batch, p=source.drawn)
            view = int(generator.integers(len(source.views)))
            *seen, states, mask, sentence = source.batch(rows, view)
            shown = torch.rand(len(rows), 1, 1, device=states.device) >= settings.whole
            with half_precision():
                logits = answerer(*seen, states * shown, mask, sentence)
            (wanted,) = placed(source.answer[rows])
            loss = functional.cross_entropy(logits.float(), wanted, label_smoothing=settings.smoothing)
            descend(loss, optimizer, schedule, answerer)
            averaged_towards(averaged, answerer, settings.average, epochs.progress.done)
            epochs.progress.step(loss.item(), float(schedule.get_last_lr()[0]))
    return averaged
