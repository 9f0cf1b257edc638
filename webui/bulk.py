"""A change of many photos: made before the answer while they are few, else beside a page that says how far it is."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from flask import Response as FlaskResponse
from flask import current_app, redirect, stream_template
from flask_babel import gettext as _
from werkzeug import Response

from vlm.errors import AskpixError

AT_ONCE = 2_000  # photos, which are changed within about a second
_EVERY_S = 1.0  # between two looks at how far it is


@dataclass
class Change:
    """How far a change of so many photos is; whoever makes it counts."""

    total: int
    done: int = 0
    _since: float = field(default_factory=time.monotonic)

    def through(self, ids: Iterable[int]) -> Iterator[int]:
        """The photos one after the other, each counted as done when the next one is asked for."""
        for image_id in ids:
            yield image_id
            self.add(1)

    def add(self, count: int) -> None:
        """Count so many more as done."""
        self.done += count

    @property
    def rate(self) -> float:
        """Photos a second."""
        return self.done / (time.monotonic() - self._since)

    @property
    def left(self) -> float | None:
        """The seconds that it still takes; None while unknown."""
        return (self.total - self.done) / self.rate if self.done else None


def make(total: int, about: str, change: Callable[[Change], str], then: Callable[[str], str]) -> Response:
    """Have a change of `total` photos made, and lead to the address that `then` has for what it gives back.

    Of many photos the answer is a page headed `about` which is sent while a thread makes the change, and goes on with
    it when nobody listens any more.
    """
    going = Change(total)
    if total <= AT_ONCE:
        return redirect(then(change(going)), 303)
    response = FlaskResponse(stream_template("changing.html", about=about, steps=_steps(going, change, then)))
    response.headers["X-Accel-Buffering"] = "no"  # a proxy is to pass it on as it comes
    return response


def _steps(going: Change, change: Callable[[Change], str], then: Callable[[str], str]) -> Iterator[dict[str, object]]:
    """How far it is, again and again; in the end where to go from here, or what went wrong."""
    threads = ThreadPoolExecutor(1, "bulk")
    made = threads.submit(change, going)
    threads.shutdown(wait=False)
    while not wait([made], _EVERY_S).done:
        yield {"going": going}
    try:
        yield {"leads": then(made.result())}
    except AskpixError as error:
        yield {"wrong": str(error)}
    except Exception:  # whatever broke, the page that is being sent must say so
        current_app.logger.exception("a change of many photos")
        yield {"wrong": _("Something broke on our side; the log says what.")}
