"""Two indexers, a watcher, a web server and people at work on one library: no lock reaches anybody, nothing is wrong.

    python -m tests.faults.together --minutes 10 --seed 0

Pictures are added to three folders all the time. Two processes index one of them each, over and over, a third watches
the last. Meanwhile a server is asked for pages and searches, `askpix search` runs as a process of its own, somebody
writes captions and tags, and now and then a backup is taken and restored. Every photo whose run has ended must be found
by its own picture; what the server tells must never become less; each backup must be whole; and in the end the library
must be what one run over all folders would have made.
"""

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from indexer.pipeline import IndexRun
from searcher import Library
from searcher.corrections import correct_caption, correct_tags
from searcher.doctor import examine
from searcher.settings import load_settings

from .contents import contents, differences, make_pictures
from .report import report

ROOT = Path(__file__).parent.parent.parent
PHOTOS = ROOT / "demo" / "photos"
QUERIES = ("a dog", "a cat", "water", "food on a table", "somebody in the snow")
AT_ONCE = 3  # pictures that are added to a folder at a time
_AGAIN_S = 60.0  # a backup is taken so often
_BY_PEOPLE = ("captions", "tags", "words")  # which also hold what is written meanwhile


@dataclass
class Going:
    """What goes on, and what came of it so far."""

    folder: Path
    ends_at: float
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    indexed: list[Path] = field(default_factory=list)  # by a run that has ended

    @property
    def library(self) -> Path:
        return self.folder / "library"

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.ends_at and len(self.wrong) < 20

    def photos(self, name: str) -> Path:
        return self.folder / "photos" / name

    def run(self, *verb: object) -> subprocess.CompletedProcess[str]:
        """Run askpix, and see that it ends as it should."""
        command = [sys.executable, "-m", "askpix", *map(str, verb), "--library", str(self.library), "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
        self.done[f"askpix {verb[0]}"] += 1
        if done.returncode:
            self.wrong.append(f"askpix {verb[0]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return done

    def __str__(self) -> str:
        told = ", ".join(f"{count} x {what}" for what, count in sorted(self.done.items()))
        return f"{told}; {len(self.wrong)} wrong"


def index(going: Going, name: str) -> None:
    """Add pictures to a folder and index it, over and over."""
    sources, dice, count = sorted(PHOTOS.rglob("*.jpg")), random.Random(f"{going.seed} {name}"), 0
    while going.goes_on:
        dice.shuffle(sources)
        make_pictures(going.photos(name), AT_ONCE, sources, first=count)
        count += AT_ONCE
        if going.run("index", going.photos(name)).returncode == 0:
            going.indexed += sorted(going.photos(name).glob("*.jpg"))[count - AT_ONCE : count]


def add_to_watched(going: Going) -> None:
    """Add pictures to the folder that is watched."""
    sources, count = sorted(PHOTOS.rglob("*.jpg"))[::-1], 0
    while going.goes_on:
        make_pictures(going.photos("watched"), 1, sources, first=count)
        count += 1
        time.sleep(1.5)


def search(going: Going) -> None:
    """Search as a process of its own."""
    dice = random.Random(going.seed)
    while going.goes_on:
        query = dice.choice(QUERIES)
        said = going.run("search", query, "-k", 1000, "--min-confidence", 0).stdout
        if len(said.splitlines()) != 1 or json.loads(said)["query"] != query:
            going.wrong.append(f"askpix search said {said[:200]!r}")


def look_up(going: Going, library: Library) -> None:
    """Find photos whose run has ended by their own pictures."""
    dice = random.Random(going.seed + 1)
    while going.goes_on:
        if not going.indexed:
            time.sleep(0.1)
            continue
        path = dice.choice(going.indexed)
        hits = library.similar(path, k=30)
        going.done["a photo looked up"] += 1
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        # Others of the same scene may be as near, as far as 16-bit floats tell.
        if not any(hit.photo.hash == content and hit.confidence > 0.99 for hit in hits):
            going.wrong.append(
                f"{path} is not found by its own picture, but {[hit.photo.path.name for hit in hits[:3]]}"
            )


def write(going: Going, library: Library) -> None:
    """Write captions and tags as people do, and read them again."""
    number = 0
    while going.goes_on:
        for hit in library.browse(k=3):
            number += 1
            correct_caption(library, hit.photo.id, f"said by somebody, number {number}")
            correct_tags(library, hit.photo.id, add=["seen"], remove=[])
            going.done["a caption written"] += 1
            photo = library.photo(hit.photo.id)
            if photo is None or photo.caption != f"said by somebody, number {number}":
                going.wrong.append(f"a caption that was written is not read again, but {photo and photo.caption}")
        time.sleep(0.2)


def browse(going: Going, address: str) -> None:
    """Ask the server for pages, pictures and searches."""
    dice, most = random.Random(going.seed + 2), 0
    while going.goes_on:
        query = urllib.parse.quote(dice.choice(QUERIES))
        for page in ("/", f"/?q={query}", f"/api/v1/search?q={query}&k=50", "/index", "/api/v1/health"):
            try:
                with urllib.request.urlopen(address + page, timeout=60) as answer:
                    said = answer.read()
            except urllib.error.HTTPError as error:
                going.wrong.append(f"the server answered {error.code} to {page}: {error.read()[:200]!r}")
                continue
            going.done["a page"] += 1
            if page == "/api/v1/health":
                count = json.loads(said)["photos"]
                if count < most:
                    going.wrong.append(f"the server told {most} photos, and then {count}")
                most = count


def back_up(going: Going) -> None:
    """Take backups and restore them."""
    number = 0
    while going.goes_on:
        number += 1
        backup, again = going.folder / f"{number}.tar", going.folder / f"again-{number}"
        if going.run("backup", backup).returncode == 0:
            command = [sys.executable, "-m", "askpix", "restore", str(backup), "--library", str(again)]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            going.done["a backup restored"] += 1
            going.wrong += [f"restored: {one.name} {one.value}" for one in examine(settings(again)) if not one.ok]
        wait = threading.Event()
        wait.wait(max(0.0, min(_AGAIN_S, going.ends_at - time.monotonic())))


def settings(library: Path) -> Any:
    return load_settings(library=library)


@contextmanager
def serving(going: Going) -> Iterator[str]:
    """The server; its address."""
    command = [sys.executable, "-m", "askpix", "serve", "--port", "0", "--library", str(going.library)]
    with _process(going, "serve", command) as (_, errors):
        for line in errors:
            if "http://" in line:
                break
        threading.Thread(target=_read, args=(going, "serve", errors), daemon=True).start()
        yield line.split(" at ")[1].split("/ ")[0]


@contextmanager
def watching(going: Going) -> Iterator[None]:
    """The watcher."""
    going.photos("watched").mkdir(parents=True)
    where = [str(going.photos("watched")), "--library", str(going.library)]
    with _process(going, "watch", [sys.executable, "-m", "askpix", "index", "--watch", *where]) as (_, errors):
        threading.Thread(target=_read, args=(going, "watch", errors), daemon=True).start()
        yield


@contextmanager
def _process(going: Going, name: str, command: list[str]) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *command], cwd=ROOT, text=True, stdout=quiet, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        yield process, process.stderr
    finally:
        if process.poll() is not None:
            going.wrong.append(f"{name} has ended by itself with {process.returncode}")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        process.stderr.close()


def _read(going: Going, name: str, errors: IO[str]) -> None:
    """See whether a process says anything that it should not."""
    try:
        for line in errors:
            if "askpix: interrupted" in line:  # as it is in the end
                return
            if any(sign in line.lower() for sign in ("lock", "traceback", "error", "askpix: ", "damaged", "held the")):
                going.wrong.append(f"{name} said: {line.strip()[-300:]}")
    except ValueError:  # it is closed
        return


def together(folder: Path, seconds: float, seed: int) -> Going:
    """Have all of it go on for so long; what came of it."""
    going = Going(folder, time.monotonic() + seconds, seed)
    Library(going.library, create=True).close()
    with watching(going), serving(going) as address, Library(going.library) as library:
        work: list[Callable[[], None]] = [
            lambda: index(going, "one"),
            lambda: index(going, "two"),
            lambda: add_to_watched(going),
            lambda: search(going),
            lambda: look_up(going, library),
            lambda: write(going, library),
            lambda: browse(going, address),
            lambda: back_up(going),
        ]
        threads = [threading.Thread(target=_carefully, args=(going, one)) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    _compare(going)
    return going


def _carefully(going: Going, work: Callable[[], None]) -> None:
    try:
        work()
    except Exception as error:
        going.wrong.append(f"{type(error).__name__}: {error}")


def _compare(going: Going) -> None:
    """Index what has come last, and compare all with a library that one run fills."""
    with Library(going.library) as library, Library(going.folder / "alone", create=True) as alone:
        for one in (library, alone):
            for _ in IndexRun(one, [going.folder / "photos"]):
                pass
        told = differences(contents(alone), contents(library))
    # Which of several like photos came first, others were compared with.
    going.wrong += [line for line in told if not line.startswith((*_BY_PEOPLE, "images"))][:5]
    going.done["photos in the end"] = len(list((going.folder / "photos").rglob("*.jpg")))
    going.wrong += [f"{one.name}: {one.value}" for one in examine(settings(going.library)) if not one.ok]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rounds = (together(Path(scratch), 60 * args.minutes, args.seed) for _ in range(1))
        report(f"{args.minutes:g} minutes, seed {args.seed}", rounds)


if __name__ == "__main__":
    main()
