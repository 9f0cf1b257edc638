"""The field's own measures, without torch: recall both ways, caption measures, answers; with intervals."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm.protocols import Floats
from vlm.training import caption_scores, wordnet

RESAMPLED = 1000
HUBNESS = 0.75


@dataclass(frozen=True)
class Score:
    """A measure over all items, with the 95 % interval that drawing other items would give."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Recall:
    """At which rank, from 1, each query found its right answer."""

    ranks: NDArray[np.int64]

    def at(self, k: int) -> float:
        """Percent of the queries whose right answer is among the first k."""
        return 100 * float(np.mean(self.ranks <= k))

    @property
    def median(self) -> float:
        """The middle rank."""
        return float(np.median(self.ranks))


@dataclass(frozen=True)
class Retrieval:
    """Recall from texts to pictures and from pictures to texts."""

    text_to_image: Recall
    image_to_text: Recall


@dataclass(frozen=True)
class CaptionScores:
    """A number a caption: CIDEr, content words' F1 and, where WordNet is installed, METEOR; and what BLEU counts."""

    ciders: Floats
    contents: Floats
    meteors: Floats | None
    bleu_counts: NDArray[np.float64]

    @property
    def cider(self) -> float:
        """CIDEr in percent, as it is usually quoted."""
        return 100 * float(self.ciders.mean())

    @property
    def bleu_4(self) -> float:
        """BLEU-4 in percent."""
        return 100 * caption_scores.bleu(self.bleu_counts)

    def scores(self) -> dict[str, Score]:
        """All measures, in percent."""
        found = {
            f"bleu_{n}": bootstrap(self.bleu_counts, partial(_bleu_percent, longest=n))
            for n in range(1, caption_scores.LONGEST_NGRAM + 1)
        }
        if self.meteors is not None:
            found["meteor"] = bootstrap(100 * self.meteors)
        return found | {"content_f1": bootstrap(100 * self.contents), "cider": bootstrap(100 * self.ciders)}


def hubness(texts: Floats, background: Floats) -> Floats:
    """[t]: how near each text [t, dim] lies to pictures of anything [b, dim] that it fits best.

    Some texts lie near every picture. Where texts are ranked for a picture, much of that is taken off
    their scores (cross-domain similarity local scaling: Conneau et al., ICLR 2018).
    """
    nearest = np.sort(texts @ background.T, 1)[:, -max(1, len(background) // 80) :]
    found: Floats = HUBNESS * nearest.mean(1)
    return found


def retrieval(images: Floats, texts: Floats, owner: NDArray[np.int64], background: Floats | None = None) -> Retrieval:
    """Score unit embeddings [n, dim] and [t, dim]; owner[j] is the picture that text j describes.

    A picture's rank is that of the best of its own texts, less their `hubness` if there is a background;
    the order of pictures for a text does not depend on it. Equal scores count against us.
    """
    scores = texts @ images.T
    if background is not None:
        scores = scores - hubness(texts, background)[:, None]
    own = scores[np.arange(len(texts)), owner]
    text_ranks = (scores >= own[:, None]).sum(1)
    best = np.full(len(images), -np.inf, np.float32)
    np.maximum.at(best, owner, own)
    other = np.where(owner[:, None] == np.arange(len(images)), -np.inf, scores)
    return Retrieval(Recall(text_ranks), Recall(1 + (other >= best).sum(0)))


def captions(found: Sequence[str], references: Sequence[Sequence[str]], language: str = "en") -> CaptionScores:
    """Score one caption a picture against what people wrote about it; Chinese is counted by characters."""
    cut = [_words(text) for text in found]
    wanted = [[_words(text) for text in texts] for texts in references]
    english = language == "en" and wordnet.wordnet() is not None
    return CaptionScores(
        caption_scores.Cider(wanted).score(range(len(cut)), cut),
        caption_scores.content(cut, wanted),
        wordnet.meteor(cut, wanted) if english else None,
        caption_scores.bleu_counts(cut, wanted),
    )


def exact(found: Sequence[str], wanted: Sequence[str]) -> Floats:
    """[n]: 1 where an answer is right; several answers joined by commas are compared as sets."""
    pairs = zip(found, wanted, strict=True)
    return np.array([_answer_set(a) == _answer_set(b) for a, b in pairs], np.float32)


def bootstrap(items: NDArray[Any], statistic: Callable[[NDArray[Any]], float] | None = None, seed: int = 0) -> Score:
    """The statistic (default: the mean) over the items [n, ...] with its 95 % percentile interval, from
    as many items drawn anew a thousand times (Efron, 1979)."""
    if not len(items):
        return Score(0.0, 0.0, 0.0)
    measure = statistic or (lambda rows: float(rows.mean()))
    generator = np.random.default_rng(seed)
    again = [measure(items[generator.integers(0, len(items), len(items))]) for _ in range(RESAMPLED)]
    low, high = np.percentile(again, [2.5, 97.5])
    return Score(measure(items), float(low), float(high))


def _bleu_percent(counts: NDArray[Any], longest: int) -> float:
    return 100 * caption_scores.bleu(counts, longest)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+|[\u4e00-\u9fff]", text.lower())


def _answer_set(text: str) -> list[str]:
    return sorted(part.strip().lower() for part in text.split(","))
