"""A Milvus server, or a file of Milvus Lite: connected when it is first asked, asked in bounded time, and its errors
told in one line that never holds the token."""

import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from vlm.errors import AskpixError, first_line
from vlm.extras import need

T = TypeVar("T")

TOKEN = "ASKPIX_MILVUS_TOKEN"  # noqa: S105  the name of it
OLDEST = (2, 5)  # has 16-bit vectors, and filters that are sent as numbers rather than as text to be parsed
OLDEST_LITE = (3, 0)
CONNECT_S = 5.0
ANSWER_S = 15.0  # that a search may take on a server; pymilvus tries again for as long
WORK_S = 120.0  # that writing may take, or loading; or anything with Milvus Lite, which works in this very process
LITE = ".db"
_CHANNEL = {
    # A new connection is tried at once, however long the old one waits to try again: up to two minutes.
    "grpc.use_local_subchannel_pool": 1,
    # Calls end in time by themselves; a server that is pinged while nothing is asked takes it for an attack.
    "grpc.keepalive_permit_without_calls": 0,
    "grpc.keepalive_time_ms": 30_000,
}
_NOT_CONNECTED = 2  # a code of pymilvus's own


class Unreachable(AskpixError):
    """Milvus is away, or lets nobody in; asking again at once is of no use."""


@dataclass(frozen=True)
class Connection:
    """pymilvus's client, and which Milvus it speaks to: a cluster, Milvus Lite, or a cloud that chooses indexes."""

    client: Any
    version: str
    lite: bool
    cloud: bool
    here: bool  # in this very process
    indexes: dict[str, str] = field(default_factory=dict)  # the kinds of those of collections

    @property
    def answer_s(self) -> float:
        """Seconds that a search may take."""
        return WORK_S if self.here else ANSWER_S


def check_address(address: str) -> str:
    """The URL of a server, or the whole path of a file.

    Raises AskpixError when it is neither, or bears a password.
    """
    if address.endswith(LITE) and "://" not in address:
        return str(Path(address).expanduser().absolute())
    wanted = f"a server such as http://localhost:19530, or a file ending in {LITE}"
    try:
        parts = urlsplit(address)
        known = parts.scheme in {"http", "https", "tcp"} and parts.hostname and (parts.port or True)
    except ValueError:
        raise AskpixError(f"the address of Milvus is no URL: it is to be {wanted}") from None
    if parts.username or parts.password:
        raise AskpixError(
            f"leave the password out of the address of Milvus, which logs may show: {TOKEN}=user:password holds it"
        )
    if not known:
        raise AskpixError(f"{address} is no address of Milvus: it is to be {wanted}")
    return address


class Milvus:
    """A server or a file at an address; any thread may ask it."""

    def __init__(self, address: str) -> None:
        """Nothing is connected yet. The token is that in the environment, if any."""
        self.address = check_address(address)
        self._token = os.environ.get(TOKEN, "")
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def ask(self, do: Callable[[Connection], T]) -> T:
        """What `do` finds out by a connection, which is made when there is none yet.

        Raises AskpixError when the server cannot be reached, does not answer in time, refuses the token, is too old,
        or says that something is wrong.
        """
        need("cluster", "pymilvus")
        import grpc
        from pymilvus import MilvusException

        try:
            return do(self._connected())
        except (MilvusException, grpc.RpcError) as error:
            kind = AskpixError if _status(error) is None else Unreachable
            raise kind(self._told(error)) from error

    def close(self) -> None:
        """End the connection, and let other processes have the file, unless this one has it open once more."""
        with self._lock:
            if self._connection is None:
                return
            self._connection.client.close()
            self._connection = None
        if self.address.endswith(LITE):
            _let_go(self.address)

    def _connected(self) -> Connection:
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection

    def _connect(self) -> Connection:
        from pymilvus import MilvusClient

        for name in ("pymilvus", "pymilvus.milvus_client", "pymilvus.bulk_writer", "milvus_lite"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what goes wrong is told once, by us
        is_file = self.address.endswith(LITE)
        url = _take(self.address) if is_file else self.address
        client = None
        try:
            client = MilvusClient(
                url, token=self._token, timeout=CONNECT_S, dedicated=True, grpc_options=dict(_CHANNEL)
            )
            version = client.get_server_version(timeout=CONNECT_S)
            self._check(version)
            return Connection(client, version, "lite" in version, not client.is_self_hosted, is_file)
        except BaseException:
            if client:
                client.close()
            if is_file:
                _let_go(self.address)
            raise

    def _check(self, version: str) -> None:
        """Raises AskpixError when a version is too old."""
        oldest = OLDEST_LITE if version.startswith("milvus_lite") else OLDEST
        number = re.search(r"(\d+)\.(\d+)", version)
        if number and (int(number[1]), int(number[2])) < oldest:
            at_least = ".".join(map(str, oldest))
            raise AskpixError(
                f"Milvus at {self.address} is {version}, but {at_least} is the oldest that serves: update it"
            )

    def _told(self, error: BaseException) -> str:
        """One line that says what is wrong, without the token."""
        import grpc

        who = f"Milvus at {self.address}"
        match _status(error):
            case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
                what = "does not let this token in" if self._token else "wants a token"
                return f"{who} {what}: set {TOKEN} to user:password, or to a key, of one who may read and write there"
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return f"{who} does not answer in time; try again when it is less busy, or look at its log"
            case grpc.StatusCode.UNIMPLEMENTED:
                return f"{who} does not speak as Milvus does; is it another program's port?"
            case grpc.StatusCode.UNAVAILABLE:
                return f"{who} cannot be reached; is it running, and is the address right? Nothing is lost meanwhile"
        said = first_line(Exception(getattr(error, "message", "") or error))
        return f"{who} says: {said.replace(self._token, '…') if self._token else said}"


def _status(error: BaseException) -> Any:
    """The code that gRPC gave, to the error or to what led to it; pymilvus raises some errors from themselves."""
    import grpc

    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        code = getattr(following, "code", None)
        if isinstance(code := code() if callable(code) else code, grpc.StatusCode):
            return code
        seen.append(following)
        cause = following.__cause__
        following = following.__context__ if cause is following else cause
    return grpc.StatusCode.UNAVAILABLE if getattr(error, "code", None) == _NOT_CONNECTED else None


# Milvus Lite serves a file in this process, to itself by loopback, and keeps other processes out.

_users: Counter[str] = Counter()
_taking = threading.Lock()


def _take(path: str) -> str:
    """Have Milvus Lite serve a file, once however many want it; the URL."""
    need("cluster", "milvus_lite")
    from milvus_lite import DataDirLockedError, MilvusLite, server_manager_instance

    with _taking:
        if not (url := server_manager_instance.start_and_get_uri(path)):
            try:  # which only logs why it cannot
                MilvusLite(path).close()
            except DataDirLockedError as error:
                raise AskpixError(
                    f"another process has {path} open, and Milvus Lite lets one in at a time: end that one, "
                    "or run a Milvus server for several"
                ) from error
            except Exception as error:
                raise AskpixError(
                    f"{path} cannot be opened as a file of Milvus Lite ({first_line(error)}); give another name, and "
                    "fill it from the library: askpix vectors fill"
                ) from error
            raise AskpixError(f"Milvus Lite cannot serve {path} by a port of this machine's own; use a Milvus server")
        _users[path] += 1
        return str(url)


def _let_go(path: str) -> None:
    from milvus_lite import server_manager_instance

    with _taking:
        _users[path] -= 1
        if not _users[path]:
            server_manager_instance.release_server(path)
