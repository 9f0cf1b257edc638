"""Whether a library is whole: its catalog, its vectors, and what is made of both. Nothing is changed here.

The segments have checksums, and bear the ids of their images, which the catalog knows as well; the trained index has a
checksum. SQLite's pages have none: what is found in them is whatever breaks their order, or the rules of the catalog.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from searcher import database
from searcher.catalog import Embedding, VectorRows
from searcher.segments import DESCRIPTION, Segments, described
from vlm.errors import first_line

INDEX = "index.faiss"
_MOST = 20  # faults of the catalog that are looked for


@dataclass(frozen=True)
class Stored:
    """The vectors of one model in a library's folder, of which the first `count` rows are committed."""

    model: str
    folder: Path
    segments: Segments
    count: int

    @property
    def pieces(self) -> list[range]:
        """The rows of each segment."""
        return self.segments.pieces(self.count)


def stored(folder: Path, counts: dict[str, int]) -> list[Stored]:
    """The vectors that lie in a library's folder; `counts` are the committed rows by model.

    Raises AskpixError when it cannot be told whose they are.
    """
    found = []
    for about in sorted((folder / "vectors").glob(f"*/{DESCRIPTION}")):
        if said := described(about.parent):
            found.append(Stored(said[0], about.parent, Segments(about.parent, said[1]), counts.get(said[0], 0)))
    return found


def committed(session: Session) -> dict[str, int]:
    """How many rows of vectors the catalog knows of, by model."""
    last = select(Embedding.model, func.max(Embedding.position) + 1).group_by(Embedding.model)
    found = {row[0]: row[1] for row in session.execute(last)}
    for model, count in session.execute(select(VectorRows.model, VectorRows.count)):
        found[model] = max(count, found.get(model, 0))
    return found


def damaged_rows(engine: Engine, one: Stored, rows: range) -> list[range]:
    """Ranges among these rows that are not on the disk, whose checksums fail, or which are not of the image that the
    catalog says."""
    bad = np.zeros(len(rows), bool)
    for some in one.segments.damaged(rows.start, rows.stop):
        bad[max(some.start - rows.start, 0) : max(some.stop - rows.start, 0)] = True
    with database.session(engine) as session:
        within = Embedding.position.between(rows.start, rows.stop - 1)
        known = session.execute(
            select(Embedding.position, Embedding.image_id).where(Embedding.model == one.model, within)
        ).all()
    if known:
        expected = np.full(len(rows), -1, np.int64)
        positions, images = np.array(known, np.int64).T
        expected[positions - rows.start] = images
        for first, ids in one.segments.ids(rows.start, rows.stop):
            wanted = expected[first - rows.start : first - rows.start + len(ids)]
            bad[first - rows.start : first - rows.start + len(ids)] |= (wanted >= 0) & (wanted != ids)
    edges = np.flatnonzero(np.diff(bad, prepend=False, append=False)) + rows.start
    return [range(start, stop) for start, stop in edges.reshape(-1, 2).tolist()]


def damaged_index(one: Stored) -> bool:
    """Whether there is a trained index that is not as it was written."""
    from searcher.index import is_whole

    path = one.folder / INDEX
    return path.exists() and not is_whole(path)


def catalog_faults(engine: Engine, *, thorough: bool = False) -> list[str]:
    """What is wrong with an SQLite catalog; thoroughly, with its indexes and references as well."""
    if database.kind(engine) != "sqlite":
        return []
    try:
        with engine.connect() as connection:
            return page_faults(connection, thorough=thorough)
    except DatabaseError as error:
        return [first_line(error.orig or error)]


def page_faults(connection: Connection, *, thorough: bool = False) -> list[str]:
    """As `catalog_faults`; DatabaseError when that cannot be told."""
    check = "integrity_check" if thorough else "quick_check"
    said = list(connection.execute(text(f"PRAGMA {check}({_MOST})")).scalars())
    if thorough and said == ["ok"]:
        loose = connection.execute(text("PRAGMA foreign_key_check")).all()
        said += [f"a row of {row[0]} belongs to one of {row[2]} that is not there" for row in loose[:_MOST]]
    return [line for lines in said if lines != "ok" for line in lines.splitlines()]


def words_faults(engine: Engine) -> list[str]:
    """What is wrong with SQLite's index of words, or lacking in it; nothing where the catalog may not be written."""
    if database.kind(engine) != "sqlite":
        return []
    lacking = text(
        "SELECT count(*) FROM (SELECT image_id FROM captions UNION SELECT image_id FROM details"
        " EXCEPT SELECT rowid FROM words)"
    )
    try:
        with engine.execution_options(writing=True).connect() as connection:
            count = connection.execute(lacking).scalar()
            with suppress(OperationalError):  # a library that may only be read
                connection.execute(text("INSERT INTO words(words) VALUES ('integrity-check')"))
            connection.rollback()
    except OperationalError:
        return []
    except DatabaseError as error:
        return [first_line(error.orig or error)]
    return [f"the words of {count} images are not in it"] if count else []


def told(ranges: list[range], one: Stored) -> str:
    """Damaged rows in words."""
    count = sum(map(len, ranges))
    return f"{count:,} of {one.count:,} vectors of {one.model} are damaged, from row {ranges[0].start:,} on"
