"""`askpix serve` as a process."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from click.testing import CliRunner

from people import add_people
from searcher import Library, credentials
from support import HEED_CTRL_C, Askpix
from vlm.errors import AskpixError
from webui.commands import serve


def test_it_says_where_it_listens_and_ends_on_ctrl_c(demo_folder: Path) -> None:
    command = [*HEED_CTRL_C, sys.executable, "-m", "askpix", "serve", "--library", str(demo_folder), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            line = server.stderr.readline()
            found = re.search(r"photos at (http://127\.0\.0\.1:\d+/)", line)
            assert found, line
            with urllib.request.urlopen(found[1] + "?q=a+cat") as answer:
                assert b"<figure" in answer.read()
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=120) in {0, 130}
        finally:
            server.kill()


@pytest.mark.parametrize(
    "beyond", [("--host", "0.0.0.0"), ("--host", "192.0.2.1"), ("--name", "photos.example.org"), ("--behind-proxy",)]
)
def test_only_loopback_without_accounts(demo_library: Library, beyond: tuple[str, ...]) -> None:
    done = CliRunner().invoke(serve, ["--library", str(demo_library.folder), *beyond])
    assert isinstance(done.exception, AskpixError)
    assert re.search("there are no accounts, so only this machine is served, not .*accounts add", str(done.exception))


def test_the_refusal_is_the_users_to_mend(askpix: Askpix, demo_folder: Path) -> None:
    done = askpix("serve", "--library", demo_folder, "--host", "::")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "make one with: askpix accounts add NAME --role admin" in done.stderr


def test_beyond_loopback_everybody_signs_in_and_asks_by_name(own_library: Library) -> None:
    add_people(own_library)
    with _serving(own_library.folder, "--host", "0.0.0.0", "--name", "photos.example.org") as (port, said):
        assert "cross the network unencrypted; docs/people.md says how" in said
        page = _get(port, "/", host=f"photos.example.org:{port}")
        assert (page.status, page.headers["Location"]) == (303, "/sign-in?next=/")
        assert _get(port, "/api/v1/health", host="127.0.0.1").status == 401
        assert _get(port, "/sign-in", host="photos.example.org").status == 200
        assert _get(port, "/sign-in", host="evil.example").status == 400
        # Nobody is behind a proxy that was not spoken of.
        forged = _get(port, "/sign-in", host="evil.example", **{"X-Forwarded-Host": "photos.example.org"})
        assert forged.status == 400


def test_a_proxy_says_who_asks_and_how(own_library: Library) -> None:
    people = add_people(own_library)
    token = credentials.sign_in(own_library, people["viewer"], "")
    with _serving(own_library.folder, "--behind-proxy", "--name", "photos.example.org") as (port, said):
        assert "unencrypted" not in said
        proxied = {
            "X-Forwarded-For": "192.0.2.7",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "photos.example.org",
        }
        assert _get(port, "/albums", Cookie=f"__Host-askpix={token}", **proxied).status == 200
        assert _get(port, "/albums", Cookie=f"askpix={token}", **proxied).status == 303
        assert _get(port, "/albums", **{**proxied, "X-Forwarded-Host": "evil.example"}).status == 400


@pytest.mark.parametrize("name", ["http://photos.example.org", "photos.example.org/", "a b", "*", ""])
def test_what_is_no_host_name(demo_library: Library, name: str) -> None:
    done = CliRunner().invoke(serve, ["--library", str(demo_library.folder), "--name", name])
    assert f"{name!r} is no host name" in str(done.exception)


@contextmanager
def _serving(library: Path, *flags: str) -> Iterator[tuple[int, str]]:
    """A server as a process: its port, and what it said before it listened."""
    command = [sys.executable, "-m", "askpix", "serve", "--library", str(library), "--port", "0", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = ""
        try:
            while not (found := re.search(r"photos at http://[^/]+:(\d+)/", said)):
                line = server.stderr.readline()
                assert line, said
                said += line
            yield int(found[1]), said
        finally:
            server.terminate()


def _get(port: int, path: str, host: str = "127.0.0.1", **headers: str) -> HTTPResponse:
    """An answer, not followed anywhere, to a request that says which host it means."""
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", path, headers={"Host": host, **headers})
        answer = connection.getresponse()
        answer.read()
        return answer


def test_a_port_in_use(askpix: Askpix, demo_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = askpix("serve", "--library", demo_folder, "--port", port)
    assert done.returncode == 2
    assert f"port {port} cannot be had: Address already in use; choose another with --port" in done.stderr
