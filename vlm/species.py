"""Animals by their right names: where the classifier is sure of an animal that a caption calls a dog.

People's captions that a decoder learns from speak of few animals besides dogs. The base network's
classes know four hundred; so the decoder's sentence is kept and its noun replaced, as a detector's word
is put into a template's slot (Lu et al., "Neural Baby Talk", CVPR 2018).
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from vlm.protocols import Floats

# ImageNet's classes from tench to pufferfish are animals, and these are what captions call them.
ANIMALS = 398
CALLED = {
    "dog": range(151, 276),
    "puppy": range(151, 276),
    "cat": range(281, 286),
    "horse": range(339, 340),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "animal": (),
}
SURE = 0.4


def rightly_named(caption: str, classes: Floats, names: Sequence[str]) -> str:
    """The lower-cased English caption, its animal renamed if the class probabilities [1000] leave no doubt."""
    said = next((word for word in caption.split() if word in CALLED), None)
    if said is None:
        return caption
    chances: dict[str, float] = defaultdict(float)
    for i, name in enumerate(names[:ANIMALS]):
        chances[_plain(i, name)] += float(classes[i])
    animal = max(chances, key=lambda name: chances[name], default="")
    if chances[animal] < SURE or sum(classes[i] for i in CALLED[said]) >= SURE:
        return caption
    words = [animal if word == said else word for word in caption.split()]
    for i, word in enumerate(words[:-1]):
        if word in ("a", "an"):
            words[i] = "an" if words[i + 1][0] in "aeiou" else "a"
    return " ".join(words)


@cache
def _plain(index: int, name: str) -> str:
    """What one would call a class in a sentence: "polar bear" is a bear, an Egyptian Mau a cat."""
    for called in ("dog", "cat"):
        if index in CALLED[called]:
            return called
    return re.sub(r" *\(.*", "", name).split()[-1].lower()
