"""Every figure that README and docs quote, remade by one command, in one table: askpix beside the peer, and the ratio.

    python -m benchmarks [--data FOLDER] [--out FIGURES.md] [NAME ...]

Which these are is in figures.toml. Each benchmark is a process of its own, one after the other, and what it prints is
kept below the table. NAME runs those alone whose command has it, as in `python -m benchmarks indexing startup`. FOLDER
has the data that model quality is measured on, by the names that figures.toml gives; without it those are left out, and
the table says so. All of them take some hours; run them with nothing else going on.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HEAD = "| what | askpix | beside | its figure | ratio | aim | met |\n| --- | ---: | --- | ---: | ---: | ---: | --- |"


@dataclass(frozen=True)
class Figure:
    """A line of the table: where its numbers are in what a benchmark prints, and what they should be.

    Without a `peer` the `ratio` is read, or there is none, and the aim is of the figure itself.
    """

    what: str
    unit: str
    own: str
    than: str
    peer: str = ""
    ratio: str = ""
    more: bool = False
    aim: float | None = None

    def line(self, printed: str) -> str:
        """The line, or that there is no such number in what was printed."""
        own, peer, ratio = (_number(pattern, printed) for pattern in (self.own, self.peer, self.ratio))
        if own is None:
            return f"| {self.what} | not measured | {self.than} | | | | |"
        if ratio is None and peer:
            ratio = own / peer
        judged = own if ratio is None else ratio
        met = "" if self.aim is None else "yes" if (judged >= self.aim if self.more else judged <= self.aim) else "no"
        aim = "" if self.aim is None else f"{'≥' if self.more else '≤'} {self.aim:g}"
        beside = "" if peer is None else f"{peer:g} {self.unit}"
        times = "" if ratio is None else f"{ratio:.2f}"
        return f"| {self.what} | {own:g} {self.unit} | {self.than} | {beside} | {times} | {aim} | {met} |"


def _number(pattern: str, printed: str) -> float | None:
    found = re.search(pattern, printed, re.MULTILINE) if pattern else None
    return float(found[1].replace(",", "")) if found else None


def machine() -> str:
    """What it runs on, in a line."""
    try:
        named = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="ascii"))
    except OSError:
        named = None
    processor = named[1] if named else platform.processor()
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def run(command: Sequence[str]) -> Iterator[str]:
    """What a benchmark prints, line by line; a last line says so if it failed."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        yield from running.stdout
    if running.returncode:
        yield f"failed with exit status {running.returncode}\n"


def measured(benchmarks: Sequence[dict[str, Any]], data: Path | None) -> Iterator[tuple[list[str], str, list[Figure]]]:
    """The command, output and figures of each benchmark; those that lack their data print nothing."""
    for benchmark in benchmarks:
        command = [word.format(data=data or "DATA") for word in benchmark["command"]]
        figures = [Figure(**figure) for figure in benchmark["figures"]]
        if data is None and any("{data}" in word for word in benchmark["command"]):
            yield command, "not run: it needs --data\n", figures
            continue
        started = time.monotonic()
        print(f"python {' '.join(command)}", file=sys.stderr, flush=True)
        printed = "".join(run(command))
        yield command, f"{printed}\n({time.monotonic() - started:.0f} s)\n", figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, help="write the table here too, with all that was printed below it")
    args = parser.parse_args()
    listed = tomllib.loads(Path(__file__).with_name("figures.toml").read_text(encoding="utf-8"))["benchmark"]
    wanted = [one for one in listed if not args.names or any(name in " ".join(one["command"]) for name in args.names)]
    title = f"askpix {version('askpix')}, {datetime.now(UTC):%Y-%m-%d}, {machine()}"
    lines, prints = [title, "", HEAD], []
    print("\n".join(lines), flush=True)
    for command, printed, figures in measured(wanted, args.data):
        prints.append(f"\n## `python {' '.join(command)}`\n\n{printed}")
        for line in (figure.line(printed) for figure in figures):
            lines.append(line)
            print(line, flush=True)
        if args.out:
            args.out.write_text("\n".join([*lines, *prints]), encoding="utf-8")


if __name__ == "__main__":
    main()
