"""`askpix index --watch` follows a folder: new, changed, moved and removed photos."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from indexer.watch import watch
from searcher import Library, database
from searcher.catalog import File
from support import HEED_CTRL_C


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """A folder with one photo."""
    made = tmp_path / "photos"
    made.mkdir()
    shutil.copy(photos / "animals" / "cat.jpg", made)
    return made


@pytest.fixture
def watching(folder: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The program at work, its first run done."""
    command = [*HEED_CTRL_C, sys.executable, "-m", "askpix", "index", str(folder), "--library", str(tmp_path / "lib")]
    with subprocess.Popen(
        [*command, "--watch", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["added"] == 1
            yield process
        finally:
            process.kill()


def names(library: Path) -> dict[str, bool]:
    """The files that the catalog knows, and whether each is there and whole."""
    with Library(library) as opened, database.session(opened.engine) as session:
        return {file.name: file.missing_since is None and file.reason is None for file in session.scalars(select(File))}


def wait_for(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.2)
    raise AssertionError("it did not come to be")


def test_changes_are_followed_as_they_settle(
    watching: subprocess.Popen[str], folder: Path, photos: Path, tmp_path: Path
) -> None:
    library = tmp_path / "lib"
    slowly = (photos / "food" / "coffee.jpg").read_bytes()
    with (folder / "coffee.jpg").open("wb") as file:  # a copy that takes its time
        for start in range(0, len(slowly), len(slowly) // 4):
            file.write(slowly[start : start + len(slowly) // 4])
            file.flush()
            os.fsync(file.fileno())
            time.sleep(0.3)
    wait_for(lambda: names(library) == {"cat.jpg": True, "coffee.jpg": True})
    with Library(library) as opened:
        assert opened.search("a cup of coffee", min_confidence=0)[0].photo.path.name == "coffee.jpg"
    (folder / "cat.jpg").rename(folder / "moved.jpg")
    wait_for(lambda: names(library) == {"cat.jpg": False, "coffee.jpg": True, "moved.jpg": True})
    (folder / "coffee.jpg").unlink()
    wait_for(lambda: not names(library)["coffee.jpg"])
    assert os.getpriority(os.PRIO_PROCESS, watching.pid) > os.getpriority(os.PRIO_PROCESS, os.getpid())


def test_what_comes_during_a_run_is_not_missed(folder: Path, photos: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "lib", create=True) as library:
        runs = watch(library, [folder])
        for _ in next(runs):
            pass
        time.sleep(1)
        shutil.copy(photos / "food" / "coffee.jpg", folder)  # before anybody waits
        for _ in next(runs):
            pass
        assert set(names(tmp_path / "lib")) == {"cat.jpg", "coffee.jpg"}
        runs.close()


def test_ctrl_c_ends_the_watch(watching: subprocess.Popen[str]) -> None:
    time.sleep(0.5)
    watching.send_signal(signal.SIGINT)
    assert watching.wait(timeout=120) == 130
