"""Speak to a server: JSON there and back, with retries, in bounded time and size, and never a word of the key."""

import ipaddress
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vlm.errors import AskpixError
from vlm.parts import Parts
from vlm.runtime import Runtime

if TYPE_CHECKING:
    from urllib3 import PoolManager

TRANSIENT = (408, 429, 500, 502, 503, 504)
LONGEST_WAIT = 60  # seconds, however long a server asks to be left alone
LARGEST_REPLY = 4_000_000  # bytes


@dataclass(frozen=True)
class Server:
    """A server at an address, asked from any thread."""

    url: str
    runtime: Runtime
    key: str = field(default="", repr=False)
    _parts: Parts = field(default_factory=Parts, repr=False, compare=False)

    def request(self, method: str, path: str, message: dict[str, Any] | None) -> tuple[int, bytes]:
        """Status and body; transient failures are tried again, at growing intervals.

        Raises AskpixError when the server cannot be reached, or does not end its answer.
        """
        from urllib3.exceptions import HTTPError, MaxRetryError

        body = None if message is None else json.dumps(message).encode()
        for attempt in range(self.runtime.retries + 1):
            try:
                response = self._pool.request(
                    method, self.url + path, body=body, headers=self._headers, redirect=False, preload_content=False
                )
                return response.status, self._body(response)
            except MaxRetryError as error:
                raise AskpixError(f"{self.url} cannot be reached ({_cause(error)}): is the server running?") from error
            except (HTTPError, _TooSlow) as error:  # cut off or hung in the middle of its answer
                if attempt == self.runtime.retries:
                    raise AskpixError(
                        f"{self.url} breaks off its answers ({error}): see the server's own log"
                    ) from error
                time.sleep(min(0.2 * 2**attempt, LONGEST_WAIT))
        raise AssertionError("unreachable")

    def _body(self, response: Any) -> bytes:
        """The whole body, in the time and the size that one answer may have."""
        latest = time.monotonic() + self.runtime.timeout
        parts, size = [], 0
        try:
            while part := response.read1(65_536):
                parts.append(part)
                size += len(part)
                if size > LARGEST_REPLY:
                    raise AskpixError(f"{self.url} sends more than {LARGEST_REPLY / 1e6:.0f} MB for one answer")
                if time.monotonic() > latest:
                    raise _TooSlow(f"not done in {self.runtime.timeout:.0f} s; ASKPIX_TIMEOUT allows more")
        finally:
            response.close()
        return b"".join(parts)

    @property
    def _headers(self) -> dict[str, str]:
        signed = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", "Accept": "application/json", **signed}

    @property
    def _pool(self) -> "PoolManager":
        found: PoolManager = self._parts.get("pool", self._make_pool)
        return found

    def _make_pool(self) -> "PoolManager":
        from urllib3 import PoolManager, Retry, Timeout
        from urllib3.response import BaseHTTPResponse

        class Patient(Retry):
            """Waits as long as a server asks, within reason."""

            def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
                asked = super().get_retry_after(response)
                return None if asked is None else min(asked, LONGEST_WAIT)

        runtime = self.runtime
        again = Patient(
            runtime.retries,
            status_forcelist=TRANSIENT,
            allowed_methods=None,
            backoff_factor=0.2,
            backoff_max=LONGEST_WAIT,
            backoff_jitter=0.1,
            raise_on_status=False,
        )
        timeout = Timeout(connect=min(10, runtime.timeout), read=runtime.timeout)
        return PoolManager(maxsize=runtime.requests, block=True, retries=again, timeout=timeout)

    def says(self, body: bytes) -> str:
        """How an answer begins, in one line without the key."""
        text = " ".join(body[:400].decode("utf-8", "replace").split())
        if self.key:
            text = text.replace(self.key, "…")
        return f"it says: {text[:160]}" if text else "it says nothing"


class _TooSlow(Exception):
    """An answer that trickles in without an end."""


def near_by(host: str) -> bool:
    """Whether a host is this machine or one of the house: what is sent there passes no foreign hands."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))
    return address.is_private or address.is_loopback


def _cause(error: Exception) -> str:
    """Why a connection failed, without the objects that it failed in."""
    said = getattr(error, "reason", None) or error.args[0]
    return re.sub(r"^\w+\(.*?\): ", "", str(said))
