"""Fetch from the web, politely and within bounds, and never from where only this machine should be able to reach.

A host's name is looked up first, and the connection made to what was found and allowed, so that a name cannot lead
elsewhere a moment later; and so again wherever one is sent on to. Robots exclusion is that of RFC 9309.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin

import urllib3
from urllib3.util import Url

from searcher.addresses import Allowed, origin_of, parsed, read_allowed
from searcher.connections import answered
from searcher.elsewhere import Unreachable
from vlm.extras import need

if TYPE_CHECKING:
    from protego import Protego

AGENT = "askpix"
_HOPS = 5
_TOO_FAR = f"it is sent on more than {_HOPS} times"
_HOSTS = 10_000  # remembered, with their robots.txt
_ROBOTS_BYTES = 500_000  # of robots.txt that are read, as RFC 9309 wants at least
_ROBOTS_S = 24 * 3_600  # for which it is believed; RFC 9309 wants no longer
_SILENT_S = 60  # for which a server is left alone whose robots.txt cannot be read
_SLOWEST_S = 60.0  # between two fetches; who asks for more is left alone
_PIECE = 1 << 16
_MOVED = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


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
    silent: Unreachable | None = None
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
        host = self._host(origin_of(url))
        with host.asking:
            if host.believed_until < time.monotonic():
                try:
                    host.robots, host.silent = self._read_robots(url), None
                except Unreachable as error:
                    host.robots, host.silent = None, error
                host.believed_until = time.monotonic() + (_SILENT_S if host.silent else _ROBOTS_S)
            if host.robots is None:
                raise Unreachable(str(host.silent), again=host.silent is None or host.silent.again)
            return host.robots

    def _read_robots(self, url: Url) -> "Protego":
        """What the server allows: everything if it has no robots.txt; raises Unreachable if it cannot be read."""
        from protego import Protego

        at = parsed(f"{origin_of(url)}/robots.txt")
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
        address = self.allowed.check(url)
        own = {"User-Agent": self.agent, "Accept-Encoding": "identity", **headers}
        host = self._host(origin_of(url))
        with host.connections:
            self._take_turn(host, url)
            with answered(url, address, own, self.bounds.seconds) as answer:
                yield answer

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
