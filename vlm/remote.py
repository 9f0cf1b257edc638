"""Captions and answers from an OpenAI-compatible server: vLLM, Ollama, llama.cpp, transformers serve, hosted ones.

A name is BASE_URL#MODEL, for example http://127.0.0.1:11434/v1#qwen2.5vl. The key, where one is needed,
comes from ASKPIX_API_KEY (for api.openai.com also OPENAI_API_KEY) and goes to that server alone.
"""

import base64
import io
import ipaddress
import json
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from vlm.errors import AskpixError
from vlm.prompting import answer_prompt, caption_prompt, held, read_answer, read_description
from vlm.protocols import CANNOT_TELL, Answer, Description, Seen, Task
from vlm.runtime import Runtime
from vlm.streams import ahead

if TYPE_CHECKING:
    from urllib3 import PoolManager

Out = TypeVar("Out")

OPENAI = "api.openai.com"
TRANSIENT = (408, 429, 500, 502, 503, 504)
LONGEST_WAIT = 60  # seconds, however long a server asks to be left alone
LARGEST_REPLY = 4_000_000  # bytes
UNTOLD = 0.5  # the confidence where a server does not tell the probabilities of its words
QUALITY = 85


def open_model(rest: str, runtime: Runtime) -> "Remote":
    """The model called openai:`rest`; nothing is sent before it is used.

    Raises AskpixError for a malformed address, and for a key that would travel unencrypted.
    """
    url, _, model = rest.partition("#")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not model:
        raise AskpixError(f'"openai:{_without_user(rest)}" is no address: write openai:http://HOST:PORT/v1#MODEL')
    if parts.username or parts.password:
        raise AskpixError("a key does not belong into the address: set ASKPIX_API_KEY instead")
    key = os.environ.get("ASKPIX_API_KEY", "") or (
        os.environ.get("OPENAI_API_KEY", "") if parts.hostname == OPENAI else ""
    )
    if key and parts.scheme == "http" and not _near_by(parts.hostname):
        raise AskpixError(f"the key would go to {parts.hostname} unencrypted: use https, or unset ASKPIX_API_KEY")
    return Remote(url.rstrip("/"), model, runtime, key)


@dataclass(frozen=True)
class Said:
    """What a server wrote about one picture, and how sure it was of its words: 0..1, None if it did not tell."""

    text: str
    confidence: float | None
    finish: str


@dataclass(frozen=True)
class Remote:
    """A model on a server, asked from any thread."""

    url: str
    model: str
    runtime: Runtime
    key: str = field(default="", repr=False)
    # Parameters that not every server knows; those that one rejects are left out from then on.
    _optional: dict[str, Any] = field(
        default_factory=lambda: {"logprobs": True, "temperature": 0, "max_tokens": 256}, repr=False, compare=False
    )
    _parts: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The model as its server calls it; where that is served may change."""
        return f"openai:{self.model}"[:200]

    @property
    def tasks(self) -> frozenset[Task]:
        """It writes and answers."""
        return frozenset({"caption", "answer"})

    @property
    def runs_on(self) -> str:
        """The server's address."""
        return self.url

    @property
    def batch(self) -> int:
        """How many pictures at a time suit it: enough to keep all requests going."""
        return max(16, 4 * self.runtime.requests)

    @property
    def image_size(self) -> int:
        """The longer side in pixels of what is sent."""
        return self.runtime.remote_side

    def look(self, images: Sequence[Image.Image]) -> Seen:
        """Keep n pictures, made as small as they are sent: a server charges for every part of one."""
        side = self.runtime.remote_side
        smaller = [image.convert("RGB") for image in images]
        for image in smaller:
            image.thumbnail((side, side), Image.Resampling.BICUBIC)
        return held(smaller)

    def describe(self, seen: Seen, language: str = "en") -> list[Description]:
        """A caption and tags for each picture; an empty caption where the server wrote nothing."""
        prompt = caption_prompt(self.runtime, language)
        said = self._ask_all([(image, prompt) for image in seen.state[0]])
        return [read_description(one.text, _sure(one)) for one in said]

    def answer(self, seen: Seen, questions: Sequence[str]) -> list[Answer]:
        """Answer questions[i] about the i-th picture."""
        prompts = [answer_prompt(self.runtime, question) for question in questions]
        return [_answered(one) for one in self._ask_all(list(zip(seen.state[0], prompts, strict=True)))]

    def _ask_all(self, asked: Sequence[tuple[Image.Image, str]]) -> list[Said]:
        """Ask about each picture, `runtime.requests` at a time, in order."""
        if not asked:
            return []
        with ThreadPoolExecutor(self.runtime.requests, "ask") as pool:
            return list(ahead(pool, lambda one: self._ask(*one), asked, 2 * self.runtime.requests))

    def _ask(self, image: Image.Image, prompt: str) -> Said:
        content = [{"type": "image_url", "image_url": {"url": _data_uri(image)}}, {"type": "text", "text": prompt}]
        message = {"model": self.model, "messages": [{"role": "user", "content": content}]}
        while True:
            optional = dict(self._optional)
            status, body = self._request("POST", "/chat/completions", message | optional)
            if status in (400, 422) and self._give_up_on(optional, body):
                continue
            if status != 200:
                raise self._refusal(status, body)
            return self._read(body)

    def _give_up_on(self, optional: dict[str, Any], body: bytes) -> bool:
        """Leave out a parameter that the server rejects; whether there was one."""
        complaint = body.decode("utf-8", "replace")
        named = next((name for name in optional if name in complaint), None)
        with self._lock:
            if named == "max_tokens" and "max_completion_tokens" in complaint:
                self._optional["max_completion_tokens"] = self._optional.pop("max_tokens", 256)
            elif named:
                self._optional.pop(named, None)
        return named is not None

    def _read(self, body: bytes) -> Said:
        try:
            choice = json.loads(body)["choices"][0]
            text = choice["message"].get("content") or ""
            logprobs = [word["logprob"] for word in (choice.get("logprobs") or {}).get("content") or []]
            finish = str(choice.get("finish_reason") or "")
            if not isinstance(text, str):
                raise TypeError("the content is no text")
            confidence = float(np.exp(np.mean(logprobs))) if logprobs else None
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            raise AskpixError(
                f"{self.url} answers, but not as an OpenAI-compatible server does; {_start(body)}"
            ) from None
        return Said(text, confidence, finish)

    def _refusal(self, status: int, body: bytes) -> AskpixError:
        """What a status means, in one line that never holds the key."""
        said = _start(body)
        if self.key:
            said = said.replace(self.key, "…")
        if status in (401, 403):
            which = "OPENAI_API_KEY or ASKPIX_API_KEY" if urlsplit(self.url).hostname == OPENAI else "ASKPIX_API_KEY"
            return AskpixError(f"{self.url} wants a key, or another one ({status}): set {which}")
        if status == 404:
            return AskpixError(
                f'{self.url} knows no model "{self.model}", or is no such address (404){self._nearest()}'
            )
        if status == 429:
            return AskpixError(f"{self.url} is asked too often (429): lower ASKPIX_REQUESTS, or wait; {said}")
        if 300 <= status < 400:
            return AskpixError(f"{self.url} sends us elsewhere ({status}): name the address that it means")
        return AskpixError(f"{self.url} refuses ({status}); {said}{self._nearest() if status == 400 else ''}")

    def _nearest(self) -> str:
        """The server's own models that are named alike, if it tells, and ours is none of them."""
        try:
            _, body = self._request("GET", "/models", None)
            known = [str(one["id"]) for one in json.loads(body)["data"]]
        except (AskpixError, ValueError, KeyError, TypeError):
            return ""
        near = get_close_matches(self.model, known, 5, 0.3) or known[:5]
        return f"; its models are {', '.join(near)}" if near and self.model not in known else ""

    def _request(self, method: str, path: str, message: dict[str, Any] | None) -> tuple[int, bytes]:
        """Status and body; transient failures are tried again, at growing intervals."""
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
        found: PoolManager = self._part("pool", self._make_pool)
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

    def _part(self, name: str, load: Callable[[], Out]) -> Out:
        with self._lock:
            if name not in self._parts:
                self._parts[name] = load()
            found: Out = self._parts[name]
            return found


class _TooSlow(Exception):
    """An answer that trickles in without an end."""


def _sure(said: Said) -> float:
    if not said.text.strip():
        return 0.0
    return UNTOLD if said.confidence is None else round(said.confidence, 4)


def _answered(said: Said) -> Answer:
    if not said.text.strip():
        return Answer(CANNOT_TELL, 0.0, {"reason": f"the server gave no text ({said.finish or 'no reason'})"})
    why = {"confidence": "not told by the server"} if said.confidence is None else {}
    return read_answer(said.text, _sure(said), why)


def _data_uri(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _near_by(host: str) -> bool:
    """Whether a host is this machine or one of the house: what is sent there passes no foreign hands."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))
    return address.is_private or address.is_loopback


def _without_user(rest: str) -> str:
    """The address without what may be a key."""
    scheme, mark, tail = rest.partition("://")
    return f"{scheme}{mark}{tail.rpartition('@')[2]}"


def _start(body: bytes) -> str:
    """How an answer begins, in one line."""
    text = " ".join(body[:400].decode("utf-8", "replace").split())
    return f"it says: {text[:160]}" if text else "it says nothing"


def _cause(error: Exception) -> str:
    """Why a connection failed, without the objects that it failed in."""
    said = getattr(error, "reason", None) or error.args[0]
    return re.sub(r"^\w+\(.*?\): ", "", str(said))
