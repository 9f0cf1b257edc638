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

Ids = NDArray[np.int64]
# The words that may come next, [n, b, c] log probabilities and numbers, and [n, b], those of the end.
Next = tuple[Floats, Ids, Floats]
# tokens [n, b], past -> what may come next, past grown by one
Step = Callable[[Ids, Any], tuple[Next, Any]]
# past, picks [n, b] -> past with beam picks[i, j] of picture i in place j
Reorder = Callable[[Any, Ids], Any]


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


def choices(logs: Floats, tokens: Ids, marks: Marks) -> Next:
    """What may come next, by log probabilities [n, b, vocabulary] after tokens [n, b]: the best b words.

    More cannot be among the best b of all beams. A word is not written twice in a row.
    """
    end = logs[:, :, marks.end].copy()
    logs[:, :, [marks.end, *marks.never]] = -np.inf
    np.put_along_axis(logs, tokens[:, :, None], -np.inf, axis=2)
    best = np.argpartition(-logs, tokens.shape[1], axis=2)[:, :, : tokens.shape[1]]
    return np.take_along_axis(logs, best, 2), best, end


def search(
    step: Step, reorder: Reorder, past: Any, pictures: int, beams: int, longest: int, power: float, start: int
) -> list[Found]:
    """The best sequence for each of n pictures; `past` belongs to n pictures and `beams` beams."""
    rows = np.arange(pictures)[:, None]
    tokens = np.full((pictures, beams), start, np.int64)
    written = np.zeros((pictures, beams, 0), np.int64)
    # All beams begin alike: only the first may be continued at first, or they would stay alike.
    scores = np.full((pictures, beams), -np.inf, np.float32)
    scores[:, 0] = 0
    best: list[Found | None] = [None] * pictures
    best_score = np.full(pictures, -np.inf)
    for length in range(1, longest + 1):
        (logs, words, end), past = step(tokens, past)
        if length > 1:
            ended = scores + end
            for i, j in zip(*np.nonzero(ended / length**power > best_score[:, None]), strict=True):
                score = ended[i, j] / length**power
                if score > best_score[i]:
                    best_score[i] = score
                    best[i] = Found(written[i, j].tolist(), float(ended[i, j]))
        flat = (scores[:, :, None] + logs).reshape(pictures, -1)
        picks = np.argsort(-flat, axis=1, kind="stable")[:, :beams]
        scores = flat[rows, picks]
        beam = picks // logs.shape[2]
        tokens = words.reshape(pictures, -1)[rows, picks]
        written = np.concatenate([written[rows, beam], tokens[:, :, None]], 2)
        past = reorder(past, beam)
        # A beam can still win if, were all its further words certain, it would end better.
        if np.all(scores[:, 0] / longest**power <= best_score):
            break
    return [found or Found(written[i, 0].tolist(), float(scores[i, 0])) for i, found in enumerate(best)]
