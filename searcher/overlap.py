"""What the words of a query and those that were written about photos have in common."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log

import numpy as np
from sqlalchemy.orm import Session

from searcher import wordsearch
from searcher.words import without_accents, words
from vlm.protocols import Floats

COMMON = 20_000  # photos that have a word, from which it tells next to nothing
RARE = 2_000  # photos of which machines wrote a word, up to which it finds them: of more, any few are chance finds
FOUND = 30  # photos that are found by their words
# What a query's words are worth where they were written, in spreads of the embeddings' scores; chosen on the dev sets
# (python -m benchmarks.fusion). People's words, and those that stand in the picture, name what no embedding knows.
WORTH = {"captions": 0.3, "tags": 1.0, "places": 8.0, "reading": 8.0, "people": 8.0}
SAID = ("places", "reading", "people")


@dataclass(frozen=True)
class Asked:
    """The words of a query by their stems, and how much each tells: the logarithm of one in how many photos has it."""

    words: dict[str, str]
    telling: dict[str, float] = field(default_factory=dict)
    rare: tuple[str, ...] = ()  # the words by which photos can be found
    less_rare: tuple[str, ...] = ()  # those by which they can if people or the photos themselves say them

    @cached_property
    def beginnings(self) -> tuple[str, ...]:
        """What a text must hold in which one of the words stands: stems begin words but for their last letter."""
        return tuple(stem[:-1] if len(stem) > 3 else stem for stem in self.words)


def asked(session: Session, text: str, photos: int) -> Asked:
    """The words of a text, weighed among so many photos."""
    found = words(text)
    having = dict(zip(found, wordsearch.counts(session, list(found.values()), COMMON), strict=True))
    telling = {stem: log(1 + photos / (1 + count)) for stem, count in having.items()}
    rare = tuple(found[stem] for stem, count in having.items() if 0 < count <= RARE)
    less_rare = tuple(found[stem] for stem, count in having.items() if RARE < count < COMMON)
    return Asked(found, telling, rare, less_rare)


def found_by_words(session: Session, query: Asked, allowed: Sequence[int] | None) -> Sequence[int]:
    """The ids of the photos, out of those allowed, in which the query's words tell most."""
    wanted = [wordsearch.any_of(query.rare)] if query.rare else []
    if query.less_rare:
        wanted.append(wordsearch.any_of(query.less_rare, SAID))
    return wordsearch.best(session, wanted, FOUND, allowed) if wanted else []


@dataclass(frozen=True)
class Shared:
    """What n photos share with a query: the worth of it [n], which part of the query people or the pictures say
    themselves [n], and the words by column."""

    worth: Floats
    said: Floats
    words: list[dict[str, list[str]]]


def shared(session: Session, query: Asked, ids: Sequence[int]) -> Shared:
    """What was written about photos compared with a query."""
    worth, said = np.zeros((2, len(ids)), np.float32)
    found: list[dict[str, list[str]]] = [{} for _ in ids]
    total = sum(query.telling.values())
    if not total:
        return Shared(worth, said, found)
    written = wordsearch.written(session, ids)
    for row, image_id in enumerate(ids):
        named: set[str] = set()
        for column, text in written.get(image_id, {}).items():
            plain = without_accents(text.lower())
            if not any(beginning in plain for beginning in query.beginnings):
                continue  # which is quicker than to cut it into words
            if common := query.words.keys() & words(text).keys():
                found[row][column] = [query.words[stem] for stem in query.words if stem in common]
                worth[row] += WORTH[column] * sum(query.telling[stem] for stem in common) / total
                if column in SAID:
                    named |= common
        said[row] = sum(query.telling[stem] for stem in named) / total
    return Shared(worth, said, found)
