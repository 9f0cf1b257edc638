"""Confidence: from an inner product to the probability that a text matches a picture.

A logistic curve (Platt, 1999) fitted on pictures the model was not trained on, with pairs weighted
as if one picture in `prior` matched a query: a guess at what libraries hold, since the true share
is the user's. Captions of other pictures count as wrong though some fit, so it errs on the low side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm.protocols import Floats

# Of the queries whose best hit is right, this share keeps that hit above the cutoff.
KEPT = 0.92


@dataclass(frozen=True)
class Pairs:
    """Scores of texts with their own pictures, with others', and of right best hits alone."""

    own: Floats
    other: Floats
    best: Floats


@dataclass(frozen=True)
class Confidence:
    """confidence = sigmoid(slope * score + intercept), and the cutoff below which hits are left out."""

    slope: float
    intercept: float
    cutoff: float


def pairs(scores: Floats, owner: NDArray[np.int64], seed: int = 0) -> Pairs:
    """Pairs of t texts with n pictures from their scores [t, n]; owner[j] is the picture of text j."""
    index = owner
    rows = np.arange(len(index))
    own = scores[rows, index]
    # As many random others as make the sample steady, never a text's own picture.
    shift = np.random.default_rng(seed).integers(1, max(scores.shape[1], 2), (20, len(index)))
    other = scores[rows, (index + shift) % scores.shape[1]].ravel()
    return Pairs(own, other, own[own >= scores.max(1)])


def fit(sets: Sequence[Pairs], prior: int) -> Confidence:
    """One curve for several sets that count alike, by Newton's method."""
    values = np.concatenate([part for each in sets for part in (each.own, each.other)]).astype(np.float64)
    right = np.concatenate([np.repeat([1.0, 0.0], [len(each.own), len(each.other)]) for each in sets])
    weights = np.concatenate(
        [
            np.repeat([1 / prior / len(each.own), (1 - 1 / prior) / len(each.other)], [len(each.own), len(each.other)])
            for each in sets
        ]
    )
    design = np.stack([values, np.ones_like(values)], 1)
    found = np.array([10.0, -8.0])
    for _ in range(100):
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        gradient = design.T @ (weights * (chance - right)) + 1e-6 * found
        curvature = (design * (weights * chance * (1 - chance))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        found = found - step * min(1.0, 5 / float(np.abs(step).max()))
    slope, intercept = map(float, found)
    best = np.concatenate([each.best for each in sets])
    cutoff = 1 / (1 + np.exp(-(slope * np.quantile(best, 1 - KEPT) + intercept)))
    return Confidence(slope, intercept, float(cutoff))


def calibration_error(sets: Sequence[Pairs], confidence: Confidence, prior: int, bins: int = 15) -> float:
    """Expected calibration error (Naeini et al., AAAI 2015) of pairs weighted by the prior."""
    total = 0.0
    for each in sets:
        values = np.concatenate([each.own, each.other])
        right = np.repeat([1.0, 0.0], [len(each.own), len(each.other)])
        weights = np.where(right, 1 / prior / len(each.own), (1 - 1 / prior) / len(each.other))
        chance = 1 / (1 + np.exp(-(confidence.slope * values + confidence.intercept)))
        place = np.minimum((chance * bins).astype(int), bins - 1)
        gap = np.bincount(place, weights * (chance - right), bins)
        total += float(np.abs(gap).sum())
    return total / len(sets)


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
