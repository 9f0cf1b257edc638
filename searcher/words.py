"""Words of a query and of what was written about photos, in the form in which they are compared.

English words are brought to their stems, accents are dropped, and runs of Chinese, Japanese and Korean are cut into
pairs of characters, which stand for words well enough (bigrams: Nie, Gao, Zhang and Zhou, IRAL 2000).
"""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from threading import Lock

from Stemmer import Stemmer

from searcher.wanted import IDEOGRAPHS

_STOP = frozenset(
    "a an and are as at be by for from has have in is it its of on or s that the their there these this to was "
    "were while with der die das ein eine und im auf mit le la les un une des et dans sur du 的 了 在 是 和 着".split()
)
_WORD = re.compile(rf"{IDEOGRAPHS}+|\w+")
_PLAIN = re.compile(r"\w+", re.ASCII)
_CUT = re.compile(rf"({IDEOGRAPHS}+)")
_porter = Stemmer("porter")
_one_at_a_time = Lock()  # a stemmer has a state of its own


def words(text: str) -> dict[str, str]:
    """The words of a text without those that say nothing, by the form in which they are compared, in their order."""
    found: dict[str, str] = {}
    if text.isascii():
        for word in _PLAIN.findall(text):
            if word.lower() not in _STOP:
                found.setdefault(_stem(word), word)
        return found
    for run in _WORD.findall(text):
        for piece in filter(None, _CUT.split(run)):
            for word in _pieces(piece):
                if word.lower() not in _STOP:
                    found.setdefault(_stem(word), word)
    return found


def _pieces(run: str) -> list[str]:
    if not _CUT.match(run) or len(run) == 1:
        return [run]
    return [one + other for one, other in pairwise(run)]


@lru_cache(50_000)
def _stem(word: str) -> str:
    return porter(without_accents(word.lower()))


def porter(word: str) -> str:
    """The stem of a word in small letters (Porter, Program 14(3), 1980)."""
    with _one_at_a_time:
        stem: str = _porter.stemWord(word)
    return stem


def without_accents(text: str) -> str:
    """A text with its letters alone."""
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
