"""Captions and answers from an OpenAI-compatible server: vLLM, Ollama, llama.cpp, transformers serve, hosted ones.

A name is BASE_URL#MODEL, for example http://127.0.0.1:11434/v1#qwen2.5vl. The key, where one is needed,
comes from ASKPIX_API_KEY (for api.openai.com also OPENAI_API_KEY) and goes to that server alone.
"""

import base64
import io
import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from vlm.errors import AskpixError
from vlm.prompting import answer_prompt, caption_prompt, held, read_answer, read_description
from vlm.protocols import CANNOT_TELL, Answer, Description, Seen, Task
from vlm.runtime import Runtime
from vlm.server import Server, near_by
from vlm.streams import ahead

OPENAI = "api.openai.com"
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
    if key and parts.scheme == "http" and not near_by(parts.hostname):
        raise AskpixError(f"the key would go to {parts.hostname} unencrypted: use https, or unset ASKPIX_API_KEY")
    return Remote(Server(url.rstrip("/"), runtime, key), model, runtime)


@dataclass(frozen=True)
class Said:
    """What a server wrote, and how sure it was of its words: 0..1, None if it did not tell."""

    text: str
    confidence: float | None
    finish: str


@dataclass(frozen=True)
class Remote:
    """A model on a server, asked from any thread."""

    server: Server
    model: str
    runtime: Runtime
    # Parameters that not every server knows; those that one rejects are left out from then on.
    _optional: dict[str, Any] = field(
        default_factory=lambda: {"logprobs": True, "temperature": 0, "max_tokens": 256}, repr=False, compare=False
    )
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
        return self.server.url

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
        return self.write([{"role": "user", "content": content}])

    def write(self, messages: Sequence[dict[str, Any]]) -> Said:
        """Continue a conversation, whose messages are as the protocol has them; no tool is offered, and none runs.

        Raises AskpixError when the server cannot be reached, refuses, or answers in no way that is known.
        """
        message = {"model": self.model, "messages": list(messages)}
        while True:
            optional = dict(self._optional)
            status, body = self.server.request("POST", "/chat/completions", message | optional)
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
                f"{self.server.url} answers, but not as an OpenAI-compatible server does; {self.server.says(body)}"
            ) from None
        return Said(text, confidence, finish)

    def _refusal(self, status: int, body: bytes) -> AskpixError:
        """What a status means, in one line that never holds the key."""
        said = self.server.says(body)
        if status in (401, 403):
            which = (
                "OPENAI_API_KEY or ASKPIX_API_KEY" if urlsplit(self.server.url).hostname == OPENAI else "ASKPIX_API_KEY"
            )
            return AskpixError(f"{self.server.url} wants a key, or another one ({status}): set {which}")
        if status == 404:
            return AskpixError(
                f'{self.server.url} knows no model "{self.model}", or is no such address (404){self._nearest()}'
            )
        if status == 429:
            return AskpixError(f"{self.server.url} is asked too often (429): lower ASKPIX_REQUESTS, or wait; {said}")
        if 300 <= status < 400:
            return AskpixError(f"{self.server.url} sends us elsewhere ({status}): name the address that it means")
        return AskpixError(f"{self.server.url} refuses ({status}); {said}{self._nearest() if status == 400 else ''}")

    def _nearest(self) -> str:
        """The server's own models that are named alike, if it tells, and ours is none of them."""
        try:
            _, body = self.server.request("GET", "/models", None)
            known = [str(one["id"]) for one in json.loads(body)["data"]]
        except (AskpixError, ValueError, KeyError, TypeError):
            return ""
        near = get_close_matches(self.model, known, 5, 0.3) or known[:5]
        return f"; its models are {', '.join(near)}" if near and self.model not in known else ""


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


def _without_user(rest: str) -> str:
    """The address without what may be a key."""
    scheme, mark, tail = rest.partition("://")
    return f"{scheme}{mark}{tail.rpartition('@')[2]}"
