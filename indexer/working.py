"""Who is at work on a library: one run at a time on SQLite, several on PostgreSQL; none while photos are forgotten.

On SQLite a file in the library folder is locked. On PostgreSQL a connection holds advisory locks, which end with it,
however that ends: one that all runs share, and one for each run.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from searcher import Library, database
from vlm.errors import AskpixError

LOCK = "index.lock"
_LIBRARY, _RUN = 0x61736B01, 0x61736B02  # advisory locks have two numbers: what kind they are of, and which one it is
_OFTEN_S = 0.2
_ALIVE = text(
    "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = :kind AND database = (SELECT oid "
    "FROM pg_database WHERE datname = current_database())"
)


class Busy(AskpixError):
    """Somebody else is at work on the library, and will have ended some time."""


def shared(engine: Engine) -> bool:
    """Whether several runs may be at work on a library at once."""
    return database.kind(engine) == "postgresql"


class Presence:
    """That a run is at work on a library in PostgreSQL: others see it as long as the process is alive."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._run: int | None = None
        self._connection = self._connected()

    def show(self, run: int) -> None:
        """Show that this run is alive; to be repeated, since a server that is restarted forgets it."""
        try:
            if run != self._run:
                self._hold(run)
            else:
                self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            self.close()
            self._connection = self._connected()
            self._hold(run)

    def close(self) -> None:
        """Let go."""
        with suppress(DBAPIError):
            self._connection.close()

    def _hold(self, run: int) -> None:
        self._connection.execute(text("SELECT pg_advisory_lock(:kind, :run)"), {"kind": _RUN, "run": run})
        self._run = run

    def _connected(self) -> Connection:
        connection = database.apart(self._engine)
        if not connection.scalar(text("SELECT pg_try_advisory_lock_shared(:kind, 0)"), {"kind": _LIBRARY}):
            connection.close()
            raise Busy("photos are being forgotten or the catalog is copied; wait until that has ended")
        return connection


@contextmanager
def at_work(library: Library) -> Iterator[Presence | None]:
    """Hold a library as a run that is at work; on PostgreSQL beside others.

    Raises AskpixError when another run is at work on SQLite, or photos are being forgotten.
    """
    if not shared(library.engine):
        with locked(library.folder, f"another run is indexing {library.folder}; wait until it has ended"):
            yield None
        return
    with database.faults(library.engine):
        presence = Presence(library.engine)
    try:
        yield presence
    finally:
        presence.close()


@contextmanager
def alone(library: Library, busy: str, wait_s: float = 0) -> Iterator[None]:
    """Hold a library while no run is at work; raises AskpixError, which says `busy`, when one still is after a time."""
    with locked(library.folder, busy, wait_s) if not shared(library.engine) else _alone(library.engine, busy, wait_s):
        yield


@contextmanager
def alone_at(place: Path | str, busy: str) -> Iterator[None]:
    """As `alone`, of the library whose catalog is at a place, where nothing need be yet."""
    if isinstance(place, Path):
        with locked(place.parent, busy) if place.parent.exists() else nullcontext():
            yield
        return
    engine = database.engine_at(place)
    try:
        with _alone(engine, busy, 0):
            yield
    finally:
        engine.dispose()


def check_free(library: Library, busy: str, wait_s: float = 0) -> None:
    """Raise AskpixError, which says `busy`, when no run could begin; several may be at work on PostgreSQL."""
    if not shared(library.engine):
        with locked(library.folder, busy, wait_s):
            pass


def indexing(library: Library) -> bool:
    """Whether a run is at work on the library now."""
    if shared(library.engine):
        return bool(alive(library.engine))
    try:
        with FileLock(library.folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a library that may only be read
        return False


def alive(engine: Engine) -> set[int]:
    """The ids of the runs that are at work on a library in PostgreSQL."""
    with database.session(engine) as session:
        return set(session.scalars(_ALIVE, {"kind": _RUN}))


@contextmanager
def locked(folder: Path, busy: str, wait_s: float = 0) -> Iterator[None]:
    """Hold a library on SQLite; raises Busy, which says `busy`, when another still does after a time, and AskpixError
    when its folder may only be read."""
    held = FileLock(folder / LOCK)
    try:
        held.acquire(timeout=wait_s)
    except Timeout as error:
        raise Busy(busy) from error
    except OSError as error:
        raise AskpixError(f"{folder} cannot be written ({error.strerror}); mend that and run it again") from error
    try:
        yield
    finally:
        held.release()


@contextmanager
def _alone(engine: Engine, busy: str, wait_s: float) -> Iterator[None]:
    with database.faults(engine):
        connection = database.apart(engine)
    latest = time.monotonic() + wait_s
    try:
        with database.faults(engine):
            while not connection.scalar(text("SELECT pg_try_advisory_lock(:kind, 0)"), {"kind": _LIBRARY}):
                if time.monotonic() >= latest:
                    raise AskpixError(busy)
                time.sleep(_OFTEN_S)
        yield
    finally:
        connection.close()
