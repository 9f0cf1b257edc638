"""How a damaged SQLite catalog is mended: its indexes from its tables, and else by copying what can still be read."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from searcher import database, sqlite, wholeness, wordsearch
from searcher.catalog import Image
from searcher.library import Library
from searcher.salvage import Salvaged, salvage
from searcher.upgrading import upgrade


def mend_catalog(path: Path) -> Iterator[str]:
    """Mend the catalog in a file, which nobody may be writing to; yields what was done, a line each.

    Where its tables are damaged it is kept beside under another name, and another one takes its place.
    """
    if not _faults(path):
        return
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as connection:
        connection.execute("REINDEX")
    if not _faults(path):
        yield "the indexes of the catalog were damaged, and are made anew"
        return
    with tempfile.TemporaryDirectory(prefix=".mending-", dir=path.parent) as name:
        copy, fresh = Path(name, "damaged.sqlite"), Path(name, "fresh.sqlite")
        for end in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{path}{end}", f"{copy}{end}")
        done = _rescued(copy, fresh)
        kept = _put_aside(path)
        fresh.replace(path)
    yield f"the catalog was damaged and is made anew: {done}; the damaged one is kept as {kept}"


def mend_words(library: Library) -> Iterator[str]:
    """Write SQLite's index of words anew from what the tables say, if it is damaged; yields a line then."""
    if wholeness.words_faults(library.engine):
        with database.writing(library.engine) as session:
            made = session.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'words'"))
            session.execute(text("DROP TABLE words"))
            session.execute(text(str(made)))
            count = _write_words(session)
        yield f"the index of words was damaged, and is made anew for {count:,} images"


def _rescued(copy: Path, fresh: Path) -> Salvaged:
    """Copy what can be read of a catalog into a new file, which is whole then; the other one may be changed."""
    engine = sqlite.engine_at(fresh)
    try:
        upgrade(engine, str(fresh), _revision(copy))
        done = salvage(copy, fresh)
        upgrade(engine, str(fresh))
        with database.writing(engine) as session:
            _write_words(session)
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")  # what was begun for it
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()
    return done


def _revision(path: Path) -> str:
    """The migration that a damaged catalog was brought to; the newest where it does not say."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
        except (sqlite3.DatabaseError, TypeError):
            return "head"


def _faults(path: Path) -> list[str]:
    engine: Engine = sqlite.engine_at(path)
    try:
        return wholeness.catalog_faults(engine, thorough=True)
    finally:
        engine.dispose()


def _put_aside(path: Path) -> str:
    """Give a catalog another name besides; its log goes with it, lest it be taken for the new one's."""
    kept = path.with_name(f"{path.stem}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}{path.suffix}")
    try:
        os.link(path, kept)
    except OSError:  # a disk without links
        shutil.copy(path, kept)
    with suppress(FileNotFoundError):
        Path(f"{path}-wal").replace(f"{kept}-wal")
    Path(f"{path}-shm").unlink(missing_ok=True)
    return kept.name


def _write_words(session: Session) -> int:
    ids = session.scalars(select(Image.id).order_by(Image.id)).all()
    wordsearch.refresh(session, ids)
    return len(ids)
