"""Keys, passwords and cookies are in nothing that is written: no output, no log, no file of the library."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from askpix import cli
from people import add_people
from searcher import Library, credentials
from servers import reply, serving
from support import Askpix
from vlm.errors import AskpixError

SECRETS = {
    "ASKPIX_API_KEY": "sk-own-5f3e1c",
    "OPENAI_API_KEY": "sk-openai-77aa01",
    "HF_TOKEN": "hf_qwertzuiop",
    "HUGGING_FACE_HUB_TOKEN": "hf_asdfghjkl",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzE",
    "PGPASSWORD": "pg-password-91b",
}
PASSWORD = "correct-horse-8472"


def check(written: str) -> None:
    for name, secret in {**SECRETS, "a password": PASSWORD}.items():
        assert secret not in written, name


def files_below(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("status", [200, 401])
def test_a_run_writes_none_down(askpix: Askpix, photos: Path, tmp_path: Path, status: int) -> None:
    # A server that sends back what it was sent.
    said = json.dumps({"error": f"wrong key: Bearer {SECRETS['ASKPIX_API_KEY']}"}).encode()
    if status == 200:
        said = json.dumps({"choices": [{"message": {"content": "A cat"}}]}).encode()
    with serving(reply(status, said)) as (address, asked):
        command = ["index", photos / "animals" / "cat.jpg", "--library", tmp_path / "library", "--json"]
        done = askpix(*command, "--captioner", f"openai:{address}#m", env=_environment())
    assert asked.headers[0]["Authorization"] == f"Bearer {SECRETS['ASKPIX_API_KEY']}"
    assert done.returncode == (0 if status == 200 else 2), done.stderr
    check(done.stdout + done.stderr)
    check(files_below(tmp_path / "library").decode("latin-1"))
    assert SECRETS["OPENAI_API_KEY"] not in str(asked.headers)


@pytest.mark.parametrize(
    "setting",
    [
        {"ASKPIX_CATALOG": f"postgresql://me:{PASSWORD}@127.0.0.1:9/photos"},
        {"ASKPIX_CATALOG": f"postgresql://me:{PASSWORD}@[nonsense/photos"},
        {"ASKPIX_CATALOG": f"mysql://me:{PASSWORD}@127.0.0.1/photos"},
        {"ASKPIX_MILVUS": f"http://me:{PASSWORD}@127.0.0.1:9"},
        {"ASKPIX_MODEL": f"openai:http://me:{PASSWORD}@127.0.0.1:9/v1#m"},
        {"ASKPIX_CAPTIONER": f"openai:http://me:{PASSWORD}@127.0.0.1:9/v1"},
    ],
    ids=lambda setting: next(iter(setting.values())).replace(PASSWORD, "…"),
)
def test_a_setting_that_is_wrong_is_told_without_its_password(
    tmp_path: Path, setting: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    for command in (["search", "a cat"], ["doctor"], ["runs"], ["export", "csv"]):
        given = [*command, "--library", str(tmp_path / "library")]
        done = CliRunner().invoke(cli, given, env={**SECRETS, **setting})
        check(done.output + str(done.exception) + caplog.text)
        assert isinstance(done.exception, AskpixError | SystemExit | None), done.exception


def test_a_server_logs_none(tmp_path: Path) -> None:
    with Library(tmp_path / "library", create=True) as library:
        editor = add_people(library)["editor"]
        key = credentials.make_key(library, editor, "a program")
        cookie = credentials.sign_in(library, editor, "")
    as_browser, as_program = {"Cookie": f"askpix={cookie}"}, {"Authorization": f"Bearer {key}"}
    sent = urlencode({"name": "Edgar", "password": PASSWORD, "next": f"/?q={PASSWORD}"})
    change = urlencode({"before": PASSWORD, "password": PASSWORD, "again": PASSWORD})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with _logging(tmp_path / "library") as (port, log):
        for method, path, body, headers, status in (
            ("POST", "/sign-in", sent, form, 403),
            ("GET", "/api/v1/photos", None, as_program, 200),
            ("GET", "/api/v1/photos", None, {"Authorization": f"Bearer {key}x"}, 401),
            ("GET", "/albums", None, as_browser, 200),
            ("GET", f"/api/v1/search?q={PASSWORD}&key={key}", None, as_browser, 422),
            ("POST", "/account/password", change, as_browser | form, 400),
            ("GET", f"/{PASSWORD}", None, {}, 303),
        ):
            with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request(method, path, body, headers)
                assert connection.getresponse().status == status, path
    written = log.read_text(encoding="utf-8")
    assert written.count('"route"') == 7
    for secret in (key, cookie):
        assert secret not in written
        assert secret.encode() not in files_below(tmp_path / "library")
    check(written)
    check(files_below(tmp_path / "library").decode("latin-1"))


@contextmanager
def _logging(library: Path) -> Iterator[tuple[int, Path]]:
    """A server as a process that logs all it can: its port, and the file that holds what it wrote."""
    log = library.with_name("server.log")
    command = [sys.executable, "-m", "askpix", "serve", "--library", str(library), "--port", "0"]
    with log.open("w") as file:
        server = subprocess.Popen([*command, "--log-format", "json"], stdout=file, stderr=file, env=_environment())
    try:
        while not (found := re.search(r"photos at http://[^/]+:(\d+)/", log.read_text(encoding="utf-8"))):
            assert server.poll() is None, log.read_text(encoding="utf-8")
        yield int(found[1]), log
    finally:
        server.terminate()
        server.wait(30)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ASKPIX_")} | SECRETS
