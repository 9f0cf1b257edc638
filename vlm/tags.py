"""Tags: words for what is in a picture, from the classes and words the model gave it."""

from collections.abc import Sequence

import numpy as np

from vlm.protocols import Floats, Tag

MOST = 8


def tags(
    classes: Floats,
    class_names: Sequence[str],
    class_floor: float,
    words: Floats,
    word_names: Sequence[str],
    word_floor: float,
    caption: str,
) -> list[Tag]:
    """The likeliest classes and words of one picture, best first, each name once.

    classes, words: probabilities [1000], [w]. A word that the caption has too needs only half the
    floor: two parts of the model say it.
    """
    scores: dict[str, float] = {}
    for i in np.flatnonzero(classes >= class_floor):
        name = class_names[i]
        scores[name] = max(scores.get(name, 0.0), float(classes[i]))
    written = set(caption.lower().split())
    for i in np.flatnonzero(words >= word_floor / 2):
        name = word_names[i]
        if words[i] >= word_floor or name in written:
            scores[name] = max(scores.get(name, 0.0), float(words[i]))
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:MOST]
    return [Tag(name, round(score, 3)) for name, score in best]
