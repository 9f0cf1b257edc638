"""`askpix serve` as a process."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support import HEED_CTRL_C, Askpix


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
            assert server.wait(timeout=20) in {0, 130}
        finally:
            server.kill()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_only_loopback_without_sign_in(askpix: Askpix, demo_folder: Path, host: str) -> None:
    done = askpix("serve", "--library", demo_folder, "--host", host)
    assert done.returncode == 2
    assert f"sign-in is not set up, so only this machine is served, not {host}" in done.stderr


def test_a_port_in_use(askpix: Askpix, demo_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = askpix("serve", "--library", demo_folder, "--port", port)
    assert done.returncode == 2
    assert f"port {port} cannot be had: Address already in use; choose another with --port" in done.stderr
