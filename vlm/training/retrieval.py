"""The retrieval stage: the upper network is tuned so that pictures lie near their captions.

A symmetric contrastive loss (van den Oord et al., 2018; Radford et al., "CLIP", 2021) between
projected pictures and sentence embeddings. Two things keep six thousand pictures from being learnt
by heart: targets are softened by how alike the captions themselves are, since a batch of everyday
photos holds many near-matches, and a second loss asks for the words of all of a picture's
captions, which are many more hints than one sentence.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vlm.protocols import Floats
from vlm.training.efficientnet import HEAD_CHANNELS, Branch, channels_last
from vlm.training.features import CachedView
from vlm.training.loop import Epochs, averaged_towards, descend, device, half_precision, placed

CLASSES = 1000
SENTENCE = 384


@dataclass(frozen=True)
class RetrievalSettings:
    """How the stage is trained; `soft` is the share of the softened targets."""

    epochs: int
    batch: int = 256
    rate: float = 1e-3
    branch_rate: float = 1.5e-4
    weight_decay: float = 0.1
    dropout: float = 0.5
    heads: int = 2
    hidden: int = 768
    dim: int = SENTENCE
    soft: float = 0.3
    soft_temperature: float = 0.05
    words_weight: float = 0.3
    erase: float = 0.5
    average: float = 0.998


class Tower(nn.Module):
    """Trunk activations and the frozen branch's features -> grid, embedding, words."""

    def __init__(self, branch: Branch, words: int, settings: RetrievalSettings) -> None:
        super().__init__()
        self.branch = branch
        self.grid_channels = branch.head.in_channels
        inputs = 2 * HEAD_CHANNELS + self.grid_channels + CLASSES
        self.dropout = nn.Dropout(settings.dropout)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(inputs, settings.hidden),
                nn.GELU(),
                nn.Dropout(settings.dropout),
                nn.Linear(settings.hidden, settings.dim),
            )
            for _ in range(settings.heads)
        )
        self.words = nn.Linear(2 * HEAD_CHANNELS, words)
        # What the words mean, how much rarer ones count, and what a picture of anything says.
        self.meanings: Tensor
        self.rarity: Tensor
        self.usual: Tensor
        self.register_buffer("meanings", torch.zeros(words, SENTENCE))
        self.register_buffer("rarity", torch.ones(words))
        self.register_buffer("usual", torch.zeros(SENTENCE))

    def forward(self, trunk: Tensor, pooled: Tensor, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """trunk [n, c, g, g], pooled [n, 1280], class logits [n, 1000] ->
        grid [n, 352, g, g], unit embeddings [n, dim], word logits [n, words]."""
        grid, head = self.branch(trunk)
        # The parts have scales of their own, so each is normalised before they are put together.
        head, pooled, mean, classes = (
            functional.layer_norm(part.float(), [int(part.shape[1])])
            for part in (head, pooled, grid.mean((2, 3)), classes)
        )
        joined = torch.cat([head, pooled, mean, classes], 1)
        outputs = sum(each(self.dropout(joined)).float() for each in self.heads)
        words = self.words(self.dropout(torch.cat([head, pooled], 1)))
        return grid, functional.normalize(outputs, dim=1), words.float()

    def said(self, words: Tensor) -> Tensor:
        """Word probabilities [n, words] -> unit [n, 384]: what their words say together, beside what is usual."""
        together = functional.normalize((words * self.rarity) @ self.meanings, dim=1)
        return functional.normalize(together - self.usual, dim=1)

    @torch.no_grad()
    def learn_meanings(self, meanings: Tensor, words: Tensor) -> None:
        """From the words' sentence embeddings [words, 384] and their probabilities in many pictures [n, words]."""
        self.meanings.copy_(meanings)
        self.rarity.copy_(words.mean(0).clamp_min(1e-6) ** -0.5)
        self.usual.copy_(functional.normalize((words * self.rarity) @ self.meanings, dim=1).mean(0))


class TextSide(nn.Module):
    """Turns sentence embeddings into the pictures' space; begins as the identity."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(SENTENCE, dim, bias=False)
        nn.init.eye_(self.linear.weight)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.05)))

    def forward(self, sentences: Tensor) -> Tensor:
        """[n, 384] -> unit [n, dim]."""
        return functional.normalize(self.linear(sentences), dim=1)


def contrastive_loss(
    images: Tensor, texts: Tensor, alike: Tensor, scale: Tensor, settings: RetrievalSettings
) -> Tensor:
    """Both ways; images, texts: unit [n, dim], row i of one belongs to row i of the other;
    alike: [n, n] cosines of the captions, from which the softened targets come."""
    logits = scale * images @ texts.T
    soft = (alike / settings.soft_temperature).softmax(1)
    target = (1 - settings.soft) * torch.eye(len(images), device=images.device) + settings.soft * soft
    one_way = -(target * logits.log_softmax(1)).sum(1).mean()
    return one_way - (target * logits.T.log_softmax(1)).sum(1).mean()


def erased(trunk: Tensor, share: float, generator: np.random.Generator) -> Tensor:
    """Blank one random rectangle in `share` of the feature maps (Zhong et al., "Random Erasing",
    AAAI 2020), in place."""
    side = trunk.shape[2]
    for row in np.flatnonzero(generator.random(len(trunk)) < share):
        height, width = generator.integers(1, side // 2 + 1, 2)
        y, x = generator.integers(0, side - height + 1), generator.integers(0, side - width + 1)
        trunk[row, :, y : y + height, x : x + width] = 0
    return trunk


def fit(
    tower: Tower,
    text: TextSide,
    views: list[CachedView],
    sentences: Floats,
    words: Floats,
    settings: RetrievalSettings,
    seed: int,
    path: Path,
    measure: Callable[[int, Tower, TextSide], float],
) -> tuple[Tower, TextSide]:
    """Train on pictures with several captions each; returns the averaged weights that did best on dev.

    views: the same n pictures; sentences: [n, captions, 384]; words: [n, words] of 0 and 1.
    """
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    tower, text = channels_last(tower).to(device()), text.to(device())
    averaged = copy.deepcopy(tower).eval(), copy.deepcopy(text).eval()
    groups = [
        {"params": list(tower.branch.parameters()), "lr": settings.branch_rate, "weight_decay": 0.01},
        {
            "params": [*tower.heads.parameters(), *tower.words.parameters()],
            "lr": settings.rate,
            "weight_decay": settings.weight_decay,
        },
        {"params": list(text.parameters()), "lr": settings.rate, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups)
    pictures = len(sentences)
    batch = min(settings.batch, pictures)
    steps = pictures // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [settings.branch_rate, settings.rate, settings.rate],
        total_steps=settings.epochs * steps,
        pct_start=0.15,
    )
    epochs = Epochs(
        "retrieval", settings.epochs, steps, path,
        {"tower": tower, "text": text, "optimizer": optimizer, "schedule": schedule},
        {"averaged tower": averaged[0], "averaged text": averaged[1]},
        generator, lambda epoch: measure(epoch, *averaged),
    )  # fmt: skip
    for _ in epochs:
        tower.train()
        order = generator.permutation(pictures)
        for start in range(0, pictures - batch + 1, batch):
            rows = np.sort(order[start : start + batch])
            shown = views[generator.integers(len(views))]
            trunk = erased(torch.from_numpy(shown.trunk[rows].astype(np.float32)), settings.erase, generator)
            with half_precision():
                _, embeddings, word_logits = tower(*_placed(trunk, shown, rows))
            first, second = placed(*_two(sentences[rows], generator))
            (wanted,) = placed(words[rows])
            alike = (first @ first.T + second @ second.T + first @ second.T + second @ first.T) / 4
            scale = text.log_scale.exp().clamp(max=100)
            loss = (
                settings.words_weight
                * functional.binary_cross_entropy_with_logits(word_logits, wanted)
                * words.shape[1]
                / 20
            )
            for sentence in (first, second):
                loss = loss + contrastive_loss(embeddings, text(sentence), alike, scale, settings) / 2
            descend(loss, optimizer, schedule)
            averaged_towards(averaged[0], tower, settings.average, epochs.progress.done)
            averaged_towards(averaged[1], text, settings.average, epochs.progress.done)
            epochs.progress.step(loss.item(), float(schedule.get_last_lr()[1]))
    return averaged


def _two(sentences: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Two captions of each picture (the same one twice where it has but one): [n, c, 384] -> two [n, 384]."""
    pictures, captions = sentences.shape[:2]
    picks = generator.permuted(np.tile(np.arange(captions), (pictures, 1)), axis=1)
    rows = np.arange(pictures)
    return sentences[rows, picks[:, 0]], sentences[rows, picks[:, -1]]


def _placed(trunk: Tensor, shown: CachedView, rows: NDArray[np.int64] | slice) -> tuple[Tensor, ...]:
    """The tower's inputs."""
    return placed(
        trunk.to(memory_format=torch.channels_last), shown.pooled[rows].astype(np.float32), shown.classes[rows]
    )


@torch.inference_mode()
def look(tower: Tower, shown: CachedView, batch: int = 128) -> tuple[NDArray[np.float16], Floats, Floats]:
    """The grids [n, 352, g, g], embeddings [n, dim] and word logits [n, words] of cached pictures."""
    tower.eval()
    parts: list[tuple[Tensor, ...]] = []
    for start in range(0, len(shown.trunk), batch):
        rows = slice(start, start + batch)
        with half_precision():
            found = tower(*_placed(torch.from_numpy(shown.trunk[rows].astype(np.float32)), shown, rows))
        parts.append(tuple(part.cpu() for part in found))
    grids, embeddings, words = (torch.cat(column) for column in zip(*parts, strict=True))
    return grids.half().contiguous().numpy(), embeddings.float().numpy(), words.numpy()


@torch.inference_mode()
def plain_grids(branch: Branch, shown: CachedView, batch: int = 128) -> NDArray[np.float16]:
    """The frozen branch's grids [n, 352, g, g], which know more of rooms and things than those tuned on captions."""
    parts: list[NDArray[np.float16]] = []
    for start in range(0, len(shown.trunk), batch):
        (trunk,) = placed(shown.trunk[start : start + batch].astype(np.float32))
        with half_precision():
            parts.append(branch.blocks(trunk.to(memory_format=torch.channels_last)).half().cpu().contiguous().numpy())
    return np.concatenate(parts)
