"""Beam search: the likeliest word sequences, one batched step at a time.

As in Sutskever et al. (2014), with scores divided by length to a power (Wu et al., 2016) so that
longer captions are not always the less likely ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm.protocols import Floats

# tokens [n, b], past -> log probabilities [n, b, vocabulary], past grown by one
Step = Callable[[NDArray[np.int64], Any], tuple[Floats, Any]]
# past, picks [n, b] -> past with beam picks[i, j] of picture i in place j
Reorder = Callable[[Any, NDArray[np.int64]], Any]


@dataclass(frozen=True)
class Found:
    """The best sequence of one picture, without its start and end, and its words' log probabilities."""

    tokens: list[int]
    log_probability: float


@dataclass(frozen=True)
class Marks:
    """Numbers of the special words; `never` are not written."""

    start: int
    end: int
    never: tuple[int, ...]


def search(
    step: Step, reorder: Reorder, past: Any, pictures: int, beams: int, longest: int, power: float, marks: Marks
) -> list[Found]:
    """The best sequence for each of n pictures; `past` belongs to n pictures and `beams` beams."""
    rows = np.arange(pictures)[:, None]
    tokens = np.full((pictures, beams), marks.start, np.int64)
    written = np.zeros((pictures, beams, 0), np.int64)
    # All beams begin alike: only the first may be continued at first, or they would stay alike.
    scores = np.full((pictures, beams), -np.inf, np.float32)
    scores[:, 0] = 0
    best: list[Found | None] = [None] * pictures
    best_score = np.full(pictures, -np.inf)
    for length in range(1, longest + 1):
        logs, past = step(tokens, past)
        logs[:, :, list(marks.never)] = -np.inf
        if length == 1:
            logs[:, :, marks.end] = -np.inf
        _forbid_repeats(logs, tokens)
        totals = scores[:, :, None] + logs
        ended = totals[:, :, marks.end]
        for i, j in zip(*np.nonzero(ended / length**power > best_score[:, None]), strict=True):
            score = ended[i, j] / length**power
            if score > best_score[i]:
                best_score[i] = score
                best[i] = Found(written[i, j].tolist(), float(ended[i, j]))
        totals[:, :, marks.end] = -np.inf
        flat = totals.reshape(pictures, -1)
        picks = np.argpartition(-flat, beams, axis=1)[:, :beams]
        picks = np.take_along_axis(picks, np.argsort(-flat[rows, picks], axis=1, kind="stable"), 1)
        scores = flat[rows, picks]
        beam, tokens = np.divmod(picks, logs.shape[2])
        written = np.concatenate([written[rows, beam], tokens[:, :, None]], 2)
        past = reorder(past, beam)
        # A beam can still win if, were all its further words certain, it would end better.
        if np.all(scores[:, 0] / longest**power <= best_score):
            break
    return [found or Found(written[i, 0].tolist(), float(scores[i, 0])) for i, found in enumerate(best)]


def _forbid_repeats(logs: Floats, tokens: NDArray[np.int64]) -> None:
    """A word is not written twice in a row, in place."""
    np.put_along_axis(logs, tokens[:, :, None], -np.inf, axis=2)
