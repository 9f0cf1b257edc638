"""The answer stage: a classifier over the answers that people gave, trained by cross-entropy."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vlm.training.answerer import Answerer
from vlm.training.captions import SeenView
from vlm.training.progress import Progress
from vlm.training.retrieval import averaged_towards


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
    """Questions about the pictures of one set of views, ready to be learnt from.

    views: the same pictures seen in several ways; picture, answer: [q]; states: [q, t, 384]
    float16, zero beyond a question's end; lengths: [q]; sentences: [q, 384]. `turned` holds for
    each view the question rows that fit it (a mirrored picture has its left on the right).
    """

    views: Sequence[SeenView]
    picture: NDArray[np.int64]
    answer: NDArray[np.int64]
    states: Sequence[NDArray[np.float16]]
    sentences: Sequence[NDArray[np.float32]]
    lengths: NDArray[np.int64]

    def batch(self, rows: NDArray[np.int64], view: int) -> tuple[torch.Tensor, ...]:
        """The answerer's inputs for some questions about one view of their pictures."""
        length = int(self.lengths[rows].max())
        mask = (np.arange(length) < self.lengths[rows][:, None]).astype(np.int64)
        wording = min(view, len(self.states) - 1)
        return (
            *self.views[view].rows(self.picture[rows]),
            torch.from_numpy(self.states[wording][rows, :length].astype(np.float32)),
            torch.from_numpy(mask),
            torch.from_numpy(self.sentences[wording][rows]),
        )


def fit(
    answerer: Answerer,
    sources: Sequence[Questions],
    shares: Sequence[float],
    settings: AnswerSettings,
    seed: int,
    after_epoch: Callable[[int, Answerer], None],
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
        loss.backward()
        torch.nn.utils.clip_grad_norm_(answerer.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        averaged_towards(averaged, answerer, settings.average, progress.done)
        progress.step(float(loss), schedule.get_last_lr()[0])
        if (step + 1) % an_epoch == 0:
            after_epoch(step // an_epoch, averaged)
    progress.close()
    return averaged
