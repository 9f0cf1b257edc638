"""What a run shows while it goes, and what it says at its end."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from support import Askpix, records

COUNT = 40


@pytest.fixture(scope="module")
def folder(pictures: Callable[..., list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and three files that are none."""
    made = tmp_path_factory.mktemp("shown")
    pictures(made, COUNT)
    (made / "letter.jpg").write_bytes(b"Dear Sir or Madam")
    (made / "page.png").write_bytes(b"<html>")
    (made / "empty.webp").touch()
    return made


def on_a_terminal(*arguments: object) -> tuple[int, list[str]]:
    """The exit status of the command on a terminal of 160 columns, and its lines, each state of the bar one of them."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    command = [sys.executable, "-m", "askpix", *map(str, arguments)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                written += (read := os.read(ours, 65_536))
            except OSError:  # the other end was closed
                break
            if not read:
                break
        os.close(ours)
        return process.wait(timeout=120), re.split(r"[\r\n]+", written.decode())


def test_how_fast_how_much_longer_and_what_takes_its_time(folder: Path, tmp_path: Path) -> None:
    status, lines = on_a_terminal("index", folder, "--library", tmp_path / "library")
    assert status == 3
    bar = r":\s+\d+%\|.*\| \d+/{} \[\d\d:\d\d<(\d\d:\d\d|\?),\s+[\d.?]+\s?(photos/s|s/ photos)(.*)\]"
    embeddings = [found for line in lines if (found := re.match("embeddings" + bar.format(COUNT + 3), line))]
    captions = [found for line in lines if (found := re.match("captions" + bar.format(COUNT), line))]
    assert any(re.search(r", (encode|decode) \d+\.\d ms", found[3]) for found in embeddings)
    assert any(re.search(r", captions \d+\.\d ms", found[3]) for found in captions)
    assert any(found[1] != "?" for found in embeddings)
    assert any(line.startswith("checking:") for line in lines)
    assert not any(": :" in line for line in lines)
    end = next(i for i, line in enumerate(lines) if line.startswith(f"{COUNT + 3} files in "))
    assert re.fullmatch(
        rf"43 files in \d+\.\d s: {COUNT} added, 0 unchanged, 3 refused; {COUNT} captions written", lines[end]
    )
    assert lines[end + 1].startswith("time spent: check ")
    assert set(lines[end + 2 :]) == {"2 x not a picture in a format that can be read", "1 x the file is empty", ""}


def test_json_is_one_line(askpix: Askpix, folder: Path, tmp_path: Path) -> None:
    for added in (COUNT, 0):
        done = askpix("index", folder, "--library", tmp_path / "library", "--json")
        (line,) = records(done)
        assert done.returncode == 3
        assert (line["seen"], line["added"], line["unchanged"], line["refused"]) == (COUNT + 3, added, COUNT - added, 3)
        assert line["captioned"] == added
        assert line["reasons"] == {"not a picture in a format that can be read": 2, "the file is empty": 1}
        assert line["seconds"] > 0
        assert "check" in line["stages"]
