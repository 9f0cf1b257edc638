"""A run of the indexer is killed at a random instant, and one more run makes the library what it would have been.

    python -m tests.faults.kill --times 200 --seed 0 [--postgres]

Each time an empty library is filled from the same small pictures, two of them damaged, and the process group is killed
at an instant drawn over the whole run, from before its first import to after its last commit. Then one more run goes to
its end, and everything in the catalog and the vectors is compared with that of an undisturbed run. How many pictures
were encoded twice is counted: it must be no more than the batch in flight.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from indexer.embedding import BATCH
from searcher import Library
from searcher.settings import load_settings

from .contents import Contents, contents, differences, make_pictures
from .counted import count
from .report import report

ROOT = Path(__file__).parent.parent.parent
PHOTOS = ROOT / "demo" / "photos"
PICTURES = 40  # more than a batch
_LONGEST_S = 300.0

NewCatalog = Callable[[], str | None]


@dataclass
class Counts:
    """What was measured over all kills."""

    killed: Counter[str] = field(default_factory=Counter)  # by the phase that the run was in
    wrong: list[str] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        times = sum(self.killed.values())
        phases = ", ".join(f"{count} {phase}" for phase, count in self.killed.most_common())
        return (
            f"{times} kills ({phases}); {times - len(self.wrong)} of {times} libraries equal to the undisturbed one; "
            f"encoded twice: {max(self.twice, default=0)} pictures at most, {sum(self.twice)} in all "
            f"(a batch has {BATCH}); looked at again for captions: {sum(self.again)}"
        )


def prepare(folder: Path) -> None:
    """The pictures that are indexed, and two files that are none."""
    make_pictures(folder, PICTURES, sorted(PHOTOS.rglob("*.jpg")))
    (folder / "0020-bad.jpg").write_bytes(b"not a picture")
    (folder / "0040-bad.jpg").write_bytes((folder / "0000.jpg").read_bytes()[:2000])


def start(folder: Path, library: Path, catalog: str | None, log: Path) -> subprocess.Popen[bytes]:
    """Start a run that writes down what it encodes."""
    verb = ["index", str(folder), "--library", str(library), *(["--catalog", catalog] if catalog else [])]
    command = [sys.executable, "-m", "tests.faults.counted", str(log), *verb]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet, start_new_session=True)


def contents_of(library: Path, catalog: str | None) -> Contents:
    """Everything in a library."""
    with Library(settings=load_settings(library=library, catalog=catalog)) as opened:
        return contents(opened)


def kill_once(
    folder: Path, scratch: Path, catalog: str | None, after_s: float, undisturbed: Contents, counts: Counts
) -> None:
    """Kill a run of an empty library after so many seconds, have one more go to its end, and compare."""
    library, first, second = scratch / "library", scratch / "first.log", scratch / "second.log"
    run = start(folder, library, catalog, first)
    with suppress(subprocess.TimeoutExpired):
        run.wait(timeout=after_s)
    os.killpg(run.pid, signal.SIGKILL) if run.poll() is None else None
    ended = run.wait(timeout=60) == 3
    seen, written = count(first, "look"), count(first, "write")
    phase = "after its end" if ended else "before" if not seen else "embedding" if seen < PICTURES else "captioning"
    counts.killed[phase] += 1
    code = start(folder, library, catalog, second).wait(timeout=_LONGEST_S)
    assert code == 3, f"the run after a kill ended with {code}"
    rewritten = count(second, "write")
    counts.twice.append(max(seen + rewritten - PICTURES, 0))
    counts.again.append(count(second, "look") - rewritten)
    told = differences(undisturbed, contents_of(library, catalog))
    if told or counts.twice[-1] > BATCH:
        told = told or [f"{counts.twice[-1]} pictures were encoded twice"]
        counts.wrong.append(f"killed after {after_s:.3f} s, {phase} ({written} written): {told[0]}")


def kills(times: int, seed: int, new_catalog: NewCatalog, scratch: Path) -> Iterator[Counts]:
    """Kill so many runs, one after the other; yields the counts after each."""
    folder, dice, counts = scratch / "photos", random.Random(seed), Counts()
    prepare(folder)
    catalog, log = new_catalog(), scratch / "log"
    started = time.monotonic()
    code = start(folder, scratch / "undisturbed", catalog, log).wait(timeout=_LONGEST_S)
    took = time.monotonic() - started
    assert code == 3, f"the undisturbed run ended with {code}"
    assert count(log, "look") == count(log, "write") == PICTURES
    undisturbed = contents_of(scratch / "undisturbed", catalog)
    assert len(undisturbed["embeddings"]) == len(undisturbed["captions"]) == PICTURES
    for _ in range(times):
        with tempfile.TemporaryDirectory(dir=scratch) as own:
            kill_once(folder, Path(own), new_catalog(), dice.uniform(0, took), undisturbed, counts)
        yield counts


@contextmanager
def new_databases() -> Iterator[NewCatalog]:
    """A PostgreSQL server, and a way to have one new database after the other."""
    from tests.postgres import serving

    with serving() as server:
        yield server.make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgres", action="store_true", help="keep the catalogs in a PostgreSQL server of its own")
    args = parser.parse_args()
    how = new_databases() if args.postgres else nullcontext(lambda: None)
    with how as new_catalog, tempfile.TemporaryDirectory() as scratch:
        title = f"{'PostgreSQL' if args.postgres else 'SQLite'}, seed {args.seed}"
        report(title, kills(args.times, args.seed, new_catalog, Path(scratch)))


if __name__ == "__main__":
    main()
