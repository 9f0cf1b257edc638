"""Confidence: from an inner product to the probability that a text matches a picture.

What a score means differs from text to text: "people" lies near every picture, "two men play chess in
a park" near few. So a score is seen against the same text's scores with pictures of anything (the
background), and against the size of the library, whose best of ten thousand wrong pictures looks better
than its best of fifty. A logistic curve (Platt, 1999) over the three is fitted on hits that people's
captions judge: whole captions, of which half have no picture in the library, and single words, right
where any caption of the picture has the word. Captions of other pictures count as wrong though some
fit, so it errs on the low side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm.confidence import chances, features
from vlm.protocols import Floats

SIZES = (50, 200, 1000)
SHOWN = 20
BINS = 10


@dataclass(frozen=True)
class Queries:
    """Texts with their scores [t, n] with n pictures, the mean and spread of their scores with the
    background [t], whether each picture is right [t, n], and the picture that a caption is of, or -1 [t]."""

    scores: Floats
    mean: Floats
    spread: Floats
    right: NDArray[np.bool_]
    own: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64], pictures: NDArray[np.int64]) -> "Queries":
        """Some of the texts in a library of some of the pictures."""
        place = np.full(self.scores.shape[1] + 1, -1)
        place[pictures] = np.arange(len(pictures))
        part = np.ix_(rows, pictures)
        return Queries(self.scores[part], self.mean[rows], self.spread[rows], self.right[part], place[self.own[rows]])


@dataclass(frozen=True)
class Hits:
    """What searches showed: features [h, 4], whether right [h], the query of each [h], whether any picture
    of the library was right for that query [h]."""

    features: Floats
    right: NDArray[np.bool_]
    query: NDArray[np.int64]
    findable: NDArray[np.bool_]


@dataclass(frozen=True)
class Confidence:
    """confidence = sigmoid(weights @ (score, standing, log10 of the library's pictures, 1)), where
    the standing is (score - mean) / spread over the background; below the cutoff hits are left out."""

    weights: tuple[float, ...]
    cutoff: float


@dataclass(frozen=True)
class Diagram:
    """How far confidence is from the truth: the expected calibration error, and for each bin of confidence
    how many fell in it, their mean confidence and the share that was right."""

    error: float
    bins: list[tuple[int, float, float]]


@dataclass(frozen=True)
class Reliability:
    """The diagram of hits; in percent, of queries that nothing matches, those with a hit above the cutoff,
    and of those that something does, those whose best hit is kept."""

    hits: Diagram
    false_alarms: float
    kept: float


def hits(queries: Queries, seed: int = 0) -> Hits:
    """Search libraries of several sizes, drawn from the pictures, with captions and with words."""
    generator = np.random.default_rng(seed)
    total = queries.scores.shape[1]
    parts: list[Hits] = []
    first = 0
    for size in SIZES:
        for _ in range(max(1, 600 // size)):
            pictures = generator.permutation(total)[: min(size, total)]
            inside = np.isin(queries.own, pictures)
            captions = [
                generator.permutation(np.flatnonzero(where))[:100] for where in (inside, ~inside & (queries.own >= 0))
            ]
            words = generator.permutation(np.flatnonzero(queries.own < 0))[:200]
            found = _shown(queries.take(np.concatenate([*captions, words]), pictures), first)
            first = int(found.query.max()) + 1
            parts.append(found)
    columns = ((getattr(part, name) for part in parts) for name in ("features", "right", "query", "findable"))
    return Hits(*(np.concatenate(list(column)) for column in columns))


def _shown(queries: Queries, first: int) -> Hits:
    best = np.argsort(-queries.scores, 1, kind="stable")[:, :SHOWN]
    rows = np.arange(len(best))[:, None]
    values = features(
        queries.scores[rows, best], queries.mean[:, None], queries.spread[:, None], queries.scores.shape[1]
    )
    number = np.broadcast_to(first + rows, best.shape)
    findable = np.broadcast_to(np.any(queries.right, 1, keepdims=True), best.shape)
    return Hits(values.reshape(-1, 4), queries.right[rows, best].ravel(), number.ravel(), findable.ravel())


def fit(shown: Hits) -> Confidence:
    """The curve, by Newton's method, and the cutoff with the best F2 over hits: to miss one is worse than to
    show one too many, since each says how likely it is."""
    design, right = shown.features.astype(np.float64), shown.right.astype(np.float64)
    found = np.zeros(4)
    for _ in range(100):
        likely = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        gradient = design.T @ (likely - right) / len(right) + 1e-6 * found
        curvature = (design * (likely * (1 - likely))[:, None]).T @ design / len(right) + 1e-6 * np.eye(4)
        step = np.linalg.solve(curvature, gradient)
        found = found - step * min(1.0, 5 / float(np.abs(step).max()))
    weights = tuple(map(float, found))
    chance = chances(shown.features, weights)
    order = np.argsort(-chance)
    caught = np.cumsum(shown.right[order])
    best = int(np.argmax(5 * caught / (np.arange(1, len(order) + 1) + 4 * caught[-1])))
    return Confidence(weights, float(chance[order[best]]))


def diagram(chance: Floats, right: NDArray[np.bool_]) -> Diagram:
    """Expected calibration error (Naeini et al., AAAI 2015) of confidences [n] and the diagram behind it."""
    place = np.minimum((chance * BINS).astype(int), BINS - 1)
    count, sum_chance, sum_right = (
        np.bincount(place, weights, BINS) for weights in (None, chance, right.astype(float))
    )
    bins = [
        (int(n), float(p / max(n, 1)), float(r / max(n, 1)))
        for n, p, r in zip(count, sum_chance, sum_right, strict=True)
    ]
    return Diagram(float(np.abs(sum_chance - sum_right).sum() / max(len(chance), 1)), bins)


def reliability(shown: Hits, confidence: Confidence) -> Reliability:
    """How far the confidence of hits can be relied on."""
    chance = chances(shown.features, confidence.weights)
    drawn = diagram(chance, shown.right)
    best = np.zeros(int(shown.query.max()) + 1)
    np.maximum.at(best, shown.query, chance)
    findable = np.zeros(len(best), bool)
    findable[shown.query] = shown.findable
    above = best >= confidence.cutoff
    return Reliability(drawn, 100 * float(above[~findable].mean()), 100 * float(above[findable].mean()))


def temperature(scores: Floats, right: Sequence[int]) -> float:
    """What to divide answers' scores by so that their softmax is a probability (Guo et al., 2017).

    right[i] is the number of the right answer of question i, or -1 where it is not among the answers.
    """
    rows = np.arange(len(scores))
    index = np.asarray(right)

    def loss(divisor: float) -> float:
        scaled = scores / divisor
        scaled = scaled - scaled.max(1, keepdims=True)
        logs = scaled - np.log(np.exp(scaled).sum(1, keepdims=True))
        # An answer that cannot be given costs what a confident wrong one would.
        top = np.exp(logs.max(1))
        chosen = np.where(index >= 0, logs[rows, np.maximum(index, 0)], np.log(1 - np.minimum(top, 0.999)))
        return -float(chosen.mean())

    return float(min(np.arange(0.5, 4.01, 0.05), key=loss))
