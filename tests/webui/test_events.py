"""Server-sent events: told as they come, to no more pages at a time than the server has threads for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from vlm.errors import AskpixError
from webui.events import MOST_OPEN, stream


@pytest.fixture
def client() -> FlaskClient:
    """An application that has nothing but streams."""
    app = Flask(__name__)
    views: dict[str, Callable[[], Response]] = {
        "two": lambda: stream(iter([{"n": 1}, {}, {"n": "zwei ö\n"}])),
        "wrong": lambda: stream(_wrong()),
        "for-ever": lambda: stream(iter(lambda: {"n": 1}, None), most_seconds=0),
    }
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view)
    return app.test_client()


def _wrong() -> Iterator[Mapping[str, Any]]:
    yield {"n": 1}
    raise AskpixError("that cannot be asked")


def events(client: FlaskClient, url: str) -> list[str]:
    answer = client.get(url)
    assert answer.mimetype == "text/event-stream"
    return answer.text.split("\n\n")[:-1]


def test_events_come_as_json_and_then_the_end(client: FlaskClient) -> None:
    retry, *told = events(client, "/two")
    assert retry.startswith("retry: ")
    assert told == ['data: {"n": 1}', ": ", 'data: {"n": "zwei \\u00f6\\n"}', "event: end\ndata: {}"]


def test_what_cannot_be_done_is_told(client: FlaskClient) -> None:
    assert events(client, "/wrong")[-1] == 'event: refused\ndata: {"said": "that cannot be asked"}'


def test_a_long_stream_ends_without_saying_so(client: FlaskClient) -> None:
    assert events(client, "/for-ever")[1:] == ['data: {"n": 1}']


def test_only_so_many_are_open_at_a_time(client: FlaskClient) -> None:
    opened = [client.get("/two", buffered=False) for _ in range(MOST_OPEN)]
    assert len(events(client, "/two")) == 1, "one too many is asked to come again"
    opened.pop().close()
    assert len(events(client, "/two")) > 1
    opened.pop().close()
