"""One request to a server whose address was checked: the connection goes there, and is cut when its time is up."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import urllib3
from urllib3.util import Timeout, Url

from searcher.addresses import host_of, port_of
from searcher.elsewhere import Unreachable

_CONNECT_S, _SILENCE_S = 5.0, 10.0


@contextmanager
def answered(url: Url, address: str, headers: dict[str, str], seconds: float) -> Iterator[urllib3.BaseHTTPResponse]:
    """A server's answer, with its body yet to be read; what goes wrong with the connection is Unreachable."""
    how: dict[str, Any] = {"retries": False, "redirect": False, "preload_content": False}
    own = {"Host": url.netloc or "", **headers}
    pool = _pool(url, address)
    with pool, _cut_off(pool, seconds) as too_late:
        try:
            with closing(pool.urlopen("GET", url.request_uri, headers=own, **how)) as answer:
                yield answer
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if not too_late():
                raise Unreachable(_told(error, url)) from error
        if too_late():
            raise Unreachable(f"it took more than {seconds:g} s")


def _pool(url: Url, address: str) -> urllib3.HTTPConnectionPool:
    """For one connection, to the address that was checked, while the certificate is to be the host's."""
    timeout = Timeout(connect=_CONNECT_S, read=_SILENCE_S)
    if url.scheme == "https":
        name = host_of(url)
        return urllib3.HTTPSConnectionPool(
            address, port_of(url), timeout=timeout, server_hostname=name, assert_hostname=name
        )
    return urllib3.HTTPConnectionPool(address, port_of(url), timeout=timeout)


@contextmanager
def _cut_off(pool: urllib3.HTTPConnectionPool, seconds: float) -> Iterator[Callable[[], bool]]:
    """Cut the pool's connection after so many seconds, also while its server sends a byte now and then; tells whether
    it was."""
    made: list[socket.socket] = []
    kind: Any = pool.ConnectionCls
    late = threading.Event()

    class Noted(kind):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            made.append(self.sock)

    def cut() -> None:
        late.set()
        for sock in made:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # under TLS too, which may be at reading

    pool.ConnectionCls = Noted
    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield late.is_set
    finally:
        timer.cancel()


def _told(error: Exception, url: Url) -> str:
    """What went wrong with a connection, in a few words."""
    match error:
        case urllib3.exceptions.SSLError():
            return f"the certificate of {url.host} is not in order"
        case urllib3.exceptions.ConnectTimeoutError():
            return f"{url.host} does not answer"
        case urllib3.exceptions.ReadTimeoutError():
            return f"{url.host} has sent nothing for {_SILENCE_S:.0f} s"
        case urllib3.exceptions.NewConnectionError():
            return f"nobody listens at {url.netloc}"
    return f"the connection to {url.host} broke off"
