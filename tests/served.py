"""A library served: to Flask's own client, by a real server, to a real Chromium, each for as long as it is needed."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import waitress
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect, sync_playwright

from searcher import Library
from webui.app import create_app

SLOW_MS = 120_000  # after which a page of a busy machine hangs


class BufferedClient(FlaskClient):
    """Reads each answer whole, so that the files behind it are closed."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """As Flask's."""
        return super().open(*args, **{"buffered": True, **kwargs})


def client_of(library: Library) -> FlaskClient:
    """Flask's own client of a library, without a network."""
    app = create_app(library, {"TESTING": True})
    app.test_client_class = BufferedClient
    return app.test_client()


@contextmanager
def served(library: Library) -> Iterator[str]:
    """The address of a server of a library on loopback."""
    app = create_app(library)
    for place in app.extensions["places"].values():  # nobody is refused, however slow the machine is
        place.lane = replace(place.lane, patience=SLOW_MS / 1000, brief=SLOW_MS / 1000)
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=_run, args=(server,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(timeout=2)  # a browser may hold its connections open for longer
        server.task_dispatcher.shutdown(timeout=2)  # or its threads would keep the library for ever


def _run(server: Any) -> None:
    with suppress(OSError):  # it is closed while it waits
        server.run()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; pages have the time they need where others are at work on the machine."""
    expect.set_options(timeout=SLOW_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield started
        started.close()
