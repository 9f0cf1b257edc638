"""Fetch from the web, politely and within bounds, and never from where only this machine should be able to reach.

What a list names may be anything: an address is looked up first, and the connection made to what was found and allowed,
so that a name cannot lead elsewhere a moment later; and so again wherever one is sent on to. Robots exclusion is that
of RFC 9309.
"""

import ipaddress
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import IO, TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl, urljoin

import urllib3
from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from urllib3.util import Timeout, Url, parse_url

from searcher.elsewhere import Unreachable
from vlm.errors import AskpixError
from vlm.extras import need

if TYPE_CHECKING:
    from protego import Protego

AGENT = "askpix"
_CONNECT_S, _SILENCE_S = 5.0, 10.0
_HOPS = 5
_HOSTS = 10_000  # remembered, with their robots.txt
_ROBOTS_BYTES = 500_000  # of robots.txt that are read, as RFC 9309 wants at least
_ROBOTS_S = 24 * 3_600  # for which it is believed; RFC 9309 wants no longer
_SLOWEST_S = 60.0  # between two fetches; who asks for more is left alone
_PIECE = 1 << 16
_LONGEST = 2_000  # characters of an address, which a database can still index
_MOVED = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_SECRETS = frozenset(
    {"x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-signature", "x-goog-credential"}
    | {"signature", "sig", "token", "access_token", "api_key", "apikey", "auth", "password"}
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Allowed(BaseSettings):
    """What whoever runs askpix allows its fetcher, in the environment of every process that fetches.

    `private` are networks of private addresses (ASKPIX_FETCH_PRIVATE=10.0.0.0/8,127.0.0.1), and with `robots` false
    robots.txt is not heeded (ASKPIX_FETCH_ROBOTS=0).
    """

    model_config = SettingsConfigDict(env_prefix="ASKPIX_FETCH_", frozen=True)

    private: Annotated[tuple[Network, ...], NoDecode] = ()
    robots: bool = True

    @field_validator("private", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


@dataclass(frozen=True)
class Bounds:
    """What fetching one address may take: seconds in all, bytes, attempts, and connections to a host at a time.

    Further attempts begin within the seconds too: `pause_s` after the first one, and each time twice as long after the
    one before, unless the server says how long it wants to be left alone.
    """

    seconds: float = 60.0
    most_bytes: int = 256_000_000
    attempts: int = 3
    pause_s: float = 1.0
    connections: int = 2


@dataclass(frozen=True)
class Part:
    """The bytes of a file from `start` up to `stop`."""

    start: int
    stop: int


@dataclass
class _Host:
    """How one server is treated: its connections, what its robots.txt says, and when the next fetch may begin."""

    connections: threading.BoundedSemaphore
    asking: threading.Lock = field(default_factory=threading.Lock)
    robots: "Protego | None" = None
    believed_until: float = 0.0
    turns: threading.Lock = field(default_factory=threading.Lock)
    next_at: float = 0.0


class Fetcher:
    """Fetches over HTTP; of one process, and for all its threads."""

    def __init__(self, allowed: Allowed | None = None, bounds: Bounds | None = None) -> None:
        self.allowed = allowed or read_allowed()
        self.bounds = bounds or Bounds()
        self._host = lru_cache(_HOSTS)(lambda _: _Host(threading.BoundedSemaphore(self.bounds.connections)))

    @cached_property
    def agent(self) -> str:
        """What it calls itself."""
        return f"{AGENT}/{version('askpix')} (fetches the pictures of a list for one who indexes them)"

    def fetch(self, address: str, file: IO[bytes], part: Part | None = None) -> str:
        """Write what lies at an address, or a part of it, into a file; its media type, "" if the server says none.

        Raises Unreachable, with the reason.
        """
        latest = time.monotonic() + self.bounds.seconds
        for attempt in range(self.bounds.attempts):
            try:
                return self._follow(address, file, part)
            except Unreachable as error:
                pause = self.bounds.pause_s * 2**attempt * random.uniform(1, 1.5)  # noqa: S311
                wait = pause if error.wait is None else error.wait
                last = attempt + 1 == self.bounds.attempts or time.monotonic() + wait > latest
                if last or not error.again:
                    raise
                time.sleep(wait)
                file.seek(0)
                file.truncate()
        raise AssertionError("at least one attempt is made")

    def look(self, address: str) -> tuple[int, str]:
        """The size in bytes of what lies at an address, and what tells one version of it from another."""
        url = self._permitted(address)
        for _ in range(_HOPS):
            with self._answered(url, {"Range": "bytes=0-0"}) as answer:
                if answer.status in _MOVED:
                    url = self._permitted(urljoin(url.url, answer.headers.get("Location", "")))
                    continue
                _check(answer)
                size = (answer.headers.get("Content-Range") or "").rpartition("/")[2]
                if answer.status != 206 or not size.isdigit():
                    raise Unreachable(f"the server at {url.host} gives no parts of files, so no tar is read there")
                return int(size), answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        raise Unreachable(_TOO_FAR, again=False)

    def _follow(self, address: str, file: IO[bytes], part: Part | None) -> str:
        url = self._permitted(address)
        asked = {"Range": f"bytes={part.start}-{part.stop - 1}"} if part else {}
        for _ in range(_HOPS + 1):
            with self._answered(url, asked) as answer:
                if answer.status in _MOVED:
                    url = self._permitted(urljoin(url.url, answer.headers.get("Location", "")))
                    continue
                _check(answer)
                if part and answer.status != 206:
                    raise Unreachable(f"the server at {url.host} gives no parts of files", again=False)
                self._copy(answer, file, part.stop - part.start if part else self.bounds.most_bytes)
                return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        raise Unreachable(_TOO_FAR, again=False)

    def _permitted(self, address: str) -> Url:
        """The address taken apart, if it is one and the server lets askpix fetch it; raises Unreachable if not."""
        url = parsed(address)
        if self.allowed.robots and not self._robots(url).can_fetch(url.url, AGENT):
            raise Unreachable(f"the robots.txt of {url.host} asks for it not to be fetched", again=False)
        return url

    def _robots(self, url: Url) -> "Protego":
        need("cluster", "protego")
        host = self._host(_origin(url))
        with host.asking:
            if host.robots is None or host.believed_until < time.monotonic():
                host.robots = self._read_robots(url)
                host.believed_until = time.monotonic() + _ROBOTS_S
            return host.robots

    def _read_robots(self, url: Url) -> "Protego":
        """What the server allows: everything if it has no robots.txt; raises Unreachable if it cannot be read."""
        from protego import Protego

        at = parsed(f"{_origin(url)}/robots.txt")
        for _ in range(_HOPS + 1):
            try:
                with self._answered(at, {}) as answer:
                    if answer.status in _MOVED:
                        at = parsed(urljoin(at.url, answer.headers.get("Location", "")))
                        continue
                    if answer.status in _LATER or answer.status >= 500:
                        raise Unreachable(f"it answers {answer.status}")
                    said = b"" if answer.status >= 400 else answer.read(_ROBOTS_BYTES, decode_content=False)
                    return Protego.parse(said.decode("utf-8", "replace"))
            except Unreachable as error:
                if not error.again:
                    raise
                raise Unreachable(f"the robots.txt of {url.host} cannot be read: {error}") from error
        return Protego.parse("")  # as RFC 9309 wants after too many redirects

    @contextmanager
    def _answered(self, url: Url, headers: dict[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        """A server's answer, with its body yet to be read; whatever goes wrong is Unreachable."""
        address = self._address(url)
        own = {"Host": url.netloc or "", "User-Agent": self.agent, "Accept-Encoding": "identity", **headers}
        host = self._host(_origin(url))
        with host.connections:
            self._take_turn(host, url)
            pool = _pool(url, address)
            how: dict[str, Any] = {"retries": False, "redirect": False, "preload_content": False}
            with pool, _cut_off(pool, self.bounds.seconds) as too_late:
                try:
                    with closing(pool.urlopen("GET", url.request_uri, headers=own, **how)) as answer:
                        yield answer
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    if not too_late():
                        raise Unreachable(_told(error, url)) from error
                if too_late():
                    raise Unreachable(f"it took more than {self.bounds.seconds:g} s")

    def _take_turn(self, host: _Host, url: Url) -> None:
        """Wait as long as the server's robots.txt asks between two fetches."""
        delay = (host.robots.crawl_delay(AGENT) if host.robots else None) or 0.0
        if delay > _SLOWEST_S:
            raise Unreachable(f"the robots.txt of {url.host} asks for {delay:.0f} s between two fetches", again=False)
        if delay:
            with host.turns:
                wait = max(0.0, host.next_at - time.monotonic())
                host.next_at = time.monotonic() + wait + delay
            time.sleep(wait)

    def _address(self, url: Url) -> str:
        """The address that the host's name stands for, if it may be connected to."""
        try:
            found = socket.getaddrinfo((url.host or "").strip("[]"), _port(url), type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            later = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            raise Unreachable(f"the host {url.host} is not known", again=later) from error
        for *_, place in found:
            if self._may_connect(ipaddress.ip_address(str(place[0]).partition("%")[0])):
                return str(place[0])
        raise Unreachable(
            f"{url.host} has a private address, and those are not fetched from unless ASKPIX_FETCH_PRIVATE allows it",
            again=False,
        )

    def _may_connect(self, address: Address) -> bool:
        """Whether an address is one of the public internet, or allowed; what others are packed in counts as these."""
        if isinstance(address, ipaddress.IPv6Address):
            packed = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
            if address in _NAT64:
                packed = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            if packed:
                return self._may_connect(packed)
        if any(address.version == network.version and address in network for network in self.allowed.private):
            return True
        return address.is_global and not address.is_multicast

    def _copy(self, answer: urllib3.BaseHTTPResponse, file: IO[bytes], most: int) -> None:
        claimed = answer.headers.get("Content-Length", "")
        size = int(claimed) if claimed.isdigit() else None
        if size is not None and size > most:
            raise Unreachable(f"it has {size / 1e6:,.0f} MB, more than the {most / 1e6:,.0f} MB allowed", again=False)
        copied = 0
        while piece := answer.read1(_PIECE, decode_content=False):
            copied += len(piece)
            if copied > most:
                raise Unreachable(f"it does not end after {most / 1e6:,.0f} MB", again=False)
            try:
                file.write(piece)
            except OSError as error:
                raise Unreachable(f"it cannot be kept on this machine's disk: {error.strerror}") from error
        if size is not None and copied < size:
            raise Unreachable("the connection broke off before its end")


_TOO_FAR = f"it is sent on more than {_HOPS} times"


def parsed(address: str) -> Url:
    """An address of the web taken apart; raises Unreachable for what is none."""
    try:
        url = parse_url(address)
    except ValueError:
        raise Unreachable("it is no address of the web", again=False) from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise Unreachable("it is no address of the web, which begin with http:// or https://", again=False)
    if url.auth:
        raise Unreachable("the address holds a password, which is not used", again=False)
    return url._replace(fragment=None)


def holds_secret(address: str) -> bool:
    """Whether an address holds a password, or a signature that lets its reader in."""
    before, _, query = address.partition("?")
    return "@" in re.split(r"[/?#]", before.partition("://")[2])[0] or any(
        name.lower() in _SECRETS for name, _ in parse_qsl(query, keep_blank_values=True)
    )


def permitted(address: str) -> tuple[str, str | None]:
    """An address as it may be kept, and why it is not fetched, if so; what may be secret in it is left out then."""
    if holds_secret(address):
        reason = "its address holds a password or signature, which would be kept; list addresses that need none"
        return without_secrets(address)[:_LONGEST], reason
    if len(address) > _LONGEST:
        return address[:_LONGEST], f"its address has {len(address):,} characters, {_LONGEST:,} are the most"
    try:
        parsed(address)
    except Unreachable as error:
        return address, str(error)
    return address, None


def without_secrets(text: str) -> str:
    """A text with what may be secret in its addresses left out: who asks, and what follows the question mark."""
    return re.sub(r"(\w+://)(?:[^/\s@]*@)?([^\s?#]*)(?:\?[^\s'\")]*)?", r"\1\2", text)


def read_allowed() -> Allowed:
    """What the environment allows; raises AskpixError naming what is wrong there."""
    try:
        return Allowed()
    except ValidationError as error:
        wrong = str(error.errors()[0]["loc"][0])
        raise AskpixError(
            f"ASKPIX_FETCH_{wrong.upper()} in the environment is wrong: it may be "
            + ("0 or 1" if wrong == "robots" else "networks such as 10.0.0.0/8,127.0.0.1")
        ) from error


def _origin(url: Url) -> str:
    return f"{url.scheme}://{url.netloc}"


def _port(url: Url) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _pool(url: Url, address: str) -> urllib3.HTTPConnectionPool:
    """For one connection, to the address that was checked, while the certificate is to be the host's."""
    timeout = Timeout(connect=_CONNECT_S, read=_SILENCE_S)
    if url.scheme == "https":
        name = (url.host or "").strip("[]")
        return urllib3.HTTPSConnectionPool(
            address, _port(url), timeout=timeout, server_hostname=name, assert_hostname=name
        )
    return urllib3.HTTPConnectionPool(address, _port(url), timeout=timeout)


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


def _check(answer: urllib3.BaseHTTPResponse) -> None:
    """Raises Unreachable unless the server gives what it was asked for."""
    if answer.status in {200, 206}:
        return
    later = answer.status in _LATER
    wait = None
    if later and (said := answer.headers.get("Retry-After")):
        with suppress(urllib3.exceptions.InvalidHeader):
            wait = urllib3.Retry().parse_retry_after(said)
    raise Unreachable(f"the server answers {answer.status} {answer.reason or ''}".rstrip(), again=later, wait=wait)


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
