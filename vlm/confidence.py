"""From an inner product to the probability that a text matches a picture.

What a score means differs from text to text: "people" lies near every picture, "two men play chess in
a park" near few. So a score is seen against the same text's scores with pictures of anything (the
background), and against the size of the library, whose best of ten thousand wrong pictures looks
better than its best of fifty. The weights are fitted in `vlm.training.calibrate`.
"""

from collections.abc import Sequence

import numpy as np

from vlm.protocols import Floats


def features(scores: Floats, mean: Floats | float, spread: Floats | float, pictures: int) -> Floats:
    """[..., 4] for scores of any shape: score, standing against the background, size of the library, 1."""
    found: Floats = np.stack(
        [
            scores,
            (scores - mean) / spread,
            np.full_like(scores, np.log10(max(pictures, 1))),
            np.ones_like(scores),
        ],
        -1,
    )
    return found


def chances(values: Floats, weights: Sequence[float]) -> Floats:
    """Features [..., 4] -> probabilities [...]."""
    found: Floats = (1 / (1 + np.exp(-np.clip(values @ np.array(weights), -30, 30)))).astype(np.float32)
    return found


def confidence(scores: Floats, query: Floats, background: Floats, pictures: int, weights: Sequence[float]) -> Floats:
    """Of scores [n] of a query [dim], against a background [b, dim] of pictures of anything: [n]."""
    against = background @ query
    return chances(features(scores, float(against.mean()), max(float(against.std()), 1e-6), pictures), weights)
