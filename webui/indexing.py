"""Starts and stops an indexing run as a process of its own, of low priority, which goes on when the server ends.

The process holds a lock as long as it is at work, and looks whether a file beside it asks it to stop: so it is found
again by a server that was started since, and by one on another machine that has the library's folder too.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from indexer.pipeline import IndexRun
from indexer.runs import RUNNING, latest_runs
from searcher import Library
from searcher.settings import Settings
from vlm.errors import AskpixError

_LOCK, _ORDER, _STOP, _LOG = "page-run.lock", "page-run.json", "page-run.stop", "page-run.log"
_READY = "ready"
_NICE = 10  # what people do meanwhile is more urgent
_HEEDS_S = 0.5  # how often the run looks whether it is to stop


@dataclass(frozen=True)
class Order:
    """What is to be indexed, and what is to be written about it."""

    folders: list[str]
    captions: bool = True
    text: bool = False
    language: str = "en"

    def settings(self, library: Library) -> Settings:
        """The library's settings, with what was ordered."""
        return library.settings.model_copy(update={"text": self.text, "caption_language": self.language})


def start(library: Library, order: Order) -> None:
    """Start a run, and come back when it is under way.

    Raises AskpixError when another one is at work, a folder is not there or a model cannot be had.
    """
    if any(run.outcome == RUNNING for run in latest_runs(library, 1)):
        raise AskpixError(f"a run is indexing {library.folder} already; wait until it has ended, or stop it")
    settings = order.settings(library).model_dump() | {"library": str(library.folder)}
    try:
        log = (library.folder / _LOG).open("wb")
    except OSError as error:
        raise AskpixError(f"{library.folder} cannot be written ({error.strerror}); mend that first") from error
    with log:
        child = subprocess.Popen(
            [sys.executable, "-m", "webui.indexing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # a Ctrl-C that ends the server is not meant for it
        )
    with child.stdin as asked, child.stdout as told:  # type: ignore[union-attr]
        asked.write(json.dumps({"settings": settings, "order": asdict(order)}).encode())
        asked.close()
        said = told.readline().decode().strip()
    threading.Thread(target=child.wait, daemon=True).start()
    if said != _READY:
        raise AskpixError(said or f"the run could not be started; {library.folder / _LOG} says why")


def stop(library: Library) -> None:
    """Have the run that was started here end after what it is at; raises AskpixError when there is none."""
    if not stoppable(library):
        raise AskpixError("no run that was started on this page is at work; one from a terminal is stopped there")
    (library.folder / _STOP).touch()


def stoppable(library: Library) -> bool:
    """Whether a run that was started by a server of this library is at work."""
    try:
        with FileLock(library.folder / _LOCK, timeout=0):
            return False
    except Timeout:
        return True


def last_order(library: Library) -> Order | None:
    """What was ordered last, if anything."""
    try:
        said = json.loads((library.folder / _ORDER).read_text(encoding="utf-8"))
        return Order(**said["order"])
    except (OSError, ValueError, KeyError):
        return None


def _run() -> None:
    """What the process does: it says on standard output, in one line, whether it is under way."""
    given = json.load(sys.stdin)
    settings, order = Settings(**given["settings"]), Order(**given["order"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a server in the background hands on as ignored
    os.nice(_NICE)
    try:
        # Somebody may just be looking whether it is held.
        with FileLock(settings.library / _LOCK, timeout=5), Library(settings=settings) as library:
            (library.folder / _STOP).unlink(missing_ok=True)  # which was meant for another run
            run = iter(IndexRun(library, order.folders, captions=order.captions))
            next(run, None)
            (library.folder / _ORDER).write_text(json.dumps({"order": asdict(order)}), encoding="utf-8")
            threading.Thread(target=_heed, args=(library.folder / _STOP,), daemon=True).start()
            print(_READY, flush=True)
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads on
            for _ in run:
                pass
    except AskpixError as error:
        print(error, flush=True)
    except Timeout:
        print(f"a run is being started on {settings.library} already; wait until it has ended", flush=True)
    except KeyboardInterrupt:
        sys.exit(130)


def _heed(stop: Path) -> None:
    """Interrupt this process, as Ctrl-C does, once it is asked to stop."""
    while not stop.exists():
        time.sleep(_HEEDS_S)
    stop.unlink(missing_ok=True)
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    _run()
