"""Several servers of one library behind a reverse proxy: whichever answers, it is as if there were one."""

import itertools
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest

from people import PASSWORD, add_people
from postgres import postgres  # noqa: F401  # a fixture
from searcher import Library, copying
from searcher.settings import load_settings
from webui import reach
from webui.app import create_app
from webui.serving import Server

NAME = "photos.example.org"
ASKED = {"Host": NAME, "X-Request-ID": "made-by-a-client"}


@dataclass
class Proxied:
    """A proxy before two servers, and which of them answered last."""

    port: int
    answered: list[int]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> HTTPResponse:
        """An answer, read whole."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {**ASKED, **headers})
        answer = connection.getresponse()
        answer.body = answer.read().decode()  # type: ignore[attr-defined]
        connection.close()
        return answer


@contextmanager
def proxied(ports: list[int]) -> Iterator[Proxied]:
    """A reverse proxy that asks one after the other, and passes on what comes as it comes."""
    turn, answered = itertools.cycle(ports), list[int]()

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            port = next(turn)
            answered.append(port)
            upstream = HTTPConnection("127.0.0.1", port, timeout=60)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            told = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": NAME}
            upstream.request(self.command, self.path, body, {**said, **told})
            answer = upstream.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "transfer-encoding", "date", "server"}:
                    self.send_header(name, value)
            self.end_headers()
            while piece := answer.read1():
                self.wfile.write(piece)
            upstream.close()

        do_GET = do_POST = pass_on  # noqa: N815

        def log_message(self, *_said: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield Proxied(proxy.server_port, answered)
        finally:
            proxy.shutdown()
            thread.join()


@contextmanager
def two_servers(libraries: list[Library]) -> Iterator[Proxied]:
    """A proxy before a server of each."""
    with ExitStack() as stack:
        ports = []
        for library in libraries:
            app = create_app(library, reach.checked(library, "127.0.0.1", (NAME,), behind_proxy=True))
            server = Server(app, "127.0.0.1", 0, **reach.proxied(True))
            thread = threading.Thread(target=server.run)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.stop)
            ports.append(server.port)
        yield stack.enter_context(proxied(ports))


@pytest.fixture(params=["sqlite", "postgresql"])
def servers(request: pytest.FixtureRequest, untouched_demo_folder: Path, tmp_path: Path) -> Iterator[Proxied]:
    """Two servers of one library, whose catalog is one or the other, each with a library object of its own."""
    folder = shutil.copytree(untouched_demo_folder, tmp_path / "library")
    catalog = None
    if request.param == "postgresql":
        catalog = request.getfixturevalue("postgres").make()
        copying.copy(folder / "catalog.sqlite", catalog)
    settings = load_settings(library=folder, catalog=catalog)
    with Library(settings=settings) as one, Library(settings=settings) as other:
        add_people(one)
        with two_servers([one, other]) as proxy:
            yield proxy


def test_it_is_as_if_there_were_one(servers: Proxied, photos: Path) -> None:
    assert servers.ask("GET", "/readyz").status == servers.ask("GET", "/readyz").status == 200
    # Signed in by one, known to the other; the cookie is one for TLS, as the proxy said.
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    who = urlencode({"name": "Edgar", "password": PASSWORD}).encode()
    signed_in = servers.ask("POST", "/sign-in", who, **form)
    assert signed_in.status == 303
    cookie = {"Cookie": str(signed_in.headers["Set-Cookie"]).partition(";")[0]}
    assert cookie["Cookie"].startswith("__Host-askpix=")
    searched = [servers.ask("GET", "/api/v1/search?q=a+cat&k=5", **cookie) for _ in range(2)]
    assert searched[0].status == 200
    assert searched[0].body == searched[1].body  # type: ignore[attr-defined]
    # A picture brought to one is found by the other.
    boundary = "a-boundary"
    picture = next((photos / "food").glob("*.jpg")).read_bytes()
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="picture"; filename="p.jpg"\r\n\r\n'
    brought = servers.ask(
        "POST",
        "/picture",
        head.encode() + picture + f"\r\n--{boundary}--\r\n".encode(),
        **{"Content-Type": f"multipart/form-data; boundary={boundary}"},
        **cookie,
    )
    assert brought.status == 303
    shown = servers.ask("GET", str(brought.headers["Location"]), **cookie)
    assert (shown.status, "<figure" in shown.body) == (200, True)  # type: ignore[attr-defined]
    # Wrong passwords are counted together.
    wrong = urlencode({"name": "Vera", "password": "a guess"}).encode()
    statuses = [servers.ask("POST", "/sign-in", wrong, **form).status for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    # Answers come as they are found, whichever gives them, and are kept for both.
    asked = b'{"question": "is it outdoors?", "query": "a cat", "k": 2, "save_as": "outdoors"}'
    api = {"Content-Type": "application/json", **cookie}
    streamed = servers.ask("POST", "/api/v1/ask", asked, Accept="text/event-stream", **api)
    assert streamed.body.count("event: answer") == 2  # type: ignore[attr-defined]
    assert "event: summary" in streamed.body  # type: ignore[attr-defined]
    for _ in range(2):
        assert "outdoors" in servers.ask("GET", "/api/v1/columns", **cookie).body  # type: ignore[attr-defined]
    # Signed out by one, unknown to the other.
    servers.ask("POST", "/sign-out", b"", **cookie)
    assert {servers.ask("GET", "/api/v1/search?q=a+cat", **cookie).status for _ in range(2)} == {401}
    assert len(set(servers.answered)) == 2
    assert abs(servers.answered.count(servers.answered[0]) * 2 - len(servers.answered)) <= 1
