"""A real server over the demo library, and a real Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page
from sqlalchemy import insert, select

from searcher import Library, database
from searcher.catalog import PEOPLE, Base, Caption, Details, Embedding, File, Image
from served import SLOW_MS, chromium, client_of, served

LARGE = 700  # photos of the large library


@pytest.fixture
def client(demo_library: Library) -> FlaskClient:
    """Flask's own client, without a network."""
    return client_of(demo_library)


@pytest.fixture
def own_library(untouched_demo_folder: Path, tmp_path: Path) -> Iterator[Library]:
    """A copy of the demo library that a test may change."""
    with Library(shutil.copytree(untouched_demo_folder, tmp_path / "library")) as library:
        yield library


@pytest.fixture
def own_client(own_library: Library) -> FlaskClient:
    """Flask's own client of that library."""
    return client_of(own_library)


@pytest.fixture(scope="session")
def large_folder(untouched_demo_folder: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library folder with `LARGE` more photos, a day apart, each with a caption of its number; five have no date."""
    folder = tmp_path_factory.mktemp("large")
    shutil.copytree(untouched_demo_folder, folder / "library")
    (folder / "photos").mkdir()
    pictures = sorted(photos.rglob("*.jpg"))
    with Library(folder / "library") as library, database.writing(library.engine) as session:
        known = session.scalars(select(Embedding.image_id).order_by(Embedding.position)).all()
        vectors = library.vectors.get(np.array(known), len(known))
        first = max(known) + 1
        library.vectors.append(np.arange(first, first + LARGE), np.resize(vectors, (LARGE, library.encoder.dim)))
        rows: dict[type[Base], list[dict[str, Any]]] = {Image: [], File: [], Details: [], Caption: [], Embedding: []}
        for number in range(LARGE):
            link = folder / "photos" / f"{number}.jpg"
            link.symlink_to(pictures[number % len(pictures)])
            image_id, height = first + number, 600 + 10 * (number % 7)
            taken = datetime(2021, 3, 10, 12) - timedelta(days=number) if number < LARGE - 5 else None
            rows[Image].append(
                {"id": image_id, "hash": f"{number:064x}", "width": 900, "height": height, "format": "JPEG"}
            )
            rows[File].append(
                {"folder": str(link.parent), "name": link.name, "size": 1, "mtime_ns": 1, "image_id": image_id}
            )
            rows[Details].append({"image_id": image_id, "taken_at": taken})
            rows[Caption].append(
                {"image_id": image_id, "model": PEOPLE, "text": f"photo number {number}", "confidence": 1.0}
            )
            rows[Embedding].append(
                {"image_id": image_id, "model": library.encoder.name, "position": len(known) + number, "compared": True}
            )
        for table, some in rows.items():
            session.execute(insert(table), some)
    return folder / "library"


@pytest.fixture
def large_library(large_folder: Path) -> Iterator[Library]:
    """That library, opened."""
    with Library(large_folder) as library:
        yield library


@pytest.fixture
def large_client(large_library: Library) -> FlaskClient:
    """Flask's own client of that library."""
    return client_of(large_library)


@pytest.fixture(scope="session")
def address(demo_folder: Path) -> Iterator[str]:
    """The address of a server of the demo library on loopback."""
    with Library(demo_folder) as library, served(library) as address:
        yield address


@pytest.fixture(scope="session")
def large_address(large_folder: Path) -> Iterator[str]:
    """The address of a server of the large library on loopback."""
    with Library(large_folder) as library, served(library) as address:
        yield address


@pytest.fixture
def own_address(own_library: Library) -> Iterator[str]:
    """The address of a server of the library that a test may change."""
    with served(own_library) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with chromium() as started:
        yield started


DEVICES: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "phone": {"viewport": {"width": 375, "height": 812}, "color_scheme": "dark", "has_touch": True},
    "narrow": {"viewport": {"width": 320, "height": 640}, "color_scheme": "light"},
    "without JavaScript": {"viewport": {"width": 1024, "height": 768}, "java_script_enabled": False},
}


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each device in turn."""
    return DEVICES[request.param]


@pytest.fixture
def scripted(device: dict[str, Any]) -> bool:
    """Whether the device runs scripts."""
    return bool(device.get("java_script_enabled", True))


@pytest.fixture
def page(browser: Browser, address: str, device: dict[str, Any]) -> Iterator[Page]:
    """A page of the demo library on each device, which must end without a complaint in its console."""
    with _opened(browser, address, device) as page:
        yield page


@pytest.fixture
def own_page(browser: Browser, own_address: str, device: dict[str, Any]) -> Iterator[Page]:
    """A page of the library that a test may change, on each device."""
    with _opened(browser, own_address, device) as page:
        yield page


@pytest.fixture
def desk(browser: Browser, address: str) -> Iterator[Page]:
    """A page of the demo library on the desk alone."""
    with _opened(browser, address, DEVICES["desk"]) as page:
        yield page


@pytest.fixture
def large_page(browser: Browser, large_address: str, device: dict[str, Any]) -> Iterator[Page]:
    """A page of the large library on each device."""
    with _opened(browser, large_address, device) as page:
        yield page


@pytest.fixture
def large_desk(browser: Browser, large_address: str) -> Iterator[Page]:
    """A page of the large library on the desk alone."""
    with _opened(browser, large_address, DEVICES["desk"]) as page:
        yield page


@pytest.fixture
def own_desk(browser: Browser, own_address: str) -> Iterator[Page]:
    """A page of the library that a test may change, on the desk alone."""
    with _opened(browser, own_address, DEVICES["desk"]) as page:
        yield page


@contextmanager
def _opened(browser: Browser, address: str, device: dict[str, Any]) -> Iterator[Page]:
    context = browser.new_context(base_url=address, **device)
    context.set_default_timeout(SLOW_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []
