"""Follow folders: index them, then again whenever their files have changed and come to rest."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import TypeGuard

from indexer.pipeline import IndexRun
from indexer.scan import Root, roots_of
from searcher import Library
from searcher.elsewhere import LIST, TAR
from vlm.errors import AskpixError

QUIET_MS = 1_000  # without a change, before the files are taken to be whole
LATEST_MS = 30_000  # though changes go on: a long copy is indexed bit by bit
AGAIN_S = 3_600  # where no change is told, as on some network drives


def watch(library: Library, paths: Sequence[Path | str], *, captions: bool = True) -> Iterator[IndexRun]:
    """Runs of the indexer over files and folders, one now and one after each change, for ever.

    Each is to be iterated before the next is asked for. Raises AskpixError when a path does not exist, or is none of
    this machine's folders and pictures, of which alone it is told what changes.
    """
    roots = [root for root in roots_of(paths) if _may_be_followed(root)]
    changed, ended = Event(), Event()
    # Beside the runs, so that what changes during one is not missed.
    Thread(target=_listen, args=(roots, library.folder, changed, ended), daemon=True).start()
    try:
        while True:
            changed.clear()
            yield IndexRun(library, roots, captions=captions)
            changed.wait(AGAIN_S)
    finally:
        ended.set()


def _may_be_followed(root: Root) -> TypeGuard[Path]:
    if isinstance(root, Path):
        return True
    place = root.removeprefix(TAR).removeprefix(LIST)
    raise AskpixError(f"{place} cannot be followed; index it again now and then instead, by a timer such as cron")


def _listen(roots: Sequence[Path], skip: Path, changed: Event, ended: Event) -> None:
    from watchfiles import DefaultFilter
    from watchfiles import watch as changes

    for _ in changes(
        *roots,
        watch_filter=DefaultFilter(ignore_paths=[skip]),
        debounce=LATEST_MS,
        step=QUIET_MS,
        stop_event=ended,
        ignore_permission_denied=True,
    ):
        changed.set()
