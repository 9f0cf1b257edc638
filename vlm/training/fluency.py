"""Words before pictures: the decoder learns English from captions that come without their pictures.

In place of a picture it is given what the text encoder makes of the caption, put where pictures lie
and blurred by noise (Nukrai, Mokady and Globerson, "CapDec", Findings of EMNLP 2022), the words it
is about, and the names of classes it mentions. So it learns to say many things that no captioned
picture shows, and to take a class's name from the class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vlm.protocols import Floats
from vlm.training.captions import CaptionSettings, like_lengths, losses
from vlm.training.decoder import Decoder
from vlm.training.loop import Epochs, descend, device, half_precision, placed
from vlm.training.vocabulary import PAD, words

BATCH = 128


@dataclass(frozen=True)
class Told:
    """n captions without pictures: word numbers [n, 1, longest + 1], embeddings [n, 384] in the pictures'
    space, tag words [n, w] of 0 and 1, and the row of the class name that each mentions, or -1."""

    table: NDArray[np.int64]
    embedding: Floats
    tags: NDArray[np.bool_]
    name: NDArray[np.int64]


def mentioned_names(texts: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    """For each text the row of the longest class name in it, or -1."""
    rows = {tuple(words(name)): row for row, name in enumerate(names)}
    longest = max(map(len, rows))
    found = np.full(len(texts), -1, np.int64)
    for index, text in enumerate(texts):
        said = words(text)
        said_singly = [word.removesuffix("s") for word in said]
        runs = (
            rows.get(tuple(form[start : start + length]))
            for length in range(longest, 0, -1)
            for form in (said, said_singly)
            for start in range(len(said) - length + 1)
        )
        found[index] = next((row for row in runs if row is not None), -1)
    return found


def fit(
    decoder: Decoder,
    told: Told,
    names: Floats,
    share: float,
    settings: CaptionSettings,
    seed: int,
    path: Path,
) -> Decoder:
    """Once through the captions; names: unit [k, 384], of which `told.name` are rows; share: Naming.share."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    decoder = decoder.to(device())
    optimizer = torch.optim.AdamW(decoder.parameters(), settings.told_rate, betas=(0.9, 0.98), weight_decay=0.01)
    batch = min(BATCH, len(told.table))
    steps = len(told.table) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.told_rate, total_steps=steps, pct_start=0.1)
    epochs = Epochs(
        "words", 1, steps, path,
        {"optimizer": optimizer, "schedule": schedule}, {"decoder": decoder}, generator, float,
    )  # fmt: skip
    for _ in epochs:
        decoder.train()
        order = like_lengths(told.table, generator.permutation(len(told.table)), batch, generator)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            seen = _imagined(told, rows, names, share, settings.noise, generator)
            with half_precision():
                logits, wanted, _ = losses(decoder, decoder.remember(None, None, *seen), told.table[rows])
            loss = functional.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, label_smoothing=settings.smoothing
            )
            descend(loss, optimizer, schedule, decoder)
            epochs.progress.step(loss.item(), float(schedule.get_last_lr()[0]))
    return decoder


def _imagined(
    told: Told, rows: NDArray[np.int64], names: Floats, share: float, noise: float, generator: np.random.Generator
) -> tuple[torch.Tensor, ...]:
    """Word probabilities [n, w] and joint embeddings [n, 768] such as a picture might have given."""
    # A picture's words are seen with doubt, some not at all, and a few that are not there.
    doubt = generator.random((len(rows), told.tags.shape[1]), np.float32)
    seen = np.where(told.tags[rows] & (doubt > 0.3), doubt, 0.02 * doubt**4).astype(np.float32)
    # Where no class is mentioned, the classifier sees some other class.
    row = np.where(told.name[rows] >= 0, told.name[rows], generator.integers(0, len(names), len(rows)))
    halves = [
        part + noise * generator.standard_normal(part.shape, np.float32) for part in (told.embedding[rows], names[row])
    ]
    tuned, named = (half / np.linalg.norm(half, axis=1, keepdims=True) for half in halves)
    joint = np.concatenate([share**0.5 * tuned, (1 - share) ** 0.5 * named], 1).astype(np.float32)
    return placed(seen, joint)
