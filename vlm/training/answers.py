"""The answer stage: a classifier over the answers that people gave, trained by cross-entropy."""

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vlm.protocols import Floats
from vlm.training.answerer import Answerer
from vlm.training.captions import SeenView
from vlm.training.progress import Progress
from vlm.training.retrieval import averaged_towards
from vlm.training.sentences import Read


@dataclass(frozen=True)
class AnswerSettings:
    """How the stage is trained; `made_share` is the share of made questions in a batch."""

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


@dataclass(frozen=True)
class Questions:
    """Questions about the pictures of one set of views.

    picture, answer: [q]; wordings: the questions read, in the words that fit each view (a mirrored
    picture has its left on the right); the last wording serves all further views.
    """

    views: Sequence[SeenView]
    picture: NDArray[np.int64]
    answer: NDArray[np.int64]
    wordings: Sequence[Read]

    def batch(self, rows: NDArray[np.int64], view: int) -> tuple[Tensor, ...]:
        """The answerer's inputs for some questions about one view of their pictures."""
        wording = self.wordings[min(view, len(self.wordings) - 1)]
        texts = wording.row[rows]
        lengths = wording.lengths[texts]
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        return (
            *self.views[view].rows(self.picture[rows]),
            torch.from_numpy(wording.states[texts, : lengths.max()].astype(np.float32)),
            torch.from_numpy(mask),
            torch.from_numpy(wording.sentences[texts]),
        )


def known_answers(given: Iterable[str]) -> list[str]:
    """All answers that were given, most frequent first."""
    return [answer for answer, _ in Counter(given).most_common()]


def mirrored(question: str) -> str:
    """The question that fits the mirrored picture."""
    swapped = {"left": "right", "right": "left"}
    return re.sub(r"\b(left|right)\b", lambda found: swapped[found[0]], question)


@torch.inference_mode()
def scores(answerer: Answerer, asked: Questions, batch: int = 256) -> Floats:
    """[q, answers] for the first view."""
    parts = [
        answerer(*asked.batch(np.arange(start, min(start + batch, len(asked.picture))), 0))
        for start in range(0, len(asked.picture), batch)
    ]
    return torch.cat(parts).numpy()


def fit(
    answerer: Answerer,
    sources: Sequence[Questions],
    shares: Sequence[float],
    settings: AnswerSettings,
    seed: int,
    after_epoch: Callable[[int, Answerer], None] = lambda *_: None,
) -> Answerer:
    """Train on batches each from one source, drawn by `shares`; an epoch is once through the first."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    averaged = copy.deepcopy(answerer).eval()
    optimizer = torch.optim.AdamW(answerer.parameters(), settings.rate, weight_decay=settings.weight_decay)
    an_epoch = max(1, round(len(sources[0].picture) / settings.batch / shares[0]))
    steps = settings.epochs * an_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=steps, pct_start=0.1)
    progress = Progress("answers", steps)
    for step in range(steps):
        answerer.train()
        source = sources[generator.choice(len(sources), p=shares)]
        rows = generator.integers(0, len(source.picture), settings.batch)
        view = int(generator.integers(len(source.views)))
        with torch.autocast("cpu", torch.bfloat16):
            logits = answerer(*source.batch(rows, view))
        wanted = torch.from_numpy(source.answer[rows])
        loss = functional.cross_entropy(logits.float(), wanted, label_smoothing=settings.smoothing)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(answerer.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        averaged_towards(averaged, answerer, settings.average, progress.done)
        progress.step(float(loss), float(schedule.get_last_lr()[0]))
        if (step + 1) % an_epoch == 0:
            after_epoch(step // an_epoch, averaged)
    progress.close()
    return averaged
