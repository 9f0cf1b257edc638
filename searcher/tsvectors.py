"""PostgreSQL's index of words: stems made here, as SQLite's FTS5 makes them, in a tsvector with a GIN index.

Every stem bears the letter of its column, so that one index serves each column by itself and all of them.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import log
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    case,
    column,
    delete,
    func,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR, insert
from sqlalchemy.orm import Session

from searcher.wanted import COLUMNS, ROWS, Phrases, Wanted, apart
from searcher.words import porter

K1, B = 1.2, 0.75  # of BM25, as FTS5 has them
_SAMPLE = 10_000  # rows by whose length the usual one is known
_MOST = 16_383  # words of a column: PostgreSQL counts no further
_LONGEST = 64  # letters of a word; PostgreSQL keeps 2 kB
_STEMS = table(
    "words", column("rowid", Integer), *map(column, COLUMNS), column("stems", TSVECTOR), column("length", Integer)
)
_LETTERS = dict(zip(COLUMNS, "pctrw", strict=True))
_NOTHING = "!'x' & 'x'"  # no text is found by a phrase without words
_MARKS = dict.fromkeys(range(0x300, 0x332))  # accents that are signs of their own
_WORD = re.compile(r"[^\W_]+")
_LOGI_BLI = re.compile(r".*[aeiouy][^aeiouy].*(logi|bli)$")


def stems(text: str) -> Iterator[str]:
    """The words of a text as they are compared, in their order."""
    if not text.isascii():
        text = apart(text).translate(_MARKS)
    for word in _WORD.finditer(text):
        yield _stem(word[0])


@lru_cache(50_000)
def _stem(word: str) -> str:
    word = "".join(map(_plain, word.lower()))[:_LONGEST]
    return _amended(porter(word), word) if len(word) > 2 else word


def _amended(stem: str, word: str) -> str:
    """The stem as FTS5 has it, which knows Porter's own amendments: psychology, possibly; and trekking."""
    if _LOGI_BLI.match(stem):
        return stem[:-1]
    return stem[:-1] if stem.endswith("kk") and word.endswith(("kking", "kked")) else stem


def _plain(sign: str) -> str:
    """A Latin letter without its accents, or the sign."""
    if sign.isascii():
        return sign
    first = unicodedata.normalize("NFD", sign)[0]
    return first if first.isascii() else sign


def query(wanted: Wanted) -> str:
    """What is sought, as PostgreSQL writes it."""
    return " | ".join(f"({_phrases(one)})" for one in wanted)


def _phrases(wanted: Phrases) -> str:
    each = (f"({_phrase(text, wanted.columns, wanted.begun)})" for text in wanted.texts)
    return (" & " if wanted.every else " | ").join(each)


def _phrase(text: str, columns: Iterable[str], begun: bool) -> str:
    words = list(stems(text))
    if not words:
        return _NOTHING
    return " | ".join(
        "(" + " <-> ".join(f"'{_LETTERS[name]}:{word}'" for word in words) + (":*)" if begun else ")")
        for name in columns or COLUMNS
    )


def write(session: Session, texts: Mapping[int, Mapping[str, str]]) -> None:
    """Have these texts be what was written about images, by id and column."""
    rows = [{"rowid": i, **said, **_indexed(said)} for i, said in texts.items()]
    if rows:
        new = insert(_STEMS)
        # Others may write about the same images at the same time.
        values = {name: new.excluded[name] for name in (*COLUMNS, "stems", "length")}
        session.execute(new.on_conflict_do_update(index_elements=["rowid"], set_=values), rows)


def _indexed(said: Mapping[str, str]) -> dict[str, str | int]:
    """The stems with their places, and how many words there are."""
    places: dict[str, list[str]] = {}
    length = 0
    for name, text in said.items():
        place = 0
        for place, stem in enumerate(stems(text), 1):
            if place > _MOST:
                break
            places.setdefault(f"{_LETTERS[name]}:{stem}", []).append(str(place))
        length += place
    return {"stems": " ".join(f"'{stem}':{','.join(where)}" for stem, where in places.items()), "length": length}


def forget(session: Session, ids: Sequence[int]) -> None:
    """Drop the rows of images."""
    session.execute(delete(ROWS).where(ROWS.c.rowid.in_(ids)))


def plain(text: str) -> str:
    """A text of the index as it was written."""
    return text


def best(session: Session, found: Select[int], wanted: Wanted, most: int) -> Sequence[int]:
    """The ids of the most telling of those found, by FTS5's BM25."""
    phrases = [Phrases((text,), one.columns) for one in wanted for text in one.texts]
    rows, usual, *having = session.execute(_counted(phrases)).one()
    worth: list[ColumnElement[Any]] = []
    norm = K1 * (1 - B + B * _STEMS.c.length / max(float(usual), 1.0))
    for phrase, number in zip(phrases, having, strict=True):
        telling = max(log((max(rows, number) - number + 0.5) / (number + 0.5)), 1e-6)
        times = _times(phrase)
        worth.append(telling * times * (K1 + 1) / (times + norm))
    ranked = select(_STEMS.c.rowid).where(_STEMS.c.rowid.in_(found))
    return session.scalars(ranked.order_by(sum(worth, literal(0.0)).desc(), _STEMS.c.rowid).limit(most)).all()


def _counted(phrases: Sequence[Phrases]) -> Select[Any]:
    """How many rows there are, how long they are as a rule, and how many have each phrase; of many rows the former
    are as the server reckons."""
    some = select(_STEMS.c.length).limit(_SAMPLE).subquery()
    counted = select(func.count(), func.coalesce(func.avg(some.c.length), 0)).select_from(some).subquery().c
    reckoned: Select[Any] = select(literal_column("reltuples")).select_from(table("pg_class"))
    reckoned = reckoned.where(literal_column("oid") == literal_column("'words'::regclass"))
    rows = func.greatest(counted[0], case((counted[0] < _SAMPLE, 0), else_=reckoned.scalar_subquery()))
    having = (
        select(func.count()).select_from(_STEMS).where(_STEMS.c.stems.op("@@")(_tsquery(one))).scalar_subquery()
        for one in phrases
    )
    return select(rows, counted[1], *having)


def _times(phrase: Phrases) -> ColumnElement[int]:
    """How often a phrase of one word was written; of several words, whether it was."""
    words = list(stems(phrase.texts[0]))
    if len(words) != 1:
        return case((_STEMS.c.stems.op("@@")(_tsquery(phrase)), 1), else_=0)
    each = func.unnest(_STEMS.c.stems).table_valued("lexeme", "positions", "weights")
    own = each.c.lexeme.in_([f"{_LETTERS[name]}:{words[0]}" for name in phrase.columns or COLUMNS])
    times = select(func.coalesce(func.sum(func.cardinality(each.c.positions)), 0)).where(own)
    return sql_cast(times.scalar_subquery(), Integer)


def _tsquery(phrase: Phrases) -> ColumnElement[Any]:
    return sql_cast(literal(query((phrase,)), Text), TSQUERY)
