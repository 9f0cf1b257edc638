"""Whether something is in a picture, as the built-in model tells it best.

Its answerer learnt yes and no from questions about some seventy things, of which half were answered with yes. Asked
for anything else it guesses, and asked of many pictures, few of which show the thing, it finds it everywhere. The
probabilities of words, which the vision network gives for some seven hundred of them, know more and are calibrated,
and its thousand classes know animals and objects by their names; so a question whether one of these is there is
answered by all together. And "is it indoors?", which the answerer answers by chance, it is asked as "is it indoors or
outdoors?", which it answers well.

Of 75 words, in Flickr8k's dev pictures with two captions or more that have them, against those without them in any, at
the rate at which they come: of what words and answerer say is there, 65 % is, for things that the answerer learnt, and
57 % for others (by the answerer alone 14 and 3 %), and 61 and 60 % of what is there are found (69 and 22 %). Of 54
pictures, half of them indoors, 94 % are told right (by the other question 59 %). Of 200 ImageNet pictures, asked for
what they show, 55 % get a yes (12 %), asked for what another one shows, 99.5 % a no (96.5 %).
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlm.species import CALLED
from vlm.things import things

YES, NO = "yes", "no"
INDOORS, OUTDOORS = "indoors", "outdoors"
WHICH = "is it indoors or outdoors?"
# A logistic regression of whether it is there on the two log-odds, each thing's pictures weighed by their number to the
# power of two thirds: between what is right most often and what finds most.
_BY_WORDS, _BY_ANSWERER, _BIAS = 1.07, 0.37, 0.6
_LEAST = 1e-4
CERTAIN = 0.4  # the probability from which the classifier is sure of an animal

_SHOWN = r"(?:the|this) (?:picture|photo|photograph|image)"
_ENDS = rf"(?: (?:here|there|visible|in it|(?:in|on) {_SHOWN}))*"
_THERE = re.compile(
    rf"(?:(?:is|are) there|(?:can|do) you see|(?:does|do) (?:{_SHOWN}|it) (?:show|have|contain)|is it|is this)"
    rf" (?:an? |any |some |the )?(?P<thing>[\w-]+(?: [\w-]+){{0,3}}?){_ENDS} ?\??"
)
_PLACE = re.compile(rf"(?:is|was) (?:it|this|{_SHOWN})(?: taken)? (?P<place>in(?:doors|side)|out(?:doors|side)) ?\??")


@dataclass(frozen=True)
class Shown:
    """How likely the classifier finds that a picture shows something, and, of an animal, that it shows another one."""

    this: float
    another: float = 0.0


def stated(question: str) -> str:
    """The question, in small letters, as it is best put to the answerer."""
    return WHICH if _PLACE.fullmatch(question) else question


def forms(question: str) -> Sequence[str]:
    """What a question in small letters asks for, in the singular and plural; none if it asks for no single thing."""
    found = _THERE.fullmatch(question)
    if not found or _PLACE.fullmatch(question):
        return ()
    thing = found["thing"]
    known = things("en").get(thing)
    own = known.forms["en"] if known else None
    return tuple(dict.fromkeys([thing, *([own.one, own.several] if own else [thing.removesuffix("s"), f"{thing}s"])]))


def judged(
    question: str,
    answer: Callable[[str], float],
    word: Callable[[str], float | None],
    shown: Callable[[Sequence[str]], Shown | None],
) -> float | None:
    """How likely the answer to a question in small letters is yes; None where the answerer's own answer is to count.

    `answer` gives the probability of an answer to the question as it is `stated`; `word` that of a word, None for one
    that is not among them; `shown` what the classifier says of something by its forms, None if it has no class for it.
    """
    if found := _PLACE.fullmatch(question):
        both = answer(INDOORS) + answer(OUTDOORS)
        return answer(INDOORS if found["place"].startswith("in") else OUTDOORS) / both if both else None
    asked = forms(question)
    seen = shown(asked) if asked else None
    sure = _by_words(max((p for form in asked if (p := word(form)) is not None), default=None), answer)
    if seen is None:
        return sure
    if sure is None:
        return seen.this
    return max(seen.this, sure if seen.another < CERTAIN else min(sure, 1 - seen.another))


def _by_words(word: float | None, answer: Callable[[str], float]) -> float | None:
    both = answer(YES) + answer(NO)
    if word is None or not both:
        return None
    odds = _BY_WORDS * _log_odds(word) + _BY_ANSWERER * _log_odds(answer(YES) / both) + _BIAS
    return 1 / (1 + math.exp(-odds))


def class_names(names: Sequence[str]) -> dict[str, list[int]]:
    """What one calls the things of the 1,000 classes: the numbers of the classes by each name, in small letters."""
    numbers: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        whole = re.sub(r" *\(.*", "", name).lower()
        called = {name for name, some in CALLED.items() if i in some}
        for one in {whole, whole.split()[-1], *called}:
            numbers.setdefault(one, []).append(i)
    return numbers


def _log_odds(probability: float) -> float:
    inside = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(inside / (1 - inside))
