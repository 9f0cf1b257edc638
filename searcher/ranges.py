"""Parts of files, and what lies beside them, wherever that is: on this machine's disk, by fsspec, or on the web.

Credentials come from where each store's own tools have them, the environment and its standard files; no address that
holds one is taken.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar, cast

from searcher.elsewhere import Unreachable
from vlm.errors import AskpixError, first_line
from vlm.extras import need

if TYPE_CHECKING:
    from searcher.fetching import Fetcher

Result = TypeVar("Result")

PIECE = 8 << 20  # bytes read at a time
_WEB = ("http://", "https://")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "modify", "created")
_TAGS = ("ETag", "etag", "content_md5", "md5Hash", "checksum")
# To be told within seconds that nobody is there, where the libraries would try for minutes.
_S3: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 1}}
_S3_ATTEMPTS = 2
PATIENCE_S, PAUSE_S = 60.0, 0.5  # for which a store that goes away is waited for, and between the first two attempts
LEAVING = threading.Event()  # set while nobody waits for anything any more
_GIVEN_UP: set[str] = set()  # stores that were waited for in vain
_AWAY = frozenset(
    {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "HTTPClientError"}
    | {"ClientConnectorError", "ServerDisconnectedError", "FSTimeoutError"}
)


class Away(Unreachable):
    """A store that does not answer just now."""

    def __init__(self, store: str) -> None:
        super().__init__("its server cannot be reached")
        self.store = store


@dataclass(frozen=True)
class Entry:
    """What lies in a folder: its name, size in bytes, and a stamp that changes with its content; of a folder both 0."""

    name: str
    size: int
    stamp: int
    folder: bool = False


@cache
def fetcher() -> "Fetcher":
    """That of this process."""
    from searcher.fetching import Fetcher

    return Fetcher()


def look(location: str) -> Entry:
    """What lies at a location; raises Unreachable."""
    name = location.rpartition("/")[2]
    with told(location):
        if location.startswith("/"):
            info = os.stat(location)
            return Entry(name, info.st_size, info.st_mtime_ns)
        if location.startswith(_WEB):
            size, tag = fetcher().look(location)
            return Entry(name, size, _digits(tag, 10**18))
        files, path = opened(location)
        return _entry(files.info(path))


def listed(location: str) -> list[Entry]:
    """What lies in a folder of a store, by name; raises Unreachable."""
    if location.startswith(_WEB):
        raise Unreachable("what lies on the web cannot be listed")
    with told(location):
        files, path = opened(location)
        here = path.rstrip("/")
        entries = [_entry(one) for one in files.ls(path, detail=True) if one["name"].rstrip("/") != here]
    return sorted((one for one in entries if one.name), key=lambda one: one.name)


def patiently(work: Callable[[], Result]) -> Result:
    """What some work comes to that reads from a store; one that goes away is waited for, a minute at most until it is
    given up. Raises Unreachable."""
    latest, pause = time.monotonic() + PATIENCE_S, PAUSE_S
    while True:
        try:
            return work()
        except Away as error:
            if error.store in _GIVEN_UP or time.monotonic() > latest:
                _GIVEN_UP.add(error.store)
                raise
            if LEAVING.wait(pause):
                raise
            pause = min(2 * pause, 5.0)


def read(location: str, start: int, stop: int) -> bytes:
    """The bytes of a file from `start` up to `stop`, fewer if it ends before; raises Unreachable."""
    data = _read(location, start, stop)
    _GIVEN_UP.discard(_base(location))
    return data


def _read(location: str, start: int, stop: int) -> bytes:
    with told(location):
        if location.startswith("/"):
            with open(location, "rb") as file:
                file.seek(start)
                return file.read(stop - start)
        if location.startswith(_WEB):
            from searcher.fetching import Part

            kept = BytesIO()
            fetcher().fetch(location, kept, Part(start, stop))
            return kept.getvalue()
        files, path = opened(location)
        data: bytes = files.cat_file(path, start=start, end=stop)
        return data


def pieces(location: str, start: int, stop: int) -> Iterator[bytes]:
    """The same a piece at a time; raises Unreachable also if it ends before."""
    while start < stop:
        piece = read(location, start, min(start + PIECE, stop))
        if not piece:
            raise Unreachable("it is shorter than when it was listed; index it again")
        yield piece
        start += len(piece)


def opened(location: str) -> tuple[Any, str]:
    """The file system of fsspec that a location lies on, and its path there.

    Raises AskpixError for what fsspec does not know, and where that needs what is not installed.
    """
    files = _store(_base(location))
    if not files.async_impl:  # which each thread is to have its own of
        from fsspec.core import url_to_fs

        return cast(tuple[Any, str], url_to_fs(location, use_listings_cache=False))
    return files, files._strip_protocol(location)


@lru_cache(64)
def _store(base: str) -> Any:
    s3 = base.startswith(("s3:", "s3a:"))
    need("cluster", "fsspec", *(["s3fs"] if s3 else []))
    from fsspec.core import url_to_fs

    try:
        files, _ = url_to_fs(base, use_listings_cache=False, **({"config_kwargs": _S3} if s3 else {}))
    except (ImportError, ValueError) as error:
        raise AskpixError(f"{base} cannot be read: {first_line(error)}") from error
    if s3:
        files.retries = _S3_ATTEMPTS
    return files


def _base(location: str) -> str:
    """The store that a location lies in: protocol and host, or bucket."""
    return "/".join(location.split("/")[:3])


def _entry(info: dict[str, Any]) -> Entry:
    name = info["name"].rstrip("/").rpartition("/")[2]
    if info["type"] == "directory":
        return Entry(name, 0, 0, folder=True)
    return Entry(name, int(info.get("size") or 0), _stamp(info))


def _stamp(info: dict[str, Any]) -> int:
    """When it was changed, in nanoseconds, of which those below a second tell its versions apart."""
    time = next((info[key] for key in _TIMES if info.get(key)), 0)
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    seconds = time.timestamp() if isinstance(time, datetime) else float(time)
    tag = next((str(info[key]) for key in _TAGS if info.get(key)), "")
    return int(seconds) * 10**9 + (_digits(tag, 10**9) if tag else round(seconds % 1 * 1e9))


def _digits(tag: str, below: int) -> int:
    return int.from_bytes(hashlib.sha256(tag.encode()).digest()[:8], "big") % below


@contextmanager
def told(location: str) -> Iterator[None]:
    """Whatever goes wrong inside with what lies at a location is Unreachable, with the reason in one line."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        missing = "bucket" in str(error) and "does not exist" in str(error)
        raise Unreachable("there is no such bucket" if missing else "there is nothing there") from error
    except PermissionError as error:
        raise Unreachable("it may not be read with the credentials that the environment gives") from error
    except AskpixError:
        raise
    except Exception as error:
        name = type(error).__name__
        if name in {"NoCredentialsError", "PartialCredentialsError"}:
            raise Unreachable(
                "the environment has no credentials for it, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error
        if name in _AWAY or isinstance(error, ConnectionError | TimeoutError):
            raise Away(_base(location)) from error
        from searcher.addresses import without_secrets

        raise Unreachable(f"it cannot be read ({without_secrets(first_line(error))})") from error
