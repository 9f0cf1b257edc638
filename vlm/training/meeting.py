"""The student meets the pictures: captions in other languages are drawn to the pictures themselves.

Placement beside an English translation leaves out what a translation loses. So the student goes on
with the contrastive loss of the retrieval stage against the finished tower's embeddings, through the
finished text side, while half of each step holds all other texts where they belong.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from vlm.protocols import Floats
from vlm.training.languages import (
    TEMPERATURE,
    LanguageSettings,
    Parallel,
    Student,
    like_lengths,
    placement,
    stacked,
    token_ids,
)
from vlm.training.loop import Epochs, averaged_towards, descend, device, half_precision, placed
from vlm.training.retrieval import TextSide

HELD = 128  # texts without a picture in each step
HOLD = 0.7
OWN = 0.7  # of the target: the own picture's share; the rest goes to pictures with like captions


def fit(
    student: Student,
    tokens: Tokenizer,
    material: Parallel,
    views: Sequence[Floats],
    text: TextSide,
    settings: LanguageSettings,
    seed: int,
    path: Path,
    measure: Callable[[int, Student], float],
) -> Student:
    """Train on captions of the pictures whose unit embeddings `views` has, each [n, dim]; returns the
    averaged weights that did best on dev."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    student = student.to(device())
    averaged = copy.deepcopy(student).eval()
    encoded = token_ids(tokens, material.texts)
    captions = np.flatnonzero(material.picture >= 0)
    others = np.flatnonzero(material.picture < 0)
    lengths = np.array([len(encoded[row]) for row in captions])
    batch = min(settings.batch, len(captions))
    batches = len(captions) // batch
    optimizer = torch.optim.AdamW(student.parameters(), settings.meeting_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.meeting_rate, total_steps=settings.meeting_epochs * batches, pct_start=0.1
    )
    epochs = Epochs(
        "meeting", settings.meeting_epochs, batches, path,
        {"student": student, "optimizer": optimizer, "schedule": schedule}, {"averaged": averaged},
        generator, lambda epoch: measure(epoch, averaged),
    )  # fmt: skip
    for _ in epochs:
        student.train()
        for some in like_lengths(lengths, batches, batch, generator):
            rows, held = captions[some], generator.choice(others, min(HELD, len(others)), replace=False)
            found, _, targets, _ = _read(student, encoded, material, rows)
            view = views[int(generator.integers(len(views)))]
            pictures, owner = placed(view[material.picture[rows]], material.picture[rows])
            loss = placement(found, targets) + _contrast(text, found, pictures, owner, targets)
            if len(held):
                found, language, targets, taught = _read(student, encoded, material, held)
                (english,) = placed(material.english[held].astype(np.float32))
                gate = functional.binary_cross_entropy_with_logits(language[:, 0], english)
                loss = loss + HOLD * placement(found[taught], targets[taught]) + 0.1 * gate
            descend(loss, optimizer, schedule)
            averaged_towards(averaged, student, settings.meeting_average, epochs.progress.done)
            epochs.progress.step(loss.item(), float(schedule.get_last_lr()[0]))
    return averaged


def _read(
    student: Student, encoded: Sequence[NDArray[np.int64]], material: Parallel, rows: NDArray[np.int64]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where the student puts texts, how English it thinks them, where they belong and whether that is known."""
    ids, mask = stacked([encoded[row] for row in rows])
    with half_precision():
        found, language = student(ids, mask)
    targets, taught = placed(material.targets[np.maximum(material.row[rows], 0)], material.row[rows] >= 0)
    return found, language, targets, taught


def _contrast(text: TextSide, found: Tensor, pictures: Tensor, owner: Tensor, targets: Tensor) -> Tensor:
    """The symmetric contrastive loss, softened by how alike the texts' targets are."""
    logits = text.log_scale.detach().exp() * text(found) @ pictures.T
    same = (owner[:, None] == owner[None]).float()
    alike = (targets @ targets.T / TEMPERATURE).softmax(1)
    wanted = OWN * same / same.sum(1, keepdim=True) + (1 - OWN) * alike
    both = (wanted * (logits.log_softmax(1) + logits.T.log_softmax(1))).sum(1)
    loss: Tensor = -both.mean() / 2
    return loss
