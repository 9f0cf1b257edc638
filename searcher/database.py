"""How the catalog's database is opened and used: units of work for reading and for writing.

It is SQLite in the library folder, or PostgreSQL (`searcher.postgres`); this module is what both have in common.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, cast

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.orm import Session

from searcher import postgres, readonly, sqlite
from searcher.catalog import Base
from searcher.marks import MEND
from searcher.postgres import Away
from searcher.upgrading import check_tables, revision_of, upgrade
from vlm.errors import AskpixError

CATALOG = "catalog.sqlite"  # in the library folder, unless PostgreSQL keeps it
PATIENCE_S = 1_800  # that a run waits for a server that went away
_AGAIN_S = 1.0

P = ParamSpec("P")
R = TypeVar("R")
_log = logging.getLogger("askpix.catalog")


def open_catalog(place: Path | str, *, create: bool = True) -> Engine:
    """Open the catalog in a file of SQLite, or at the address of a PostgreSQL database, upgrading it as needed.

    It is made if there is none, unless not to `create`. Raises AskpixError when it is none, one of a newer askpix or
    of another program, or cannot be reached.
    """
    try:
        return _open(engine_at(place), name_of(place), create)
    except DatabaseError as error:
        if isinstance(place, str):
            raise
        raise AskpixError(f"the catalog {place} cannot be read ({error.orig}); {MEND}") from error


def _open(engine: Engine, name: str, create: bool) -> Engine:
    try:
        with faults(engine):
            with engine.connect() as connection:
                if kind(engine) == "postgresql":
                    postgres.check_server(connection)
                current = check_tables(connection, name)
                if not current and not create and revision_of(connection) is None:
                    raise AskpixError(f"there is no catalog in {name}; make one with: askpix index FOLDER")
            if not current:
                upgrade(engine, name)
    except (AskpixError, DBAPIError):
        engine.dispose()
        raise
    return engine


def engine_at(place: Path | str) -> Engine:
    """The database at a place, as it is; raises AskpixError when it is no address of one."""
    return postgres.engine_at(place) if isinstance(place, str) else sqlite.engine_at(place)


def name_of(place: Path | str) -> str:
    """A catalog in words, without any password."""
    return postgres.name_of(place) if isinstance(place, str) else f"the library {place.parent}"


def kind(engine: Engine | Connection) -> Literal["sqlite", "postgresql"]:
    """Which database it is."""
    return cast(Literal["sqlite", "postgresql"], engine.dialect.name)


def may_only_read(engine: Engine) -> bool:
    """Whether the catalog is a file that cannot be written to."""
    return kind(engine) == "sqlite" and readonly.may_only_read(Path(str(engine.url.database)))


def stamp(engine: Engine) -> object:
    """What changes whenever anything is committed to the catalog; quick to get."""
    if kind(engine) == "sqlite":  # writes to one of two files then
        files = [Path(f"{engine.url.database}{end}") for end in ("", "-wal")]
        return [(file.stat().st_mtime_ns, file.stat().st_size) for file in files if file.exists()]
    # Which transactions can be seen: two that are equal see the same.
    with session(engine) as opened:
        return opened.scalar(text("SELECT CAST(pg_current_snapshot() AS text)"))


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """A unit of work that reads.

    Raises AskpixError when the database cannot be used just now, which is `Away` while its server is.
    """
    with faults(engine), Session(engine, expire_on_commit=False) as opened, opened.begin():
        yield opened


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A unit of work that writes: committed at the end, rolled back on an error; it waits for other writers.

    Raises AskpixError when the database cannot be written just now, which is `Away` while its server is.
    """
    with session(engine.execution_options(writing=True)) as opened:
        yield opened


@contextmanager
def faults(engine: Engine) -> Iterator[None]:
    """Tell the user what a fault of the database means, unless it is one of ours.

    Raises AskpixError when the database cannot be used just now, which is `Away` while its server is.
    """
    try:
        yield
    except DBAPIError as error:
        told = (sqlite if kind(engine) == "sqlite" else postgres).told(error)
        if told is None:
            raise
        raise told from error


@contextmanager
def alone(engine: Engine, what: str) -> Iterator[None]:
    """Do something that one process at a time is to do, on PostgreSQL, where several may be at it; others wait."""
    if kind(engine) == "sqlite":
        yield
        return
    with faults(engine):
        connection = apart(engine)
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(hashtext('askpix'), hashtext(:what))"), {"what": what})
    try:
        yield
    finally:
        with suppress(DBAPIError):
            connection.close()


def apart(engine: Engine) -> Connection:
    """A connection without transactions, which is not used again: what locks it holds end with it, however it ends."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    return connection


def insert_new(opened: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, but those whose keys are there already."""
    if rows:
        opened.execute(_inserting(opened, table).on_conflict_do_nothing(), list(rows))


def put(opened: Session, table: type[Base], rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> None:
    """Insert rows, or change those that are there already by their `key`, which is another in each row.

    All rows have the same columns.
    """
    if rows:
        new = _inserting(opened, table)
        values = {name: new.excluded[name] for name in rows[0] if name not in key}
        opened.execute(new.on_conflict_do_update(index_elements=key, set_=values), list(rows))


def _inserting(opened: Session, table: type[Base]) -> Any:
    """An INSERT that can say what is done about keys that are there; PostgreSQL's takes long to import."""
    if opened.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    return insert(table)


def again(work: Callable[P, R]) -> Callable[P, R]:
    """Have a function that only reads do it once more if the server went away meanwhile, as when it is restarted."""

    @wraps(work)
    def carry_out(*given: P.args, **more: P.kwargs) -> R:
        try:
            return work(*given, **more)
        except Away:
            return work(*given, **more)

    return carry_out


def patiently(work: Callable[P, R]) -> Callable[P, R]:
    """Have a function that may be done twice wait for a server that went away, half an hour at most, and do it again.

    That it waits is logged once.
    """

    @wraps(work)
    def carry_out(*given: P.args, **more: P.kwargs) -> R:
        latest = time.monotonic() + PATIENCE_S
        told = False
        while True:
            try:
                done = work(*given, **more)
            except Away as away:
                if time.monotonic() > latest:
                    raise
                if not told:
                    _log.warning("askpix: %s; waiting until it is back", str(away).split(";")[0])
                told = True
                time.sleep(_AGAIN_S)
            else:
                if told:
                    _log.warning("askpix: the catalog's server is back; going on")
                return done

    return carry_out
