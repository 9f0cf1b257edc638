"""Server-sent events: what happens, told to a page while it happens.

An open stream keeps one of the server's few threads, so that no more than `MOST_OPEN` are open at a time, and one that
is to follow something for long ends after a while: the browser's EventSource then asks again by itself.
"""

import json
import time
from collections.abc import Iterator, Mapping
from threading import BoundedSemaphore
from typing import Any

from flask import Response, current_app, stream_with_context

from vlm.errors import AskpixError

MOST_OPEN = 4
_AGAIN_MS = 2_000  # that a browser waits before it asks again


def stream(events: Iterator[Mapping[str, Any]], most_seconds: float | None = 25) -> Response:
    """Send each event as JSON once it is there; one that is empty says only that the stream goes on.

    At the end of `events` comes an event named `end`, after which a page should close its EventSource; an AskpixError
    among them ends the stream too, as an event named `refused` with `said`. Without either the browser is to ask
    again: since `most_seconds` have gone by (None: never), or since too many streams are open. `events` is asked for
    the next one even when nobody listens any more, so it should give an empty one every few seconds.
    """
    places: BoundedSemaphore = current_app.extensions.setdefault("streams", BoundedSemaphore(MOST_OPEN))
    free = places.acquire(blocking=False)
    told = stream_with_context(_told(events, most_seconds)) if free else iter([_again()])
    response = Response(told, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # a proxy is to pass events on as they come
    if free:
        response.call_on_close(places.release)
    return response


def _told(events: Iterator[Mapping[str, Any]], most_seconds: float | None) -> Iterator[str]:
    yield _again()
    until = None if most_seconds is None else time.monotonic() + most_seconds
    try:
        for event in events:
            yield f"data: {json.dumps(event)}\n\n" if event else ": \n\n"
            if until is not None and time.monotonic() >= until:
                return
    except AskpixError as error:
        yield f"event: refused\ndata: {json.dumps({'said': str(error)})}\n\n"
        return
    yield "event: end\ndata: {}\n\n"


def _again() -> str:
    return f"retry: {_AGAIN_MS}\n\n"
