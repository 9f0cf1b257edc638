"""A real server over the demo library, and a real Chromium."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import waitress
from flask.testing import FlaskClient
from playwright.sync_api import Browser, sync_playwright

from searcher import Library
from webui.app import create_app


class BufferedClient(FlaskClient):
    """Reads each answer whole, so that the files behind it are closed."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """As Flask's."""
        return super().open(*args, **{"buffered": True, **kwargs})


@pytest.fixture
def client(demo_library: Library) -> FlaskClient:
    """Flask's own client, without a network."""
    app = create_app(demo_library, {"TESTING": True})
    app.test_client_class = BufferedClient
    return app.test_client()


@pytest.fixture(scope="session")
def address(demo_folder: Path) -> Iterator[str]:
    """The address of a server on loopback."""
    with Library(demo_folder) as library:
        server = waitress.create_server(create_app(library), host="127.0.0.1", port=0, threads=4)
        thread = threading.Thread(target=server.run)
        thread.start()
        yield f"http://127.0.0.1:{server.effective_port}"
        server.close()
        thread.join(timeout=10)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield started
        started.close()
