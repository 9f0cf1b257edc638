"""More is asked of a server than it can do: some wait, others are told to come again, and nothing falls over."""

import random
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from searcher import Library
from searcher.postgres import Away
from vlm.errors import AskpixError
from webui.app import create_app
from webui.overload import LANES, RETRY_AFTER, SUSTAINED, Lane, Places, lane_of
from webui.serving import Server


def test_so_many_work_and_so_many_wait() -> None:
    places = Places(Lane(working=1, waiting=1, patience=30, brief=30))
    assert places.enter()
    entered: list[bool] = []
    waiting = threading.Thread(target=lambda: entered.append(places.enter()))
    waiting.start()
    while not places.waiting:
        pass
    assert not places.enter(), "one works, one waits"
    places.leave()
    waiting.join()
    assert (entered, places.working, places.waiting, places.refused) == ([True], 1, 0, 1)


def test_nobody_waits_for_ever() -> None:
    places = Places(Lane(working=1, waiting=5, patience=0.01, brief=30))
    assert places.enter()
    assert not places.enter()
    assert (places.working, places.waiting, places.refused) == (1, 0, 1)
    places.leave()
    assert places.enter()


def test_while_there_is_too_much_to_do_nobody_waits_for_long() -> None:
    time = [0.0]
    places = Places(Lane(working=1, waiting=5, patience=30, brief=0.01), clock=lambda: time[0])
    assert places.enter()
    patient = threading.Thread(target=places.enter)
    patient.start()
    while not places.waiting:
        pass
    time[0] += SUSTAINED + 1
    assert not places.enter(), "somebody has been waiting for too long"
    places.leave()
    patient.join()
    places.leave()
    assert places.enter()
    time[0] += SUSTAINED + 1
    late = threading.Thread(target=places.enter)
    late.start()
    while not places.waiting:
        pass
    places.leave()
    late.join()
    assert places.refused == 1, "a burst is waited for"


@pytest.mark.parametrize(
    ("endpoint", "lane"),
    [
        ("search.search", "pages"),
        ("api_search.search", "pages"),
        (None, "pages"),
        ("pictures.picture", "pictures"),
        ("api_questions.ask", "questions"),
        ("ask.events", "questions"),
        ("edit.preview", "questions"),
        ("static", None),
        ("api_document.static", None),
        ("health.ready", None),
        ("metrics.show", None),
    ],
)
def test_which_lane(endpoint: str | None, lane: str | None) -> None:
    assert lane_of(endpoint) == lane


@pytest.fixture
def full(client: FlaskClient) -> Iterator[FlaskClient]:
    """A client of a server whose lane of pages is full, where nobody may wait."""
    places = client.application.extensions["places"]
    before, places["pages"] = places["pages"], Places(Lane(working=1, waiting=0, patience=0, brief=0))
    assert places["pages"].enter()
    yield client
    places["pages"] = before


def test_who_is_refused_is_told_when_to_come_again(full: FlaskClient) -> None:
    page = full.get("/?q=a+cat", headers={"Accept-Language": "en"})
    assert (page.status_code, page.headers["Retry-After"]) == (503, str(RETRY_AFTER))
    assert page.text == "This server has more to do than it can just now. Try again in a few seconds."
    told = full.get("/api/v1/search?q=a+cat")
    assert (told.status_code, told.headers["Retry-After"]) == (503, str(RETRY_AFTER))
    assert told.mimetype == "application/problem+json"
    assert told.headers["X-Request-ID"]
    for path in ("/healthz", "/readyz", "/metrics", "/static/style.css"):
        assert full.get(path).status_code == 200, path
    assert 'askpix_requests_refused_total{lane="pages"} 2.0' in full.get("/metrics").text
    full.application.extensions["places"]["pages"].leave()
    assert full.get("/?q=a+cat").status_code == 200


def test_a_place_is_given_back_however_a_request_ends(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    places = client.application.extensions["places"]

    def broken(*_given: object, **_more: object) -> None:
        raise RuntimeError

    for path in (
        "/",
        "/nowhere",
        "/?q=" + "x" * 2_000,
        "/api/v1/search?k=0",
        "/index/events",
        "/image/1?question=what",
    ):
        client.get(path)
    monkeypatch.setattr(Library, "count_images", broken)
    assert client.get("/api/v1/health").status_code == 500
    assert {name: lane.working for name, lane in places.items()} == dict.fromkeys(LANES, 0)


@pytest.mark.parametrize(("error", "status"), [(Away("it is away"), 503), (AskpixError("that is wrong"), 400)])
def test_a_catalog_that_is_away_is_not_the_users_to_mend(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, error: AskpixError, status: int
) -> None:
    def failing(*_given: object, **_more: object) -> None:
        raise error

    monkeypatch.setattr(Library, "count_images", failing)
    answer = client.get("/api/v1/health")
    assert (answer.status_code, answer.json["detail"]) == (status, str(error))  # type: ignore[index]
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_small_storm(large_folder: Path) -> None:
    """A share of benchmarks.load: as many clients, without a pause."""
    with Library(large_folder) as library:
        ids = [hit.photo.id for hit in library.browse(k=50)]
        server = Server(create_app(library), "127.0.0.1", 0)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            with ThreadPoolExecutor(50) as clients:
                seen = sum(clients.map(lambda number: client_of(server.port, ids, number), range(50)), Counter())
        finally:
            server.stop()
            thread.join()
    answered = sum(count for (status, _again), count in seen.items() if status == 200)
    assert answered > 100
    assert set(seen) <= {(200, None), (503, str(RETRY_AFTER))}
    assert sum(seen.values()) == 50 * 8


def client_of(port: int, ids: list[int], number: int) -> "Counter[tuple[int, str | None]]":
    """The statuses and Retry-After of what one client is answered."""
    dice, seen = random.Random(number), Counter[tuple[int, str | None]]()
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(8):
        word, photo = dice.choice(["cat", "boat", "tree", "food"]), dice.choice(ids)
        path = dice.choice([f"/api/v1/search?q={word}&k=5", "/static/style.css", f"/image/{photo}", "/healthz"])
        connection.request("GET", urllib.parse.quote(path, safe="/?=&"))
        answer = connection.getresponse()
        answer.read()
        seen[answer.status, answer.headers["Retry-After"]] += 1
    connection.close()
    return seen
