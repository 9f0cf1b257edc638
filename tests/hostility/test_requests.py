"""What any page of the internet or any client may send: other sites' forms and frames, paths, uploads, addresses."""

import http.client
import io
import socket
import sqlite3
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import hostile
from payloads import FULL_TEXT, SQL
from searcher import Library
from served import served

SECRET = b"root:x:0:0"


def routes(app: Flask, arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each method and address of an application."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        values = {name: arguments["Integer" in type(kind).__name__] for name, kind in rule._converters.items()}
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            yield method, adapter.build(rule.endpoint, values, method=method)


ARGUMENTS = {True: 1, False: "x"}


# Other sites


@pytest.mark.parametrize(
    "said",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}],
    ids=["cross-site", "same-site", "an origin"],
)
def test_nothing_at_all_is_changed_for_another_site(client: FlaskClient, said: dict[str, str]) -> None:
    asked = [one for one in routes(client.application, ARGUMENTS) if one[0] != "GET"]
    assert len(asked) > 30
    for method, address in asked:
        answer = client.open(address, method=method, headers=said, data="")
        assert answer.status_code == 403, (method, address)


def test_no_answer_may_be_framed_sniffed_or_run_what_it_brings(client: FlaskClient) -> None:
    for method, address in routes(client.application, ARGUMENTS):
        if method != "GET" or "events" in address:
            continue
        answer = client.get(address)
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, address
        assert "default-src 'none'" in policy, address
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0], address
        assert "unsafe-eval" not in policy, address
        assert answer.headers["X-Frame-Options"] == "DENY", address
        assert answer.headers["X-Content-Type-Options"] == "nosniff", address
        assert "Access-Control-Allow-Origin" not in answer.headers, address


# Paths

ESCAPES = (
    "../../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%252f..%252f..%252fetc%252fpasswd",
    "....//....//....//....//etc/passwd",
    "..\\..\\..\\etc\\passwd",
    "..%5c..%5c..%5cetc%5cpasswd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "/etc/passwd%00.webp",
)


def test_no_path_leads_out_of_what_is_served(hostile_library: Library) -> None:
    (hostile_library.folder / "queries").mkdir()
    with served(hostile_library) as address:
        for below in ("/static/", "/api/docs/assets/", "/sought/", "/original/", "/picture/1/", "/image/", "/"):
            for escape in ESCAPES:
                for end in ("", ".webp"):
                    status, body = _raw(address, f"{below}{escape}{end}")
                    assert status in {301, 302, 303, 307, 308, 400, 404}, (below, escape, status)
                    assert SECRET not in body
        for name in ("catalog", "../catalog.sqlite", "..%2fcatalog.sqlite", "../askpix.toml"):
            assert _raw(address, f"/sought/{name}.webp")[0] in {400, 404}


def _raw(address: str, path: str) -> tuple[int, bytes]:
    """Ask for a path as it is written, which clients otherwise make plain."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.putrequest("GET", path, skip_host=False)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


# Addresses: nothing that is asked for makes the server ask anybody


def test_no_address_that_is_sent_is_asked(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setattr("socket.socket.connect", lambda _socket, to: asked.append(to))
        monkeypatch.setattr("socket.getaddrinfo", lambda *to, **_more: asked.append(to) or [])
        document = client.get("/api/openapi.json").get_json()
        schemas = document["components"]["schemas"]
        for url in (f"http://127.0.0.1:{port}/x.jpg", "file:///etc/passwd", "\\\\127.0.0.1\\share\\x.jpg"):
            for method, address in routes(client.application, {True: 1, False: quote(url, safe="")}):
                if "events" in address:
                    continue
                field = dict.fromkeys(("q", "where", "like", "text", "say", "question", "next", "url", "picture"), url)
                fields = {**field, **dict.fromkeys(("name", "folder", "at", "typed", "here", "add", "region"), url)}
                if method == "GET":
                    answer = client.get(address, query_string=fields)
                elif address.startswith("/api/"):
                    names = {name for one in schemas.values() for name in one.get("properties", {})}
                    answer = client.open(address, method=method, json=dict.fromkeys(names, url))
                else:
                    answer = client.open(address, method=method, data=fields)
                assert answer.status_code < 500, (method, address)
                assert SECRET not in answer.data
                for name in ("Location", "Refresh"):
                    assert not answer.headers.get(name, "").startswith(url[:7]), (method, address)
    assert asked == []


# Uploads


def upload(client: FlaskClient, address: str, data: bytes, name: str = "a.png", **more: Any) -> TestResponse:
    return client.post(address, data={"picture": (io.BytesIO(data), name), **more})


@pytest.mark.parametrize("address", ["/picture", "/api/v1/search/picture"])
def test_bombs_that_are_uploaded_are_refused(client: FlaskClient, hostile_library: Library, address: str) -> None:
    for data in (
        hostile.png((16_000, 16_000), 0),
        hostile.png((8, 8), 0, more=hostile.chunk(b"iCCP", b"a\0\0" + hostile.zeros(200_000_000))),
    ):
        assert upload(client, address, data).status_code == 400
    for name in ("../../evil.png", "/etc/cron.d/evil", "a\0b.png", "x" * 5_000, "evil.html", "con.png"):
        answer = upload(client, address, b"<script>pwned=1</script>", name)
        assert answer.status_code in {400, 422}, name
    kept = sorted(path.name for path in hostile_library.folder.rglob("*") if "evil" in path.name)
    assert kept == []


@pytest.mark.parametrize("address", ["/picture", "/api/v1/search/picture"])
def test_forms_that_never_end_are_refused(client: FlaskClient, address: str) -> None:
    line = b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n"
    kind = "multipart/form-data; boundary=b"
    assert client.post(address, data=line * 20_000 + b"--b--\r\n", content_type=kind).status_code in {400, 413}
    large = line[:-2] + b"x" * 3_000_000 + b"\r\n--b--\r\n"  # a field, which is kept in memory
    assert client.post(address, data=large, content_type=kind).status_code in {400, 413}
    packed = client.post("/api/v1/search", data=hostile.zeros(10_000), headers={"Content-Encoding": "deflate"})
    assert packed.status_code in {400, 415}


def test_a_body_larger_than_any_is_not_read(hostile_library: Library) -> None:
    head = b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000000\r\n\r\n"
    with (
        served(hostile_library) as address,
        socket.create_connection(urlsplit(address).netloc.split(":"), timeout=30) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(head)
        assert answer.read().startswith(b"HTTP/1.1 413 ")


# What reaches the database


def test_no_text_is_taken_for_sql_or_for_an_expression(client: FlaskClient, hostile_library: Library) -> None:
    before = _rows(hostile_library)
    everything = len(hostile_library.browse())
    for text in (*SQL, *FULL_TEXT):
        for field in ("", "path:", "caption:", "text:", "place:", "marked:"):
            found = client.get("/api/v1/search", query_string={"where": f'{field}"{text.replace(chr(34), "")}"'})
            assert found.status_code in {200, 400}, (field, text, found.text)
            if found.status_code == 200 and text not in {"_", "%"}:
                assert len(found.get_json()["hits"]) < everything, (field, text)
        for name in ("q", "where"):
            assert client.get("/api/v1/search", query_string={name: text}).status_code in {200, 400}, text
            assert client.get("/api/v1/facets", query_string={name: text}).status_code in {200, 400}, text
        assert client.get("/suggestions", query_string={"q": text}).status_code < 500
        assert client.get("/api/v1/photos", query_string={"cursor": text}).status_code in {200, 400}
        asked = client.post("/api/v1/ask", json={"question": "is it red?", "where": text, "save_as": text})
        assert asked.status_code in {200, 400}, asked.text
        assert client.patch(f"/api/v1/columns/{quote(text, safe='')}", json={"name": text}).status_code in {400, 404}
    assert _rows(hostile_library) == before


def _rows(library: Library) -> dict[str, int]:
    """How many rows each table has that hostile requests have no business with."""
    with sqlite3.connect(library.folder / "catalog.sqlite") as catalog:
        names = [name for (name,) in catalog.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        apart = {"past_searches"}
        counted = {
            name: catalog.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for name in names
            if name not in apart and not name.startswith("sqlite_")
        }
    catalog.close()
    return counted
