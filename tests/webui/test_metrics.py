"""What Prometheus is told, and what is written down: how it goes, and nothing that people keep private."""

import json
import logging
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

import vlm
from people import PASSWORD, add_people
from searcher import Library, credentials
from webui import logs
from webui.app import create_app
from webui.metrics import Metrics
from webui.timed import timed_models

SECRET = "a very private search"


@pytest.fixture
def timed_client(demo_folder: Path) -> Iterator[FlaskClient]:
    """A client of a library whose models are timed, as `askpix serve` has it."""
    metrics = Metrics()
    with Library(demo_folder) as plain:
        models = timed_models(plain.settings, metrics.note_model)
        with Library(settings=plain.settings, **models) as library:
            yield create_app(library, metrics=metrics).test_client()


def test_what_is_counted(timed_client: FlaskClient, demo_library: Library) -> None:
    photo = demo_library.browse(k=1)[0].photo
    for path in (f"/?q={SECRET}", "/?q=a+cat", "/", "/api/v1/search?q=a+dog", "/api/v1/search?k=0", "/nowhere", "/nor"):
        timed_client.get(path)
    timed_client.open("/nowhere", method="MADEUP")
    timed_client.post(f"/api/v1/photos/{photo.id}/ask", json={"question": "is it outdoors?"})
    timed_client.get(f"/image/{photo.id}?question=what+is+it")
    timed_client.get(f"/image/{photo.id}")
    answer = timed_client.get("/metrics")
    assert answer.mimetype == "text/plain"
    told = samples(answer.text)
    assert told["askpix_requests_total", "/", "GET", "200"] == 3
    assert told["askpix_requests_total", "/api/v1/search", "GET", "422"] == 1
    assert told["askpix_requests_total", "none", "GET", "404"] == 2, "an address that is none makes no name of its own"
    assert told["askpix_requests_total", "none", "other", "404"] == 1
    assert told["askpix_request_seconds_count", "/image/<int:image_id>"] == 2
    assert told["askpix_searches_total",] == 3
    assert told["askpix_questions_total",] == 2
    assert told["askpix_model_calls_total", "encode_texts"] >= 3
    assert told["askpix_model_calls_total", "answer"] >= 2
    assert told["askpix_model_seconds_total", "answer"] > 0
    assert told["askpix_photos",] == demo_library.count_images()
    assert told["askpix_vectors",] == demo_library.count_vectors()
    assert told["askpix_requests_working", "pages"] == 0
    assert told["askpix_requests_refused_total", "questions"] == 0
    assert told["process_resident_memory_bytes",] > 0
    assert "private" not in answer.text


def test_a_model_that_many_need_first_is_loaded_once(monkeypatch: pytest.MonkeyPatch, demo_library: Library) -> None:
    opened: list[str] = []
    load = vlm.load

    def counted(name: str, *given: Any) -> Any:
        opened.append(name)
        return load(name, *given)

    monkeypatch.setattr(vlm, "load", counted)
    calls: list[str] = []
    encoder = timed_models(demo_library.settings, lambda work, _seconds: calls.append(work))["encoder"]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda number: encoder.encode_texts([f"a cat {number}"]), range(24)))
    assert (opened, calls) == (["builtin"], ["encode_texts"] * 24)
    both = timed_models(demo_library.settings.model_copy(update={"answerer": "builtin"}), lambda *_noted: None)
    assert set(both) == {"encoder"}, "the same model is not loaded twice"


def samples(text: str) -> dict[tuple[str, ...], float]:
    """The values of metrics by their name and the values of their labels."""
    labels = ("route", "method", "status", "lane", "work")
    return {
        (one.name, *(one.labels[label] for label in labels if label in one.labels)): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if not one.name.endswith("_bucket")
    }


def test_with_accounts_they_are_for_who_may_look(own_client: FlaskClient, own_library: Library) -> None:
    assert own_client.get("/metrics").status_code == 200
    elsewhere = {"Host": "10.1.2.3:8080"}
    assert own_client.get("/metrics", headers=elsewhere).status_code == 400, "nor does a page of another name read it"
    people = add_people(own_library)
    assert own_client.get("/metrics").status_code == 303
    key = credentials.make_key(own_library, people["viewer"], "Prometheus")
    asked = {"Authorization": f"Bearer {key}", **elsewhere}
    assert own_client.get("/metrics", headers=asked).status_code == 200
    assert own_client.get("/metrics", headers={**asked, "Authorization": "Bearer askpix_wrong"}).status_code == 401
    assert own_client.get("/albums", headers=asked).status_code == 400, "which holds for them alone"


def test_a_line_of_json_a_request_without_what_is_private(own_library: Library) -> None:
    people = add_people(own_library)
    key = credentials.make_key(own_library, people["viewer"], "a program")
    command = [sys.executable, "-m", "askpix", "serve", "--library", str(own_library.folder), "--port", "0"]
    with subprocess.Popen([*command, "--log-format", "json"], stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            base = re.search(r"http://[^/]+", server.stderr.readline())[0]  # type: ignore[index]
            own_id = ask(f"{base}/?q={SECRET.replace(' ', '+')}", key, **{"X-Request-ID": "made-by-the-proxy"})
            other_id = ask(f"{base}/api/v1/photos/999999", key, **{"X-Request-ID": 'no id" at all'})
            ask(f"{base}/sign-in", None, f"name=Anna&password={PASSWORD}".encode())
            server.terminate()
            written = server.stderr.read()
        finally:
            server.kill()
    lines = [json.loads(line) for line in written.splitlines()]
    requests = [line for line in lines if line["logger"] == "askpix.requests"]
    told = [(line["method"], line["route"], line["status"], line["user"]) for line in requests]
    assert told[:2] == [("GET", "/", 200, "Vera"), ("GET", "/api/v1/photos/<int:photo_id>", 404, "Vera")]
    assert told[2][:3] == ("POST", "/sign-in", 303)
    assert [line["id"] for line in requests[:2]] == ["made-by-the-proxy", other_id]
    assert own_id == "made-by-the-proxy"
    assert re.fullmatch("[0-9a-f]{16}", other_id)
    assert all(line["ms"] >= 0 and line["time"].endswith("+00:00") and line["level"] == "info" for line in requests)
    for private in (SECRET, "private", PASSWORD, key, "999999", "Cookie"):
        assert private not in written


def ask(address: str, key: str | None, body: bytes | None = None, **headers: str) -> str:
    """Ask, with a key if there is one; the id that the answer bears."""
    shown = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(address, body, {**headers, **shown})
    try:
        with urllib.request.urlopen(request) as answer:
            return str(answer.headers["X-Request-ID"])
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers["X-Request-ID"])


def test_what_goes_wrong_is_one_line_of_json_too(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        logging.getLogger("webui").exception("it broke")
    (record,) = caplog.records
    written = logs.formatter("json").format(record)
    assert "\n" not in written
    said = json.loads(written)
    assert (said["level"], said["message"]) == ("error", "it broke")
    assert "RuntimeError: two\nlines" in said["exception"]
    assert "Traceback" in logs.formatter("text").format(record)
