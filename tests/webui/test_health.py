"""What watches servers: whether one lives, whether it is ready, and that it ends without leaving anybody unanswered."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from people import add_people
from searcher import Library
from searcher.settings import load_settings
from webui.app import create_app


@pytest.mark.parametrize(("path", "said"), [("/healthz", {"alive": True}), ("/readyz", {"ready": True})])
def test_both_answer_anybody_by_any_name_and_tell_nothing_else(
    own_client: FlaskClient, own_library: Library, path: str, said: dict[str, bool]
) -> None:
    add_people(own_library)
    answer = own_client.get(path, headers={"Host": "10.1.2.3:8080"})
    assert (answer.status_code, answer.json) == (200, said)
    assert answer.headers["Cache-Control"] == "no-store"
    assert own_client.get("/sign-in", headers={"Host": "10.1.2.3:8080"}).status_code == 400
    assert own_client.get("/api/v1/health").status_code == 401


def test_what_it_lacks_is_named(untouched_demo_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(untouched_demo_folder, tmp_path / "library")
    with Library(folder) as library:
        assert lacks(library) == []
        for segment in (folder / "vectors").rglob("*.segment"):
            segment.rename(segment.with_suffix(".away"))
    with Library(folder) as library:
        assert lacks(library) == ["vectors"]
    with Library(settings=load_settings(library=folder, model=str(tmp_path / "no model"))) as library:
        assert lacks(library) == ["model", "vectors"]
        library.engine.dispose()
        for file in folder.glob("catalog.sqlite*"):
            file.unlink()
        assert "catalog" in lacks(library)


def lacks(library: Library) -> list[str]:
    """What a server of a library says it lacks."""
    answer = create_app(library).test_client().get("/readyz")
    said: list[str] = answer.json.get("lacks", [])  # type: ignore[union-attr]
    assert answer.status_code == (503 if said else 200)
    return said


def test_a_server_that_ends_is_not_ready(own_client: FlaskClient) -> None:
    own_client.application.extensions["stopping"] = True
    answer = own_client.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"ready": False, "lacks": ["stopping"]})
    assert own_client.get("/healthz").status_code == 200


def test_an_answer_under_way_is_given_before_the_end(demo_folder: Path) -> None:
    command = [sys.executable, "-m", "askpix", "serve", "--library", str(demo_folder), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            port = int(re.search(r":(\d+)/", server.stderr.readline())[1])  # type: ignore[index]
            asked, idle = HTTPConnection("127.0.0.1", port), HTTPConnection("127.0.0.1", port)
            idle.request("GET", "/healthz")
            idle.getresponse().read()
            body = b'{"query": "a cat"}'
            asked.putrequest("POST", "/api/v1/search")
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body))}.items():
                asked.putheader(name, value)
            asked.putheader("Expect", "100-continue")
            asked.endheaders()
            assert asked.sock.recv(100).startswith(b"HTTP/1.1 100"), "the server has the request, and waits for more"
            server.send_signal(signal.SIGTERM)
            while answers(port):
                pass
            assert server.poll() is None
            asked.send(body)
            answer = asked.getresponse()
            assert answer.status == 200
            assert b'"hits"' in answer.read()
            asked.close()
            assert server.wait(timeout=120) == 0
            idle.close()
        finally:
            server.kill()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True
