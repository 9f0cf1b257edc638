"""What a server does when more is asked of it than it can do: some requests work, some wait, others are to come again.

Requests go in lanes, so that pictures that must be made first, and questions, keep nobody waiting who searches. In each
lane so many work at a time, and so many others wait for a place. A page with many thumbnails comes in a burst, for
which there is patience. A lane in which somebody has been waiting for `SUSTAINED` seconds has more to do than it can,
and then nobody waits there for longer than is `brief`: who gets an answer gets it quickly, the others are told at once
to come again (503 with Retry-After). It is the controlled delay of B. Maurer, "Fail at Scale", ACM Queue 13-8 (2015).
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition

from flask import Flask, Response, current_app, g, request

from webui.api import problems
from webui.events import MOST_OPEN
from webui.languages import gettext as _

SUSTAINED = 2.0  # seconds
RETRY_AFTER = 2  # seconds


@dataclass(frozen=True)
class Lane:
    """How many requests of a kind work at a time, how many more may wait, and for how many seconds: in a burst, and
    while there is more to do than can be done."""

    working: int
    waiting: int
    patience: float
    brief: float


_CORES = min(os.cpu_count() or 4, 8)  # more are used by several servers
LANES = {
    "pages": Lane(working=max(4, _CORES), waiting=32, patience=5, brief=0.1),
    # What is made takes all that a core can do. Nobody loads a picture again that is missing on a page.
    "pictures": Lane(working=max(2, _CORES), waiting=64, patience=20, brief=20),
    "questions": Lane(working=max(1, _CORES // 2), waiting=12, patience=20, brief=1),
}
# Each that works or waits has a thread, as has each stream, and there are some for what needs no place.
THREADS = sum(lane.working + lane.waiting for lane in LANES.values()) + MOST_OPEN + 4

_FREE = {"static", "health", "metrics"}  # which are quick, and must be answered just then
_QUESTIONS = {"ask", "api_questions", "edit"}


class Places:
    """The places of one lane. Safe between threads."""

    def __init__(self, lane: Lane, clock: Callable[[], float] = time.monotonic) -> None:
        self.lane = lane
        self.working, self.waiting, self.refused = 0, 0, 0
        self._clock = clock
        self._freed = Condition()
        self._calm_at = clock()  # when nobody was waiting last

    def enter(self) -> bool:
        """Take a place, waiting for one if need be; False when there is none to be had."""
        with self._freed:
            if not self.waiting:
                self._calm_at = self._clock()
                if self.working < self.lane.working:
                    self.working += 1
                    return True
            if self.waiting >= self.lane.waiting:
                self.refused += 1
                return False
            busy = self._clock() - self._calm_at > SUSTAINED
            self.waiting += 1
            free = self._freed.wait_for(
                lambda: self.working < self.lane.working, self.lane.brief if busy else self.lane.patience
            )
            self.waiting -= 1
            self.working += free
            self.refused += not free
            return free

    def leave(self) -> None:
        """Give the place to one who waits."""
        with self._freed:
            self.working -= 1
            self._freed.notify()


def add_lanes(app: Flask) -> None:
    """Have an application let requests in only as it can answer them."""
    app.extensions["places"] = {name: Places(lane) for name, lane in LANES.items()}
    app.before_request(_enter)
    app.after_request(_left)
    app.teardown_request(lambda _error: _leave())


def places() -> dict[str, Places]:
    """The places of the application that answers this request, by the names of the lanes."""
    found: dict[str, Places] = current_app.extensions["places"]
    return found


def lane_of(endpoint: str | None) -> str | None:
    """The name of the lane that requests for an endpoint go in; None if they need no place."""
    topic = (endpoint or "").partition(".")[0]
    if topic in _FREE or (endpoint or "").endswith(".static"):
        return None
    if topic in _QUESTIONS:
        return "questions"
    return "pictures" if topic == "pictures" else "pages"


def _enter() -> Response | None:
    lane = lane_of(request.endpoint)
    if lane == "pages" and request.args.get("question"):  # which the page of a photo answers
        lane = "questions"
    if lane is None:
        return None
    entered = places()[lane]
    if not entered.enter():
        said = _("This server has more to do than it can just now. Try again in a few seconds.")
        return come_again(said, RETRY_AFTER)
    g.place = entered
    return None


def come_again(said: str, seconds: int) -> Response:
    """An answer (503) that says to come again; making it asks nothing of the catalog, and so costs next to nothing."""
    response = problems.problem(503, said) if problems.concerns_api() else Response(said, 503, mimetype="text/plain")
    response.headers["Retry-After"] = str(seconds)
    response.headers["Cache-Control"] = "no-store"
    return response


def _left(response: Response) -> Response:
    """What is streamed goes on without a place: `webui.events` says how many streams there may be."""
    _leave()
    return response


def _leave() -> None:
    entered: Places | None = g.pop("place", None)
    if entered is not None:
        entered.leave()
