"""SQLite's index of words (FTS5), with Porter's stemmer and without accents."""

import re
from collections.abc import Mapping, Sequence

from sqlalchemy import Select, bindparam, delete, insert, literal_column
from sqlalchemy.orm import Session

from searcher.wanted import IDEOGRAPHS, ROWS, Phrases, Wanted, apart

_APART = re.compile(f" ({IDEOGRAPHS}) ")


def query(wanted: Wanted) -> str:
    """What is sought, as FTS5 writes it."""
    return " OR ".join(map(_phrases, wanted))


def _phrases(wanted: Phrases) -> str:
    each = (" AND " if wanted.every else " OR ").join(map(_phrase, wanted.texts)) + (" *" if wanted.begun else "")
    return f"{{{' '.join(wanted.columns)}}} : ({each})" if wanted.columns else f"({each})"


def _phrase(text: str) -> str:
    """A phrase as FTS5 writes it, whatever stands in it."""
    return '"{}"'.format(apart(text).replace('"', '""').replace("\0", " "))


def write(session: Session, texts: Mapping[int, Mapping[str, str]]) -> None:
    """Have these texts be what was written about images, by id and column."""
    forget(session, list(texts))
    rows = [{"rowid": i, **{name: apart(text) for name, text in said.items()}} for i, said in texts.items()]
    if rows:
        session.execute(insert(ROWS), rows)


def forget(session: Session, ids: Sequence[int]) -> None:
    """Drop the rows of images."""
    session.execute(delete(ROWS).where(ROWS.c.rowid == bindparam("id")), [{"id": i} for i in ids])


def best(session: Session, found: Select[int], _wanted: Wanted, most: int) -> Sequence[int]:
    """The ids of the most telling of those found."""
    return session.scalars(found.order_by(literal_column("rank")).limit(most)).all()


def plain(text: str) -> str:
    """A text of the index as it was written: ideographs are not apart."""
    return text if text.isascii() else _APART.sub(r"\1", text)
