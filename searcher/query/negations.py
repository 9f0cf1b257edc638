"""What must not be on a photo, said in plain words: "without people", "ohne Menschen", 没有人的海滩."""

import re
from collections.abc import Iterator

from searcher.query.tokens import Phrase

# For each language the words that turn round what follows, and those that end it, as commas do.
_LANGUAGES = (
    (
        r"(?:(?:but|and|with|(?:that|who|which) (?:is|are|was|were)) )?"
        r"(?:not(?! (?:only|just|too|so|very|quite|yet|even|all|much|many)\b)|without|no(?! \d)) ",
        "and|but|without|not",
    ),
    (r"(?:(?:aber|und) )?(?:ohne|kein(?:e[nmrs]?)?) |aber nicht ", "und|aber|ohne"),
    (r"(?:(?:mais|et) )?(?:sans |pas (?:de |d['’]))", "et|mais|sans"),
    (r"(?:(?:ale|a) )?beze? |ale ne |(?<=, )ne ", "a|ale|bez"),
)
_SPACED = tuple(
    re.compile(rf"(?<![\w'’-])(?:{words})(?P<what>[^,;\n]+?)(?= (?:{ends}) | ?(?:[,;\n]|$))", re.IGNORECASE)
    for words, ends in _LANGUAGES
)
_CHINESE = re.compile(r"(?:没有|沒有|不要|不含|不带|不帶)(?P<what>[^的,，。、;；\s]+)的?")
_OR = re.compile(r" (?:or|nor|oder|ou|nebo|ani) ", re.IGNORECASE)
_ANY = re.compile(r"any |irgendwelche ", re.IGNORECASE)
# After these the word is part of a name or of a verb: a "no smoking" sign, "do not enter", le Pas de Calais.
_BOUND = frozenset("a an the this that of do does did can could will would should must le du au".split())


def negations(text: str) -> Iterator[Phrase]:
    """The phrases of a text, with single spaces, that say what is not there, up to a comma, and, but or the end."""
    end = 0
    found = (match for pattern in (*_SPACED, _CHINESE) for match in pattern.finditer(text))
    for match in sorted(found, key=lambda one: (one.start(), one.end())):
        before = text[: match.start()].rstrip().rpartition(" ")[2].lower()
        things = tuple(_ANY.sub("", thing, 1).strip() for thing in _OR.split(match["what"]))
        if match.start() >= end and before not in _BOUND and all(map(_is_word, things)):
            yield Phrase(match.start(), match.end(), things)
            end = match.end()


def _is_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
