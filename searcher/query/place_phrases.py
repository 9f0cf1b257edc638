"""Phrases such as "in Lyon" or "near Lake Garda" in a text, where there are photos from there."""

import re
from collections.abc import Callable, Iterator, Sequence

from searcher.query.tokens import EDGES, Phrase, Token, tokens

_LONGEST = 4  # words
_LONGEST_CHINESE = 8  # characters
_PREPOSITIONS = frozenset("in|from|at|near|around|aus|bei|nahe|à|au|aux|en|de|d'|du|des|v|ve|z|ze|u|poblíž".split("|"))
_ARTICLES = frozenset("the|der|die|das|den|dem|le|la|les|l'".split("|"))
# "From Paris to Lyon" and "in Paris or Lyon" are no one place.
_ANOTHER = frozenset("to|and|or|nach|und|oder|à|et|ou|do|a|nebo".split("|"))
_CHINESE = re.compile(r"在|的")
_CHINESE_TAIL = re.compile(r"(?:拍摄|拍攝|拍)?的")


def place_phrases(text: str, known: Callable[[str], bool]) -> Iterator[Phrase]:
    """The phrases that name a place after a preposition, the longest it can be, or one and after a comma others."""
    found = tokens(text)
    place = 0
    while place < len(found):
        named = _name(text, found, place + 1, known) if found[place].word in _PREPOSITIONS else None
        if named is None:
            place += 1
            continue
        names, end = [named[0]], named[1]
        while named and end < len(found) and found[end].word == ",":
            if named := _name(text, found, end + 1, known):
                names.append(named[0])
                end = named[1]
        another = end < len(found) and found[end].word in _ANOTHER and _name(text, found, end + 1, known)
        if not another:
            yield Phrase(found[place].start, found[end - 1].end, tuple(names))
        place = end


def _name(text: str, found: Sequence[Token], start: int, known: Callable[[str], bool]) -> tuple[str, int] | None:
    """The longest name of a place that begins there, with its article or without, and the place after it."""
    starts = [start, start + 1] if start < len(found) and found[start].word in _ARTICLES else [start]
    for first in starts:
        for end in range(min(first + _LONGEST, len(found)), first, -1):
            name = text[found[first].start : found[end - 1].end].rstrip(".!?:")
            can_be_one = EDGES.isdisjoint(name) and name.isprintable() and any(map(str.isalpha, name))
            if can_be_one and known(name):
                return name, end
    return None


def chinese_place_phrases(text: str, known: Callable[[str], bool]) -> Iterator[Phrase]:
    """The phrases in Chinese that name a place: 在巴黎, 巴黎的."""
    place = 0
    for found in _CHINESE.finditer(text):
        if found.start() < place:
            continue
        for length in range(_LONGEST_CHINESE, 1, -1):
            start = found.end() if found[0] == "在" else found.start() - length
            name = text[start : start + length]
            if start < place or len(name) < length or not name.replace("·", "").isalpha() or not known(name):
                continue
            tail = _CHINESE_TAIL.match(text, start + length)
            place = tail.end() if tail else start + length
            yield Phrase(min(start, found.start()), place, (name,))
            break
