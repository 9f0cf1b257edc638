"""The catalog copied from one database to another, from SQLite to PostgreSQL or back: all of it, or nothing.

Rows are streamed table by table in one transaction on either side, so that the copy is of one moment and counts only
when it is whole. Before that every row of both is read again and compared.
"""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, Table, bindparam, func, insert, literal_column, select, text, update
from sqlalchemy.orm import Session

from searcher import database, wordsearch
from searcher.catalog import Base, Claim, Image
from vlm.errors import AskpixError
from vlm.streams import batches

WORDS = "words"  # the index of words, which has no model
_BATCH = 5_000
_IMAGES = Image.metadata.tables["images"]
# What runs are at they are at where they began.
_TABLES = [table for table in Base.metadata.sorted_tables if table.name != Claim.__tablename__]

Place = Path | str  # a file of SQLite, or the address of a PostgreSQL database
Told = Callable[[str, int], None]  # takes the name of a table, and how many rows of it were copied and found equal
Row = tuple[Any, ...]


def place_of(name: str) -> Place:
    """Where a catalog is, by the address of a database, a library folder, or the file itself."""
    if "://" in name:
        return name
    path = Path(name).expanduser().absolute()
    return path if path.suffix == ".sqlite" else path / database.CATALOG


def copy(source: Place, target: Place, told: Told = lambda _table, _rows: None) -> dict[str, int]:
    """Copy a catalog to where there is none yet, or an empty one; how many rows of each table were copied.

    Nothing may be writing to either. Raises AskpixError when there is nothing to copy, something where it is to go,
    or a difference afterwards; then nothing is kept there.
    """
    if isinstance(source, Path) and not source.exists():
        raise AskpixError(f"there is no catalog at {source}; name a library folder, or postgresql://USER@HOST/NAME")
    with (
        _opened(source, create=False) as old,
        _made(target) as new,
        database.session(_of_one_moment(old)) as before,
        database.writing(new) as after,
    ):
        _check_empty(after, target)
        for table in _TABLES:
            _copy_table(before, after, table)
        _copy_words(before, after)
        _count_on(before, after)
        return {name: _compared(before, after, name, told) for name in [*(one.name for one in _TABLES), WORDS]}


@contextmanager
def _opened(place: Place, *, create: bool) -> Iterator[Engine]:
    engine = database.open_catalog(place, create=create)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _made(target: Place) -> Iterator[Engine]:
    """The target; a file gets its name when all is well."""
    if isinstance(target, str):
        with _opened(target, create=True) as engine:
            yield engine
        return
    if target.exists():
        raise AskpixError(f"there is a catalog at {target} already; move it away first, or name another place")
    part = target.with_name(f"{target.name}.part")
    ends = ("", "-wal", "-shm", ".lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for end in ends:  # of a copy that was cut off
            Path(f"{part}{end}").unlink(missing_ok=True)
        with _opened(part, create=True) as engine:
            yield engine
        os.replace(part, target)
    except OSError as error:
        raise AskpixError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        for end in ends:
            Path(f"{part}{end}").unlink(missing_ok=True)


def _of_one_moment(engine: Engine) -> Engine:
    """For reading what does not change in between; SQLite does it so anyway."""
    if database.kind(engine) == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def _check_empty(session: Session, target: Place) -> None:
    for table in _TABLES:
        if session.execute(select(table).limit(1)).first() is not None:
            name = f"the catalog {target}" if isinstance(target, Path) else database.name_of(target)
            raise AskpixError(f"{name} has rows in its table {table.name}; name an empty one, as createdb makes it")


def _rows(session: Session, table: Table) -> Generator[Row, None, None]:
    """The rows of a table, in the order of its key."""
    each = select(table).order_by(*table.primary_key).execution_options(yield_per=_BATCH)
    with session.execute(each) as found:  # closed also where nobody reads to the end
        yield from map(tuple, found)


def _copy_table(before: Session, after: Session, table: Table) -> None:
    names = [column.name for column in table.columns]
    best: dict[int, int] = {}
    for some in batches(_rows(before, table), _BATCH):
        rows = [dict(zip(names, row, strict=True)) for row in some]
        if table is _IMAGES:  # of which one may be a duplicate of another that comes later
            best = {row["id"]: row["duplicate_of"] for row in rows if row["duplicate_of"] is not None} | best
            rows = [{**row, "duplicate_of": None} for row in rows]
        _write(after, table, rows)
    later = update(_IMAGES).where(_IMAGES.c.id == bindparam("image")).values(duplicate_of=bindparam("best"))
    for some in batches(best.items(), _BATCH):
        after.connection().execute(later, [{"image": image, "best": other} for image, other in some])


def _write(session: Session, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows the quickest way that the database has."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
        return
    dialect = connection.dialect
    processed = {one.name: one.type.dialect_impl(dialect).bind_processor(dialect) for one in table.columns}
    quoted = ", ".join(map(dialect.identifier_preparer.quote, processed))
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({quoted}) FROM STDIN") as into:
        for row in rows:
            into.write_row([process(row[name]) if process else row[name] for name, process in processed.items()])


def _copy_words(before: Session, after: Session) -> None:
    for some in batches(_words(before), _BATCH // 10):
        wordsearch.write(after, dict(some))


def _words(session: Session) -> Generator[tuple[int, dict[str, str]], None, None]:
    """What the index of words has of each image, by column."""
    known: Select[Any] = select(literal_column("rowid")).select_from(text("words")).order_by(literal_column("rowid"))
    with session.execute(known.execution_options(yield_per=_BATCH)) as found:
        for ids in batches((row[0] for row in found), _BATCH // 10):
            yield from sorted(wordsearch.written(session, ids).items())


def _count_on(before: Session, after: Session) -> None:
    """Have keys count on where they had got to, also past images that are forgotten by now."""
    given = last_given(before)
    if after.connection().dialect.name == "sqlite":
        after.execute(text("DELETE FROM sqlite_sequence WHERE name = 'images'"))
        after.execute(text("INSERT INTO sqlite_sequence VALUES ('images', :given)"), {"given": given})
        return
    for table in _TABLES:
        if (key := table.autoincrement_column) is None:
            continue
        last = max(after.scalar(select(func.max(key))) or 0, given if table is _IMAGES else 0)
        if last:
            after.execute(
                text("SELECT setval(pg_get_serial_sequence(:table, :key), :last)"),
                {"table": table.name, "key": key.name, "last": last},
            )


def last_given(session: Session) -> int:
    """The highest id that an image was ever given."""
    if session.connection().dialect.name == "sqlite":
        return session.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'images'")) or 0
    known = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM images_id_seq")
    return session.scalar(known) or 0


def _compared(before: Session, after: Session, name: str, told: Told) -> int:
    """How many rows a table has on both sides, each of which was compared; raises AskpixError when any differs."""
    count = 0
    with closing(_plain(before, name)) as ours, closing(_plain(after, name)) as theirs:
        for one, other in zip_longest(ours, theirs):
            if one != other:
                raise AskpixError(
                    f"the copy differs in row {count + 1:,} of {name}, so nothing was kept; see that nobody writes to "
                    "either catalog, and copy it again"
                )
            count += 1
    told(name, count)
    return count


def _plain(session: Session, name: str) -> Generator[Row, None, None]:
    """The rows of a table without the character 0, which PostgreSQL keeps in no text."""
    with closing(_words_rows(session) if name == WORDS else _rows(session, Base.metadata.tables[name])) as rows:
        for row in rows:
            yield tuple(value.replace("\0", "") if isinstance(value, str) else value for value in row)


def _words_rows(session: Session) -> Generator[Row, None, None]:
    with closing(_words(session)) as words:
        for image_id, texts in words:
            yield (image_id, *texts.values())
