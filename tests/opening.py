"""Hostile files read as askpix reads them, in a process of its own, and what came of each.

    python tests/opening.py [--each 100] [--seed 1]

makes so many damaged files of every format and all the bombs (`hostile`), reads them, and counts.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from hostile import bombs, good, mutants, strange
from vlm import apart
from vlm.editing.history import said_by as carried_by
from vlm.kinds import VIDEO
from vlm.picture import UnreadablePicture, open_picture, said_by, said_by_sidecar
from vlm.video import moments
from vlm.video import said_by as said_by_video

PHOTO = Path(__file__).parent.parent / "demo" / "photos" / "animals" / "cat.jpg"


@dataclass(frozen=True)
class Opened:
    """One reading of a file: what was read, the decoder's time in seconds, and why it was refused, if it was."""

    path: str
    what: str
    seconds: float
    reason: str | None


@dataclass(frozen=True)
class Run:
    """What came of all of them, and the most bytes that askpix or one of its decoders had in memory."""

    opened: list[Opened]
    peak: int

    @property
    def slowest(self) -> Opened:
        """The one that took the longest."""
        return max(self.opened, key=lambda one: one.seconds)


def make(folder: Path, each: int, seed: int) -> list[Path]:
    """Write `each` damaged files of every format, some that begin as they should not, and all the bombs."""
    with Image.open(PHOTO) as opened:
        files = good(folder, opened.convert("RGB").resize((336, 224)))
    for path in folder.iterdir():
        path.unlink()
    for number, (suffix, data) in enumerate([*mutants(files, each, seed), *strange(files, max(1, each // 16), seed)]):
        (folder / f"{number}{suffix}").write_bytes(data)
    for name, data in bombs(files, folder):
        (folder / name).write_bytes(data)
    return sorted(folder.iterdir())


def open_all(paths: Sequence[Path]) -> Run:
    """Read them all; whatever fails otherwise than by a refusal raises CalledProcessError."""
    command = [sys.executable, __file__, "--names"]
    names = json.dumps([str(path) for path in paths])
    *lines, peak = subprocess.run(
        command, input=names, stdout=subprocess.PIPE, text=True, check=True, timeout=3600
    ).stdout.splitlines()
    return Run([Opened(**json.loads(line)) for line in lines], int(peak))


def _open_named() -> None:
    """Read the files named on standard input, and say on standard output what came of each."""
    for name in json.load(sys.stdin):
        for what, read in _readings(Path(name)):
            before, reason = _spent(), None
            try:
                read()
            except UnreadablePicture as error:
                reason = str(error)
            print(json.dumps(asdict(Opened(name, what, _spent() - before, reason))))
    while apart._idle:
        apart._end(apart._idle.pop())
    # Of this process by its status: what the kernel counts as its own otherwise begins with its parent's.
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    own = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(1024 * max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))


def _readings(path: Path):
    if path.suffix == ".xmp":
        return [("sidecar", lambda: said_by_sidecar(path))]
    if path.suffix in VIDEO:
        whole = [("moments", lambda: [_check(image) for _, image, _ in moments(path, 260)])]
        return [*whole, ("headers", lambda: said_by_video(path)), ("picture", lambda: _check(_picture(path)))]
    headers = [("headers", lambda: said_by(path)), ("carried", lambda: carried_by(path))]
    return [("picture", lambda: _check(_picture(path))), *headers]


def _picture(path: Path) -> Image.Image:
    return open_picture(path, 260).image


def _check(image: Image.Image) -> None:
    assert image.mode == "RGB"
    assert min(image.size) > 0


def _spent() -> float:
    """Seconds of the processor's time that decoders have had."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    at_work = [time.clock_gettime((~decoder.process.pid << 3) | 2) for decoder in apart._idle]  # Linux's clock of one
    return ended.ru_utime + ended.ru_stime + sum(at_work)


def _kind(reason: str | None) -> str:
    """What a refusal comes to, for counting."""
    known = {"crash": "crashed", "more than": "too much", "cut short": "cut short", "not come to an end": "stuck"}
    if reason is None:
        return "read"
    return next((kind for said, kind in known.items() if said in reason), "damaged")


def _table(opened: Iterable[Opened]) -> str:
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for one in opened:
        counted[Path(one.path).suffix][_kind(one.reason)] += 1
    kinds = ["read", "damaged", "cut short", "too much", "crashed", "stuck"]
    rows = [f"| {name} | {' | '.join(str(some[kind]) for kind in kinds)} |" for name, some in sorted(counted.items())]
    return "\n".join([f"| file | {' | '.join(kinds)} |", "| --- " * (1 + len(kinds)) + "|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=100, help="how many damaged files of every format")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--names", action="store_true", help="read the files named as JSON on standard input")
    given = parser.parse_args()
    if given.names:
        _open_named()
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = make(Path(folder), given.each, given.seed)
        started = time.monotonic()
        run = open_all(paths)
    print(_table(run.opened))
    print(
        f"{len(paths)} files read {len(run.opened)} times in {time.monotonic() - started:.0f} s; the slowest "
        f"{Path(run.slowest.path).name} ({run.slowest.what}), {run.slowest.seconds:.1f} s; "
        f"memory at most {run.peak / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
