"""Tags: words for what is in a picture, from the classes and words the model gave it."""

from collections.abc import Sequence

import numpy as np

from vlm.protocols import Floats, Tag

MOST = 8


def named(probabilities: Floats, names: Sequence[str], floor: float) -> dict[str, float]:
    """The names whose probability is at least the floor; a name that occurs twice keeps its best."""
    found: dict[str, float] = {}
    for i in np.flatnonzero(probabilities >= floor).tolist():
        found[names[i]] = max(found.get(names[i], 0.0), float(probabilities[i]))
    return found


def tags(classes: dict[str, float], words: dict[str, float], floor: float, caption: str) -> list[Tag]:
    """The likeliest classes and words of one picture, best first, each name once.

    A word must reach the floor, but half of it will do where the caption has the word too: then two
    parts of the model say it.
    """
    written = set(caption.lower().split())
    sure = {name: score for name, score in words.items() if score >= floor or name in written}
    scores = {name: max(classes.get(name, 0.0), sure.get(name, 0.0)) for name in classes | sure}
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:MOST]
    return [Tag(name, round(score, 3)) for name, score in best]
