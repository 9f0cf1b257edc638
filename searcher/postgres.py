"""PostgreSQL, which keeps the catalog of a library that several machines fill and serve."""

import time
from typing import Any
from urllib.parse import unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from searcher.sqlite import CONNECTIONS
from vlm.errors import AskpixError, first_line

NEEDED = 14  # the oldest server that serves
GRACE_S = 5.0  # that a server which was there may take to be there again, as when it is restarted
_AGAIN_S = 0.2
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
# How a session is to be, whatever the server's own defaults: times in UTC, no endless waiting for who holds a row, and
# clients whose machine is gone noticed within a minute, so that they hold nothing any more.
_OPTIONS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "lock_timeout": "30s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "application_name": "askpix",
}
_AWAY = (
    "refused",
    "timeout",
    "timed out",
    "could not translate host",
    "failed to resolve host",
    "name or service not known",
    "no route",
    "unreachable",
    "no such file or directory",
    "starting up",
    "shutting down",
    "closed",
    "server closed the connection",
    "terminat",
    "reset by peer",
    "broken pipe",
    "consuming input failed",
    "connection is lost",
    "eof detected",
    "recovery",
)
_SHUT_OUT = ("authentication failed", "no password supplied", "pg_hba.conf", "role ", "permission denied")


class Away(AskpixError):
    """The catalog's server cannot be reached just now; what was not committed is to be done again."""


def engine_at(address: str) -> Engine:
    """The database at an address; nothing is connected yet.

    Raises AskpixError when it is no address of a PostgreSQL database, or the driver is not installed.
    """
    url = _url(address)
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise AskpixError(
            "a catalog in PostgreSQL needs askpix[cluster]; install it with: pip install 'askpix[cluster]'"
        ) from error
    given = url.query.get("options", "")
    own = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    options = {**_NETWORK, "options": f"{own} {given if isinstance(given, str) else ' '.join(given)}".strip()}
    engine = create_engine(
        url.difference_update_query(["options"]),
        connect_args={name: value for name, value in options.items() if name not in url.query or name == "options"},
        hide_parameters=True,
        pool_pre_ping=True,
        **CONNECTIONS,
    )
    event.listen(engine, "do_connect", _Connecting())
    return engine


def name_of(address: str) -> str:
    """The database at an address in words, without the password."""
    return f"the database {_told_url(_url(address))}"


def _url(address: str) -> URL:
    wanted = "write it as postgresql://USER@HOST/NAME"
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise AskpixError(f"the address of the catalog cannot be understood; {wanted}") from error
    if url.drivername not in _SCHEMES:
        raise AskpixError(f"the catalog cannot be kept by {url.drivername}, only by PostgreSQL; {wanted}")
    if not url.database and "dbname" not in url.query:
        raise AskpixError(f"the address of the catalog names no database; {wanted}")
    return url.set(drivername="postgresql+psycopg")


def _told_url(url: URL) -> str:
    host = url.host or url.query.get("host") or ""
    user = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{user}{host}{port}/{unquote(url.database or '')}"


class _Connecting:
    """Connects; once it has been there, a server that is away is given a few seconds."""

    def __init__(self) -> None:
        self._was_there = False

    def __call__(self, dialect: Any, _record: Any, given: Any, more: Any) -> Any:
        latest = time.monotonic() + (GRACE_S if self._was_there else 0)
        while True:
            try:
                made = dialect.loaded_dbapi.connect(*given, **more)
            except dialect.loaded_dbapi.OperationalError as error:
                if time.monotonic() > latest or not _is_away(str(error)):
                    raise
                time.sleep(_AGAIN_S)
            else:
                self._was_there = True
                return made


def check_server(connection: Connection) -> None:
    """Raise AskpixError when the server is too old, or its database cannot keep all texts."""
    name = f"the database {_told_url(connection.engine.url)}"
    version = [int(part) for part in connection.dialect.server_version_info or (0,)]
    if version[0] < NEEDED:
        told = ".".join(map(str, version))
        raise AskpixError(f"{name} is served by PostgreSQL {told}, and {NEEDED} or newer is needed; upgrade the server")
    driver: Any = connection.connection.driver_connection
    encoding = driver.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise AskpixError(f"{name} keeps texts as {encoding}; make another with: createdb -E UTF8 -T template0 NAME")


def told(error: DBAPIError) -> AskpixError | None:  # noqa: PLR0911  one a kind of fault
    """What a fault of the database means to the user; None where it is one of ours."""
    said, state = _said(error), getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or state.startswith(("08", "57P")):
        return Away(f"the catalog's server went away ({said}); try again when it is back, nothing committed is lost")
    match state:
        case "40P01" | "40001":
            return Away(f"others changed the same at the same time ({said}); try again")
        case "55P03":
            return AskpixError(
                "another program has held the catalog for half a minute; run it again when that has ended"
            )
        case "53100":
            return AskpixError(
                "the disk of the catalog's server is full; make room there and run it again, nothing committed is lost"
            )
        case "25006":
            return AskpixError("the catalog's server lets nobody write, as a copy of another; name the one it copies")
        case "42501":
            return AskpixError(f"the catalog's server does not allow that ({said}); make the user its owner")
    if state or not isinstance(error, OperationalError | InterfaceError):
        return None
    return _told_connecting(said)


def _told_connecting(said: str) -> AskpixError:
    """What it means that there is no connection: the server says so by words alone."""
    words = said.lower()
    if "too many" in words or "connection slots" in words:
        return AskpixError(f"the catalog's server has no connection left ({said}); raise its max_connections")
    if 'database "' in words and "does not exist" in words:
        return AskpixError(f"the catalog's server has no such database ({said}); make it with: createdb NAME")
    if any(sign in words for sign in _SHUT_OUT):
        return AskpixError(
            f"the catalog's server lets nobody in like that ({said}); check the user and the password of its address, "
            "or in PGPASSWORD or ~/.pgpass"
        )
    if _is_away(said):
        return Away(f"the catalog's server does not answer ({said}); see that it runs, and check its address")
    return AskpixError(f"the catalog's server cannot be used ({said}); check its address")


def _is_away(said: str) -> bool:
    words = said.lower()
    return any(sign in words for sign in _AWAY) and not any(sign in words for sign in _SHUT_OUT)


def _said(error: DBAPIError) -> str:
    """The line that says it, of what may be several attempts."""
    lines = str(error.orig).strip().splitlines()
    telling = [line for line in lines if "FATAL" in line] or lines[:1]
    return first_line(Exception(telling[0] if telling else "")).removeprefix("connection failed: ")
