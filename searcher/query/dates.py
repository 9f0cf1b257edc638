"""Phrases such as "last summer" or "vor drei Jahren" in a text, and the values of date filters they stand for.

Words are read by the tables of `searcher.query.calendar_words`; Chinese, which has no spaces between words, in
`searcher.query.chinese_dates`. A week begins on Monday. Summer is June to August and winter December to
February, as in the northern half of the world, where most photos are taken. "Last summer" is the latest
that is over, "last week" the one before this week, "3 weeks ago" the whole of that week.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from heapq import merge

from searcher.query.calendar_words import LANGUAGES
from searcher.query.chinese_dates import chinese_dates
from searcher.query.date_reader import DateReader, is_year
from searcher.query.tokens import EDGES, Phrase, Token, tokens


def dates(text: str, today: date) -> Iterator[Phrase]:
    """The date phrases of a text, in its order.

    A year without a preposition is one where it begins or ends a run of words ("beach 2022"), unless
    there is nothing but that year.
    """
    return merge(_spaced_dates(tokens(text), today), chinese_dates(text, today))


def _spaced_dates(found: Sequence[Token], today: date) -> Iterator[Phrase]:
    words = [token.word for token in found]
    with_year = any(word[:4].isdecimal() for word in words)
    readers = [
        DateReader(words, language, today)
        for language in LANGUAGES
        if with_year or not language.marks.isdisjoint(words)
    ]
    place = 0
    while place < len(words):
        read = [phrase for reader in readers if (phrase := reader.phrase(place))]
        value, end = max(read, key=lambda phrase: phrase[1], default=("", place))
        if not read and _is_lone_year(words, place, today):
            value, end = words[place], place + 1
        if value:
            yield Phrase(found[place].start, found[end - 1].end, (value,))
        place = max(end, place + 1)


def _is_lone_year(words: Sequence[str], place: int, today: date) -> bool:
    if not is_year(words[place], today):
        return False
    at_an_edge = place in {0, len(words) - 1} or not EDGES.isdisjoint((words[place - 1], words[place + 1]))
    return at_an_edge and any(word not in EDGES for i, word in enumerate(words) if i != place)
