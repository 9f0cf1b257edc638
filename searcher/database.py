"""How the catalog's database is opened, upgraded and used: units of work for reading and for writing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from searcher.catalog import REVISION
from vlm.errors import AskpixError


def open_catalog(path: Path) -> Engine:
    """Open the SQLite catalog at `path`, making or upgrading it as needed.

    Raises AskpixError when the file is no catalog, or one of a newer askpix.
    """
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    try:
        with engine.connect() as connection:
            found = _revision(connection)
        if found != REVISION:
            _upgrade(engine, path)
    except DatabaseError as error:
        raise AskpixError(f"the catalog {path} cannot be read ({error.orig}); restore it or index afresh") from error
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    connection.create_function("casefold", 1, lambda text: text and text.casefold(), deterministic=True)
    connection.isolation_level = None  # transactions begin as `_begin` says, not when Python's driver thinks fit
    # WAL lets searches go on while a run writes; NORMAL still survives a crash of the process,
    # and after a power cut loses at most the last steps, which the next run does again.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # One who reads first and writes then cannot wait for another who wrote meanwhile; who says so at once can.
    how = "IMMEDIATE" if connection.get_execution_options().get("writing") else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {how}")


def _revision(connection: Any) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _upgrade(engine: Engine, path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError
    from filelock import FileLock

    config = Config()
    config.set_main_option("script_location", "migrations:")
    # Two processes may open a new library at the same time.
    with FileLock(f"{path}.lock"), engine.execution_options(writing=True).connect() as connection:
        # A table that is made anew in another shape must not take along what refers to it.
        connection.connection.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            found = _revision(connection)
            try:
                ScriptDirectory.from_config(config).get_revision(found or "base")
            except CommandError as error:
                raise AskpixError(
                    f"the library {path.parent} was made by a newer askpix (catalog {found}); upgrade askpix to open it"
                ) from error
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        connection.connection.execute("PRAGMA foreign_keys = ON")


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """A unit of work that reads.

    Raises AskpixError when the database cannot be used just now.
    """
    try:
        with Session(engine, expire_on_commit=False) as opened, opened.begin():
            yield opened
    except OperationalError as error:
        raise AskpixError(_unusable(error)) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A unit of work that writes: committed at the end, rolled back on an error; it waits for other writers.

    Raises AskpixError when the database cannot be written just now.
    """
    with session(engine.execution_options(writing=True)) as opened:
        yield opened


def _unusable(error: OperationalError) -> str:
    said = str(error.orig)
    if "full" in said:
        return "the disk with the library is full; make room there and run it again, nothing committed is lost"
    if "locked" in said:
        return "another program has held the catalog for half a minute; run it again when that has ended"
    return f"the catalog cannot be used ({said}); askpix doctor says more"
