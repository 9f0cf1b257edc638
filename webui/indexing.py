"""Starts and stops an indexing run as a process of its own, of low priority, which goes on when the server ends.

The process holds a lock as long as it is at work, and has written down beside it who it is: so it is found again by a
server that was started since, and no other process is ever taken for it.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from indexer.pipeline import IndexRun
from indexer.runs import RUNNING, latest_runs
from searcher import Library
from searcher.settings import Settings
from vlm.errors import AskpixError

_LOCK, _WHO, _LOG = "page-run.lock", "page-run.json", "page-run.log"
_READY = "ready"
_NICE = 10  # what people do meanwhile is more urgent


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
    with (library.folder / _LOG).open("wb") as log:
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
    os.kill(_who(library)["pid"], signal.SIGINT)


def stoppable(library: Library) -> bool:
    """Whether a run that was started by a server on this machine is at work."""
    try:
        with FileLock(library.folder / _LOCK, timeout=0):
            return False
    except Timeout:
        return bool(_who(library).get("host") == platform.node())


def last_order(library: Library) -> Order | None:
    """What was ordered last, if anything."""
    who = _who(library)
    return Order(**who["order"]) if "order" in who else None


def _who(library: Library) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((library.folder / _WHO).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _run() -> None:
    """What the process does: it says on standard output, in one line, whether it is under way."""
    given = json.load(sys.stdin)
    settings, order = Settings(**given["settings"]), Order(**given["order"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a server in the background hands on as ignored
    os.nice(_NICE)
    try:
        # Somebody may just be looking whether it is held.
        with FileLock(settings.library / _LOCK, timeout=5), Library(settings=settings) as library:
            run = iter(IndexRun(library, list(map(Path, order.folders)), captions=order.captions))
            next(run, None)
            who = {"pid": os.getpid(), "host": platform.node(), "order": asdict(order)}
            (library.folder / _WHO).write_text(json.dumps(who), encoding="utf-8")
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


if __name__ == "__main__":
    _run()
