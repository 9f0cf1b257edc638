"""SQLite, which keeps the catalog in one file of the library folder."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from searcher.marks import MEND
from searcher.readonly import may_only_read, reading_engine
from vlm.errors import AskpixError

_DAMAGED = ("malformed", "not a database", "corrupt", "decode to UTF-8")
CONNECTIONS = {"pool_size": 5, "max_overflow": 25}  # a web worker serves many at once, some with two units of work


def engine_at(path: Path) -> Engine:
    """The database in a file, made when it is first used, or one that may only be read."""
    if may_only_read(path):
        engine = reading_engine(path, hide_parameters=True, **CONNECTIONS)
        event.listen(engine, "connect", _set_up_reading)
    else:
        engine = create_engine(f"sqlite:///{path}", hide_parameters=True, **CONNECTIONS)
        event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up_reading(connection: Any, _record: Any) -> None:
    connection.create_function("case_folded", 1, lambda text: text and text.casefold(), deterministic=True)
    connection.isolation_level = None  # transactions begin as `_begin` says, not when Python's driver thinks fit


def _set_up(connection: Any, record: Any) -> None:
    _set_up_reading(connection, record)
    # WAL lets searches go on while a run writes; NORMAL still survives a crash of the process,
    # and after a power cut loses at most the last steps, which the next run does again.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # One who reads first and writes then cannot wait for another who wrote meanwhile; who says so at once can.
    how = "IMMEDIATE" if connection.get_execution_options().get("writing") else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {how}")


def told(error: DBAPIError) -> AskpixError | None:
    """What a fault of the database means to the user; None where it is one of ours."""
    said = str(error.orig)
    if any(sign in said for sign in _DAMAGED):
        return AskpixError(f"the catalog is damaged and cannot be read ({said}); {MEND}")
    if not isinstance(error, OperationalError):
        return None
    if "full" in said:
        return AskpixError(
            "the disk with the library is full; make room there and run it again, nothing committed is lost"
        )
    if "readonly" in said:
        return AskpixError("this library may only be read, not changed; that takes the right to write to its folder")
    if "locked" in said:
        return AskpixError("another program has held the catalog for half a minute; run it again when that has ended")
    return AskpixError(f"the catalog cannot be used ({said}); askpix doctor says more")
