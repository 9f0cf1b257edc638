"""What can still be read of a damaged SQLite catalog, copied into a new one.

A table is read row by row past the pages that are damaged. What a row lost there may still stand in the table's
indexes, which are pages of their own: a row all of whose columns stand in these is whole again.
"""

import hashlib
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from searcher.catalog import PEOPLE, Base, FileName
from searcher.likeness import likeness
from vlm.picture import MAX_PIXELS, UnreadablePicture, open_picture
from vlm.streams import batches

_BEYOND = 1_000_000  # row numbers tried behind the last that could be read, where the greatest is not known
_BATCH = 1_000
_PAGE = 4_096
_SMALL = 64  # pixels of a side that a perceptual hash needs at least

Row = dict[str, Any]
Numbers = NDArray[np.int64]


@dataclass
class Salvaged:
    """How many rows of each table were kept; what indexes still say of those that were lost; and what was dropped
    since it belonged to one of these."""

    kept: dict[str, int] = field(default_factory=dict)
    lost: dict[str, list[Row]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        gone = {name: len(self.lost.get(name, ())) + self.dropped.get(name, 0) for name in self.kept}
        told = ", ".join(f"{count:,} of {name}" for name, count in gone.items() if count)
        kept = f"{sum(self.kept.values()):,} rows were kept"
        return f"{kept}, lost are {told}" if told else f"{kept}, none is known to be lost"


def salvage(damaged: Path, fresh: Path) -> Salvaged:
    """Copy what can be read of a catalog into another one, which is empty and of the newest kind.

    The damaged file is only read, and may have to be given a first page, so it is to be a copy.
    """
    done = Salvaged()
    _mend_head(damaged, fresh)
    with closing(_opened(damaged)) as source, closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        target.execute("PRAGMA foreign_keys = OFF")
        target.execute("BEGIN")
        for table in Base.metadata.sorted_tables:
            _copy(source, target, table.name, done)
        _keep_numbers(source, target)
        _images_of_files(target, done)
        _have_written_again(target, done)
        _drop_loose(target, done)
        target.execute("COMMIT")
    return done


def _opened(path: Path) -> sqlite3.Connection:
    opened = sqlite3.connect(path, isolation_level=None)
    opened.text_factory = lambda data: data.decode("utf-8", "replace")
    opened.execute("PRAGMA cell_size_check = ON")
    return opened


def _mend_head(damaged: Path, fresh: Path) -> None:
    """Give a catalog whose first page is lost that of a new one, if everything else of it is whole then.

    That page says where the tables begin, which is the same in all catalogs that were made by one version.
    """
    if _says(damaged, "SELECT name FROM sqlite_master"):
        return
    with closing(sqlite3.connect(fresh)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with damaged.open("r+b") as file, fresh.open("rb") as other:
        before, head = file.read(_PAGE), bytearray(other.read(_PAGE))
        head[28:32] = (damaged.stat().st_size // _PAGE).to_bytes(4, "big")
        head[32:40] = bytes(8)  # no page is free, as far as is known
        file.seek(0)
        file.write(head)
        file.flush()
        lines = [line for lines in _says(damaged, "PRAGMA quick_check") or ["nothing"] for line in lines.splitlines()]
        if not all(line == "ok" or line.startswith("***") or "never used" in line for line in lines):
            file.seek(0)
            file.write(before)


def _says(path: Path, question: str) -> list[str]:
    """The first column of what a database answers; nothing if it cannot."""
    with closing(_opened(path)) as source:
        try:
            return [row[0] for row in source.execute(question)]
        except sqlite3.DatabaseError:
            return []


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str, done: Salvaged) -> None:
    """Copy a table's rows, those that can be read first, then those that its indexes have whole."""
    about = target.execute(f"PRAGMA table_info({table})").fetchall()
    must = {row[1] for row in about if row[3] and row[4] is None}
    keys = [row for row in about if row[5]]
    number = keys[0][1] if len(keys) == 1 and keys[0][2] == "INTEGER" else None  # by SQLite's rule the row's own number
    try:
        there = {row[1] for row in source.execute(f"PRAGMA table_info({table})")}
    except sqlite3.DatabaseError:
        there = set()
    columns = [row[1] for row in about if row[1] in there]
    done.kept[table] = 0
    if not columns:
        return
    found = array("q")
    for rows in batches(_readable(source, table, columns), _BATCH):
        found.extend(row[0] for row in rows)
        done.kept[table] += _insert(target, table, columns, (row[1:] for row in rows))
    remains = _remains(source, table, set(columns), np.array(found, np.int64))
    done.lost[table] = []
    for at, row in remains.items():
        known = {number: at, **row} if number else row
        if must <= known.keys():
            done.kept[table] += _insert(target, table, list(known), [tuple(known.values())])
        else:
            done.lost[table].append(known)


def _readable(source: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of a table that can be read, each with its number before it, in the order of these."""
    last = -1
    top: int | None = None
    reading = f"SELECT rowid, {', '.join(columns)} FROM {table} WHERE rowid > ? ORDER BY rowid"  # noqa: S608  our names
    while True:
        try:
            for row in source.execute(reading, (last,)):
                last = row[0]
                yield row
            return
        except sqlite3.DatabaseError:
            top = _greatest(source, table, last) if top is None else top
        last += 1
        while last <= top and not _can_read(source, table, last):
            last += 1
        if last > top:
            return


def _greatest(source: sqlite3.Connection, table: str, last: int) -> int:
    try:
        return int(source.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0])  # noqa: S608
    except (sqlite3.DatabaseError, TypeError):
        return last + _BEYOND


def _can_read(source: sqlite3.Connection, table: str, after: int) -> bool:
    try:
        source.execute(f"SELECT rowid FROM {table} WHERE rowid > ? LIMIT 1", (after,)).fetchone()  # noqa: S608
    except sqlite3.DatabaseError:
        return False
    return True


def _remains(source: sqlite3.Connection, table: str, columns: set[str], found: Numbers) -> dict[int, Row]:
    """What the indexes of a table say of rows that were not found in it, by their numbers; `found` is in order."""
    rows: dict[int, Row] = {}
    try:
        indexes = [row[1] for row in source.execute(f"PRAGMA index_list({table})")]
        parts = {name: [row[2] for row in source.execute(f"PRAGMA index_info('{name}')")] for name in indexes}
    except sqlite3.DatabaseError:
        return rows
    for name, own in parts.items():
        for entries in batches(_indexed(source, table, name, own) if set(own) <= columns else (), _BATCH):
            numbers = np.array([entry[0] for entry in entries], np.int64)
            for i in np.flatnonzero(~np.isin(numbers, found)).tolist():
                rows.setdefault(entries[i][0], {}).update(zip(own, entries[i][1:], strict=True))
    return rows


def _indexed(source: sqlite3.Connection, table: str, index: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The entries of an index that can be read from either end: the number of the row, and its columns."""
    for order in ("ASC", "DESC"):
        by = ", ".join(f"{column} {order}" for column in columns)
        reading = f"SELECT rowid, {', '.join(columns)} FROM {table} INDEXED BY '{index}' ORDER BY {by}"  # noqa: S608
        try:
            yield from source.execute(reading)
            return
        except sqlite3.DatabaseError:
            continue


def _insert(target: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> int:
    """Insert rows but those that break a rule of the table, as what is garbled does; how many these were."""
    marks = ", ".join("?" * len(columns))
    into = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
    return target.executemany(into, rows).rowcount


def _keep_numbers(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Have no id given again that an image once had."""
    try:
        given = source.execute("SELECT seq FROM sqlite_sequence WHERE name = 'images'").fetchone()
        reserve_ids(target, int(given[0]))
    except (sqlite3.DatabaseError, TypeError, ValueError):  # then by the rows of vectors, which bear ids as well
        return


def reserve_ids(target: sqlite3.Connection, given: int) -> None:
    """Have ids up to `given` count as those of images that were."""
    done = target.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'images'", (given,)).rowcount
    if not done:
        target.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('images', ?)", (given,))


def _images_of_files(target: sqlite3.Connection, done: Salvaged) -> None:
    """Make images anew of which there is the hash still, and a file of that content."""
    still = []
    for row in done.lost.get("images", []):
        files = target.execute("SELECT folder, name FROM files WHERE image_id = ?", (row.get("id"),)).fetchall()
        made = next(filter(None, (_image_of(Path(*map(_named, file)), row) for file in files)), None)
        if made is None or not _insert(target, "images", list(made), [tuple(made.values())]):
            still.append(row)
        else:
            done.kept["images"] += 1
    done.lost["images"] = still


def _named(stored: str) -> str:
    """A name of a file as Python knows it."""
    return str(FileName().process_result_value(stored, sqlite_dialect()))


def _image_of(path: Path, row: Row) -> Row | None:
    """An image of the catalog as its file says, if that is still the same."""
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != row.get("hash"):
                return None
        picture = open_picture(path, _SMALL, MAX_PIXELS)
    except (OSError, UnreadablePicture):
        return None
    shape = {"width": picture.width, "height": picture.height, "format": picture.format}
    added = str(datetime.now(UTC).replace(tzinfo=None))  # as SQLAlchemy writes it
    return {**row, **shape, "likeness": likeness(picture.image), "added_at": added}


def _have_written_again(target: sqlite3.Connection, done: Salvaged) -> None:
    """Drop what models wrote of images some of whose tags are lost, so that they write it again."""
    for row in done.lost.get("tags", []):
        target.execute("DELETE FROM captions WHERE image_id = ? AND model = ? AND model <> ?", (*_of(row), PEOPLE))


def _of(row: Row) -> tuple[Any, Any]:
    return row.get("image_id"), row.get("model")


def _drop_loose(target: sqlite3.Connection, done: Salvaged) -> None:
    """Drop what belongs to rows that are lost; that of which an image is a duplicate is told by the next one."""
    target.execute("UPDATE images SET duplicate_of = NULL WHERE duplicate_of NOT IN (SELECT id FROM images)")
    while loose := target.execute("PRAGMA foreign_key_check").fetchall():
        for table, number, *_ in dict.fromkeys(row[:2] for row in loose):
            target.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))  # noqa: S608
            done.dropped[table] = done.dropped.get(table, 0) + 1
            done.kept[table] -= 1
