"""Many clients at once: searches, pages, thumbnails and questions, over a library of 100,000 photos.

    python -m benchmarks.load [--photos 100000] [--clients 50] [--seconds 60] [--pause 2] [--servers 1]
        [--folder FOLDER]

The library is that of benchmarks.library, its photos links to those of the demo, so that thumbnails can be made and
questions answered; people look at 200 of them, whose thumbnails are made when they are first wanted. `askpix serve`,
once its models are loaded, runs as a process of its own; Locust's clients (benchmarks.load_clients) run in
another one on the same processors. With several servers, clients take them in turn, as a proxy would. Each client
pauses between two requests, `--pause` seconds in the mean; with 0 the server is asked for more than it can do, and has
to refuse some. For each kind of request: how many were answered, how many refused (503 with Retry-After), how many
failed in any other way, and p50, p95 and p99 in milliseconds. Memory is that of the servers' own, from a quarter of the
time on.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.library import fill
from benchmarks.photographs import DEMO
from benchmarks.search import real
from searcher import Library, database

CLIENTS = Path(__file__).with_name("load_clients.py")
WARMING = ("/readyz", "/?q=a+dog", "/image/1?question=what+is+it")  # loads the models, as the first people would
REFUSED = ", refused"


def make(folder: Path, photos: int, scratch: Path) -> None:
    """Make the library, and links where its files are said to be."""
    with Library(folder, create=True) as library:
        if library.count_vectors():
            return
        fill(library, photos, real(library.encoder, DEMO, scratch))
        library.save_index()
        with database.writing(library.engine) as session:
            session.execute(
                text("UPDATE files SET folder = :photos || substr(folder, 8)"), {"photos": str(folder / "photos")}
            )
    sources = sorted(DEMO.rglob("*.jpg"))
    for number in range(1, photos + 1):
        link = folder / "photos" / str(number // 1000) / f"{number}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(sources[number % len(sources)])


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """A server of the library that is ready: its address and process."""
    command = [sys.executable, "-m", "askpix", "serve", "--library", str(folder), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            line = server.stderr.readline()
            found = re.search(r"http://[^/ ]+", line)
            if found is None:
                raise RuntimeError(line)
            for path in WARMING:
                with urllib.request.urlopen(found[0] + path, timeout=60) as answer:
                    answer.read()
            yield found[0], server.pid
        finally:
            server.terminate()


def storm(clients: int, seconds: int, given: Mapping[str, object]) -> "subprocess.Popen[str]":
    """Locust at work."""
    command = [sys.executable, "-m", "locust", "-f", str(CLIENTS), "--headless", "--json"]
    much = ["--users", str(clients), "--spawn-rate", str(clients), "--run-time", f"{seconds}s", "--stop-timeout", "10"]
    quiet = ["--exit-code-on-error", "0", "--loglevel", "ERROR"]
    return subprocess.Popen(
        [*command, *much, *quiet],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **{name: str(value) for name, value in given.items()}},
    )


def memory(process: int) -> int:
    """Bytes that a process has of its own."""
    said = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return 1024 * int(re.search(r"RssAnon:\s+(\d+)", said)[1])  # type: ignore[index]


def quantile(times: Mapping[str, int], share: float) -> float:
    """The milliseconds within which that share of the requests was answered."""
    left = share * sum(times.values())
    for time_ms, count in sorted((float(one), count) for one, count in times.items()):
        left -= count
        if left <= 0:
            return time_ms
    return float("nan")


def row(kind: dict[str, Any], refused: int) -> str:
    """A line of the table."""
    times = kind["response_times"]
    quantiles = " | ".join(f"{quantile(times, share):.0f}" for share in (0.5, 0.95, 0.99))
    return f"| {kind['name']} | {kind['num_requests']:,} | {refused:,} | {kind['num_failures']:,} | {quantiles} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--pause", type=float, default=2)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the library here, and take it from here if it is there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (args.folder or Path(scratch) / "library").absolute()
        make(folder, args.photos, Path(scratch))
        with ExitStack() as stack:
            addresses, servers = zip(*(stack.enter_context(served(folder)) for _ in range(args.servers)), strict=True)
            given = {
                "LOAD_PAUSE": str(args.pause),
                "LOAD_PHOTOS": str(args.photos),
                "LOAD_SERVERS": " ".join(addresses),
            }
            used = []
            with storm(args.clients, args.seconds, given) as clients:
                started = time.monotonic()
                while time.monotonic() - started < args.seconds and clients.poll() is None:
                    used.append(sum(map(memory, servers)))
                    time.sleep(0.5)
                told, _ = clients.communicate()
    kinds = {kind["name"]: kind for kind in json.loads(told)}
    asked = f"{args.clients} clients with a pause of {args.pause} s for {args.seconds} s"
    print(f"{args.photos:,} photos, {asked}, {args.servers} server(s)\n")
    print("| | answered | refused | failed | p50 | p95 | p99 ms |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, kind in sorted(kinds.items()):
        if not name.endswith(REFUSED):
            print(row(kind, kinds.get(name + REFUSED, {"num_requests": 0})["num_requests"]))
    settled = used[len(used) // 4 :]
    print(f"\nmemory {settled[0] / 1e6:.0f} MB, at the end {settled[-1] / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
