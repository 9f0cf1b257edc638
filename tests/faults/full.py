"""The disk with the library is full at some point of a run: told in a line, nothing lost, and gone on with later.

    python -m tests.faults.full --times 20 --seed 0

Each time a disk in memory is made, of a size drawn between that of an empty library and twice that of a whole one, and
filled by a run. The run must end with exit status 2 and one line that says the disk is full; what was committed until
then must be found; and when the disk has room, one more run must make the library what it is on a large disk.

Making such a disk takes the rights of root, or a kernel that lets anybody have a namespace of mounts; without either
the size of single files is limited instead, which the system tells programs in other words.
"""

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from searcher import Library

from .contents import Contents, contents, differences, make_pictures
from .report import report

ROOT = Path(__file__).parent.parent.parent
PHOTOS = ROOT / "demo" / "photos"
PICTURES = 40
_LARGE = 256 << 10  # kilobytes
_SIGNS = ("No space left on device", "the disk with the library is full", "File too large", "disk I/O error")


@dataclass
class Counts:
    """What came of the full disks."""

    full: int = 0
    fitted: int = 0
    committed: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        times = self.full + self.fitted
        return (
            f"{times} small disks: {self.full} runs ended with one line, {self.fitted} fitted; committed until then "
            f"{min(self.committed, default=0)} to {max(self.committed, default=0)} of {PICTURES} photos; "
            f"{times - len(self.wrong)} of {times} libraries whole in the end"
        )


Limit = Callable[[], None]


@dataclass
class Disk:
    """A place of limited size."""

    folder: Path
    mounted: bool
    kilobytes: int

    def limit(self) -> None:
        """In a new process, before its program begins: limit the files that it writes, where disks cannot be made."""
        if not self.mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.kilobytes << 10, resource.RLIM_INFINITY))

    def enlarge(self) -> None:
        self.kilobytes = _LARGE
        if self.mounted:
            _mount("-o", f"remount,size={_LARGE}k", self.folder)


@contextmanager
def disk(folder: Path, kilobytes: int) -> Iterator[Disk]:
    """A disk of so many kilobytes at a folder."""
    folder.mkdir()
    mounted = may_mount()
    if mounted:
        _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder)
    try:
        yield Disk(folder, mounted, kilobytes)
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)
        shutil.rmtree(folder)


def may_mount() -> bool:
    """Whether this process may make disks."""
    with tempfile.TemporaryDirectory() as name:
        tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", name], capture_output=True, check=False)
        if tried.returncode == 0:
            subprocess.run(["umount", name], check=True)
        return tried.returncode == 0


def _mount(*how: object) -> None:
    subprocess.run(["mount", *map(str, how)], check=True)


def index(folder: Path, library: Path, limit: Limit | None = None) -> subprocess.CompletedProcess[str]:
    """Index; `limit` is called in the new process first."""
    command = [sys.executable, "-m", "askpix", "index", str(folder), "--library", str(library), "--json"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300, preexec_fn=limit)


def fill_once(folder: Path, place: Path, kilobytes: int, whole: Contents, counts: Counts) -> None:
    """Index on a small disk, then again when it has room."""
    with disk(place, kilobytes) as small:
        library = place / "library"
        done = index(folder, library, small.limit)
        last = done.stderr.strip().splitlines()[-1]
        if done.returncode == 0:
            counts.fitted += 1
        else:
            counts.full += 1
            if done.returncode != 2 or "Traceback" in done.stderr or not any(sign in last for sign in _SIGNS):
                counts.wrong.append(f"{kilobytes} kB: exit status {done.returncode}, {last}")
        small.enlarge()
        counts.committed.append(_committed(library))
        again = index(folder, library)
        if again.returncode:
            counts.wrong.append(f"{kilobytes} kB: the next run ended with {again.returncode}, {again.stderr[-300:]}")
            return
        with Library(library) as opened:
            told = differences(whole, contents(opened))
        if told:
            counts.wrong.append(f"{kilobytes} kB: {told[0]}")


def _committed(library: Path) -> int:
    """How many photos a search finds."""
    if not (library / "catalog.sqlite").exists():
        return 0
    with Library(library) as opened:
        return len(opened.search("anything", k=1000, min_confidence=0)) if opened.count_vectors() else 0


def fills(times: int, seed: int, scratch: Path) -> Iterator[Counts]:
    """Fill so many small disks, one after the other; yields the counts after each."""
    folder, dice, counts = scratch / "photos", random.Random(seed), Counts()
    make_pictures(folder, PICTURES, sorted(PHOTOS.rglob("*.jpg")))
    assert index(folder, scratch / "large").returncode == 0
    with Library(scratch / "large") as opened:
        whole = contents(opened)
    size = sum(path.stat().st_size for path in (scratch / "large").rglob("*") if path.is_file()) >> 10
    for _ in range(times):
        fill_once(folder, scratch / "small", dice.randrange(size // 8, 2 * size), whole, counts)
        yield counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unshared", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.unshared and not may_mount():
        own = ["unshare", "--map-root-user", "--mount"]
        if subprocess.run([*own, "true"], capture_output=True, check=False).returncode == 0:
            os.execvp("unshare", [*own, sys.executable, "-m", "tests.faults.full", *sys.argv[1:], "--unshared"])
    with tempfile.TemporaryDirectory() as scratch:
        title = f"{'disks in memory' if may_mount() else 'limited files'}, seed {args.seed}"
        report(title, fills(args.times, args.seed, Path(scratch)))


if __name__ == "__main__":
    main()
