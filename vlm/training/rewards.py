"""The last caption stage: captions are sampled, and those that people's captions agree with are made likelier.

Self-critical training (Rennie et al., CVPR 2017) with CIDEr as the reward and the mean of a picture's
other samples as the baseline (Luo, "A Better Variant of Self-Critical Sequence Training", 2020). A
share of cross-entropy stays in the loss, so that captions keep sounding like people's.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vlm.protocols import Floats
from vlm.training.caption_scores import Cider
from vlm.training.captions import CaptionSettings, SeenView, Tables, losses
from vlm.training.decoder import Decoder, Step
from vlm.training.loop import Epochs, averaged_towards, descend, device, half_precision
from vlm.training.vocabulary import END, PAD, STARTS, UNKNOWN

CROSS_ENTROPY = 0.1


@torch.no_grad()
def written(decoder: Decoder, cross: Tensor, start: int, samples: int) -> NDArray[np.int64]:
    """Captions [n, samples, longest + 1] from START to PAD: sampled, or the likeliest words if `samples` is 0."""
    step, shape = Step(decoder), decoder.shape
    n, each = cross.shape[0], max(samples, 1)
    past = cross.new_zeros((n, each, shape.layers, 2, shape.heads, 0, shape.width // shape.heads))
    tokens = torch.full((n, each), start, device=cross.device)
    table = np.full((n, each, shape.longest + 1), PAD, np.int64)
    table[:, :, 0] = start
    running = np.ones((n, each), bool)
    for place in range(1, shape.longest + 1):
        with half_precision():
            logs, past = step(tokens, cross, past)
        logs = logs.float()
        logs[:, :, [PAD, UNKNOWN, *STARTS.values()]] = -torch.inf
        if place == shape.longest:
            tokens = torch.full_like(tokens, END)
        elif samples:
            tokens = torch.multinomial(logs.flatten(0, 1).softmax(1), 1).view(n, each)
        else:
            tokens = logs.argmax(2)
        table[:, :, place] = np.where(running, tokens.cpu().numpy(), PAD)
        running &= table[:, :, place] != END
        if not running.any():
            break
    return table


def fit(
    decoder: Decoder,
    views: Sequence[SeenView],
    tables: Tables,
    settings: CaptionSettings,
    seed: int,
    path: Path,
    measure: Callable[[int, Decoder], float],
) -> Decoder:
    """Go on from a trained decoder; returns the averaged weights that did best on dev."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    decoder = decoder.to(device()).eval()  # without dropout: what is sampled is what is made likelier
    averaged = copy.deepcopy(decoder)
    optimizer = torch.optim.AdamW(decoder.parameters(), settings.reward_rate, betas=(0.9, 0.98), weight_decay=0.0)
    rewards = {language: Cider([_captions(row) for row in table]) for language, table in tables.items()}
    languages = list(tables)
    pictures = len(next(iter(tables.values())))
    batch = min(settings.reward_batch, pictures)
    steps = pictures // batch
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, settings.reward_epochs * steps)
    epochs = Epochs(
        "rewards", settings.reward_epochs, steps, path,
        {"decoder": decoder, "optimizer": optimizer, "schedule": schedule}, {"averaged": averaged},
        generator, lambda epoch: measure(epoch, averaged),
    )  # fmt: skip
    for _ in epochs:
        order = generator.permutation(pictures)
        for start in range(0, pictures - batch + 1, batch):
            rows = order[start : start + batch]
            language = languages[int(generator.integers(len(languages)))]
            view = views[int(generator.integers(len(views)))]
            with half_precision():
                cross = decoder.remember(*view.rows(rows))
            sampled = written(decoder, cross.detach(), STARTS[language], settings.reward_samples)
            scores = _scores(rewards[language], rows, sampled)
            others = (scores.sum(1, keepdims=True) - scores) / (scores.shape[1] - 1)
            said = tables[language][rows][:, generator.permutation(tables[language].shape[1])[:2]]
            loss = _made_likelier(decoder, cross, sampled, scores - others) + CROSS_ENTROPY * _said(
                decoder, cross, said, settings.smoothing
            )
            descend(loss, optimizer, schedule, decoder)
            averaged_towards(averaged, decoder, 0.99, epochs.progress.done)
            epochs.progress.step(float(scores.mean()), float(schedule.get_last_lr()[0]))
    return averaged


def agreement(decoder: Decoder, seen: SeenView, table: NDArray[np.int64], language: str, batch: int = 100) -> float:
    """CIDEr in percent of the likeliest words against people's captions [n, c, longest + 1]."""
    total = 0.0
    reward = Cider([_captions(row) for row in table])
    for start in range(0, len(table), batch):
        rows = np.arange(start, min(start + batch, len(table)))
        with torch.no_grad(), half_precision():
            cross = decoder.remember(*seen.rows(rows))
        total += float(_scores(reward, rows, written(decoder, cross, STARTS[language], 0)).sum())
    return 100 * total / len(table)


def _made_likelier(decoder: Decoder, cross: Tensor, sampled: NDArray[np.int64], advantage: Floats) -> Tensor:
    """Minus the log probabilities of sampled captions [n, c, l], weighed by advantage [n, c]."""
    with half_precision():
        logits, wanted, owner = losses(decoder, cross, sampled)
    logs = -functional.cross_entropy(logits.transpose(1, 2), wanted, ignore_index=PAD, reduction="none")
    weights = torch.from_numpy(np.pad(advantage, ((0, 0), (1, 0))).astype(np.float32)).to(logs.device)
    return -(logs * weights.gather(1, owner)).sum() / (wanted != PAD).sum()


def _said(decoder: Decoder, cross: Tensor, said: NDArray[np.int64], smoothing: float) -> Tensor:
    with half_precision():
        logits, wanted, _ = losses(decoder, cross, said)
    return functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, label_smoothing=smoothing)


def _scores(reward: Cider, rows: NDArray[np.int64], sampled: NDArray[np.int64]) -> Floats:
    """CIDEr of captions [n, c, l]: [n, c]. The end counts as a word, or captions would break off."""
    found = [caption for row in sampled for caption in _captions(row)]
    return reward.score(np.repeat(rows, sampled.shape[1]).tolist(), found).reshape(sampled.shape[:2])


def _captions(row: NDArray[np.int64]) -> list[list[int]]:
    """Captions [c, l] as lists from the first word to END."""
    return [[int(token) for token in caption[1:] if token != PAD] for caption in row]
