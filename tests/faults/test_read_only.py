"""A library that may only be read: searched, shown and asked as any other; who would change it is told so in a line."""

import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from searcher import Library
from support import HEED_CTRL_C, Askpix, records

# Root may write anything, unless it gives that right up.
HUMBLE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture
def locked(untouched_demo_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The demo library, as somebody else's or on a disk that is mounted to be read."""
    folder = shutil.copytree(untouched_demo_folder, tmp_path / "library")
    every = [folder, *folder.rglob("*")]
    for path in every:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in every:
        path.chmod(0o755)


@pytest.fixture
def humble(askpix: Askpix, locked: Path) -> Askpix:
    return partial(askpix, before=HUMBLE)


def test_it_is_searched_and_asked(humble: Askpix, locked: Path, demo_folder: Path, askpix: Askpix) -> None:
    found, expected = (
        records(ask("search", "a dog", "--library", folder, "--json"))
        for ask, folder in ((humble, locked), (askpix, demo_folder))
    )
    assert found == expected
    done = humble("ask", "is there a dog?", "--search", "a dog", "--library", locked, "--json")
    assert done.returncode == 0, done.stderr
    assert {one["answer"] for one in records(done) if "answer" in one} <= {"yes", "no"}
    assert humble("doctor", "--library", locked).returncode == 0
    assert humble("backup", locked.parent / "kept.tar", "--library", locked).returncode == 0


def test_who_would_change_it_is_told_in_a_line(humble: Askpix, locked: Path, photos: Path) -> None:
    for verb in (
        ("index", photos),
        ("prune",),
        ("doctor", "--repair"),
        ("correct", photos / "animals" / "cat.jpg", "--caption", "ours"),
    ):
        done = humble(*verb, "--library", locked)
        assert done.returncode == 2, verb
        last = done.stderr.strip().splitlines()[-1]
        assert "cannot be written (Permission denied)" in last or "may only be read" in last
        assert "Traceback" not in done.stderr


def test_it_is_served(locked: Path) -> None:
    with served(locked) as address:
        for page in ("/", "/?q=a+dog", "/image/1", "/index", "/captions", "/image/1?question=is+it+indoors"):
            with urllib.request.urlopen(address + page, timeout=60) as answer:
                assert answer.status == 200
        with urllib.request.urlopen(address + "/api/v1/photos?k=1", timeout=60) as answer:
            (photo,) = json.load(answer)["photos"]
        with urllib.request.urlopen(address + photo["links"]["thumbnail"], timeout=60) as answer:
            assert answer.headers["Content-Type"] == "image/webp"
        with pytest.raises(urllib.error.HTTPError) as refused:
            name = json.dumps({"name": "Best of"}).encode()
            asked = urllib.request.Request(f"{address}/api/v1/albums", name, {"Content-Type": "application/json"})
            urllib.request.urlopen(asked, timeout=60)
        with refused.value as answer:
            assert answer.code < 500
            assert "may only be read" in json.load(answer)["detail"]


@contextmanager
def served(library: Path) -> Iterator[str]:
    """A server without rights; its address."""
    command = [*HEED_CTRL_C, *HUMBLE, sys.executable, "-m", "askpix", "serve", "--port", "0", "--library", str(library)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        line = next(line for line in server.stderr if "http://" in line)
        rest: list[str] = []
        reader = threading.Thread(target=lambda: rest.extend(server.stderr or []))
        reader.start()
        try:
            yield line.split(" at ")[1].split("/ ")[0]
        finally:
            server.terminate()
            server.wait(timeout=60)
            reader.join()
        assert "Traceback" not in "".join(rest)


def test_what_others_write_meanwhile_is_read(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose rights are these of a reader, beside somebody who may write."""
    (locked / "catalog.sqlite").chmod(0o644)
    locked.chmod(0o755)
    with Library(locked) as theirs:
        monkeypatch.setattr("searcher.readonly.os.access", lambda *_: False)
        with Library(locked) as ours:
            monkeypatch.undo()
            from searcher.corrections import correct_caption

            for number in range(3):
                correct_caption(theirs, 1, f"theirs, {number}")
                photo = ours.photo(1)
                assert photo
                assert photo.caption == f"theirs, {number}"
        theirs.engine.dispose()
