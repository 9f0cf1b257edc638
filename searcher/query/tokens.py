"""The words of a text, and phrases found among them."""

import re
from typing import NamedTuple

BREAK = "\n"  # stands in a text where no phrase goes on
EDGES = frozenset((BREAK, ",", ";"))
_TOKEN = re.compile(r"[ld]['’](?=\w)|[^\s,;]+|[,;\n]", re.IGNORECASE)


class Token(NamedTuple):
    """A word, comma or break, in small letters and without the punctuation after it, and where it stands."""

    word: str
    start: int
    end: int


class Phrase(NamedTuple):
    """Where a phrase stands in a text, and what it names: the value of a date filter, places, things."""

    start: int
    end: int
    values: tuple[str, ...]


def tokens(text: str) -> list[Token]:
    """The words of a text, its commas and its breaks; an article such as l' is a word."""
    return [
        Token(found[0].lower().replace("’", "'").rstrip(".!?:") or found[0], found.start(), found.end())
        for found in _TOKEN.finditer(text)
    ]
