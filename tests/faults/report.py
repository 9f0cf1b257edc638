"""What a harness says while it goes on, and in the end."""

import sys
import time
from collections.abc import Iterable
from typing import NoReturn, Protocol


class Counts(Protocol):
    """What was measured so far; as text, all of it in a line or more."""

    @property
    def wrong(self) -> list[str]:
        """What must not be, a line each."""
        ...


def report(title: str, rounds: Iterable[Counts]) -> NoReturn:
    """Go through all rounds, say what was measured, and exit with status 1 if anything was wrong."""
    started = time.monotonic()
    counts: Counts | None = None
    for number, latest in enumerate(rounds, 1):
        counts = latest
        if sys.stderr.isatty():
            print(f"\r{number}", end="", file=sys.stderr)
    print(f"{title}: {counts}\n{time.monotonic() - started:.0f} s")
    for line in counts.wrong if counts else ():
        print(f"WRONG: {line}")
    sys.exit(bool(counts and counts.wrong))
