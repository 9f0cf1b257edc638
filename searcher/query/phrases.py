"""What people say in plain words: when and where a photo was taken, what is not on it.

`understand` takes such phrases out of a text, and says which parts of a plan they are. It is careful: what
is doubtful stays in the text, where it does little harm.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from itertools import chain
from typing import Literal, NamedTuple

from searcher.query.dates import dates
from searcher.query.negations import negations
from searcher.query.place_phrases import chinese_place_phrases, place_phrases
from searcher.query.tokens import BREAK, Phrase

_NOT = re.compile(r"(?<!\w)(?:(?:but|and|aber|und|mais|et|ale|a) )?(?:not|nicht|pas|ne) $|不是?$", re.IGNORECASE)
_LONGEST_NOT = 12  # characters
_COMMAS = re.compile(r" ?([,;])(?: ?[,;])*")
_OUTER = " ,;，、；。"
_LEFT_OVER = re.compile(
    r"^(?:(?:and|but|und|aber|et|mais|ale) )+|(?: (?:and|but|with|und|aber|mit|et|mais|avec|ale))+$"
)


class Said(NamedTuple):
    """A part of a plan that was said in plain words: its kind, its value (date:2022, or a thing), the words."""

    kind: Literal["where", "not"]
    value: str
    words: str


def understand(
    text: str, today: date | None, place: Callable[[str], bool], *, with_negations: bool = True
) -> tuple[str, list[Said]]:
    """What is left of a text, which may hold breaks (`searcher.query.tokens.BREAK`), and what was said in it.

    Dates are understood where it is known what day it is, places where `place` says that a name is one.
    Only one date and one place are: two at once are seldom what is meant, but for "since … before …".
    After "not" they are turned round. Raises nothing.
    """
    rest = BREAK.join(" ".join(line.split()) for line in text.split(BREAK))
    said: list[Said] = []
    if today is not None:
        rest = _take(rest, "where", _compatible(_terms(rest, "date", dates(rest, today))), said)
    known = cache(place)  # asked again for the same words, and the answer may come from a database
    found = sorted(chain(place_phrases(rest, known), chinese_place_phrases(rest, known)))
    rest = _take(rest, "where", _compatible(_terms(rest, "place", found)), said)
    if with_negations:
        rest = _take(rest, "not", negations(rest), said)
    rest = _COMMAS.sub(r"\1", " ".join(rest.split()))
    if said:
        rest = _LEFT_OVER.sub("", rest.strip(_OUTER))
    return rest.strip(_OUTER), said


def _terms(text: str, field: str, phrases: Iterable[Phrase]) -> Iterator[Phrase]:
    """The phrases with terms of that field for values, and with the "not" before them."""
    for start, end, values in phrases:
        turned = _NOT.search(text[max(start - _LONGEST_NOT, 0) : start])
        sign, begin = ("-", start - len(turned[0])) if turned else ("", start)
        yield Phrase(begin, end, tuple(f"{sign}{field}:{value}" for value in values))


def _compatible(phrases: Iterable[Phrase]) -> Iterator[Phrase]:
    """The phrases without those that overlap one before, or ask for another time or place than it does."""
    end = 0
    asked: list[str] = []
    for phrase in phrases:
        term = phrase.values[0]
        turned = term.startswith("-")
        if phrase.start < end or not (turned or all(_meet(one, term) or _meet(term, one) for one in asked)):
            continue
        end = phrase.end
        if not turned:
            asked.append(term)
        yield phrase


def _meet(since: str, until: str) -> bool:
    """Whether the first stretch of time is open at its end and the second at its beginning."""
    return since.endswith("..") and until.startswith("date:..")


def _take(text: str, kind: Literal["where", "not"], phrases: Iterable[Phrase], said: list[Said]) -> str:
    """The text with breaks where the phrases stood, which are added to what was said."""
    kept, place = [], 0
    for start, end, values in phrases:
        said += [Said(kind, value, text[start:end].strip()) for value in values]
        kept += [text[place:start], BREAK]
        place = end
    return "".join([*kept, text[place:]])
