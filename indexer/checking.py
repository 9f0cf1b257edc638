"""The first phase of a run: which files are new or changed, by sizes and times alone."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from indexer.progress import Progress
from indexer.scan import Listing, lies_in, scan
from indexer.store import Checked, Store


def check(
    roots: Sequence[Path], store: Store, progress: Progress, unreadable: dict[str, str], *, mark: bool = True
) -> Generator[list[Any], None, tuple[list[Listing], int]]:
    """Go through the folders, one a step, and mark what is gone or back in the catalog (unless not to `mark`).

    Gives those with files to do, to be listed again, and how many files these are. What cannot be read goes to
    `unreadable`, with the reason.
    """
    todo: list[Listing] = []
    count = 0
    visited: set[str] = set()
    holding: set[str] = set()  # those of them with files
    progress.enter("checking")
    for listing in scan(roots, store.library.folder, unreadable.__setitem__):
        visited.add(listing.folder)
        if listing.files:
            holding.add(listing.folder)
        with progress.timed("check"):
            checked = store.check(listing.folder, listing.files, listing.whole)
            if mark:
                store.mark(checked)
        if checked.changed:
            todo.append(replace(listing, files=[] if listing.whole else checked.changed))
            count += len(checked.changed)
        _count(progress, listing, checked)
        yield []
    for root in map(str, roots) if mark else ():
        # A root without a file below it is more likely a drive that is not mounted than a purge.
        if any(lies_in(folder, root) for folder in holding):
            # Edits lie in the library's own folder, which is not visited.
            store.mark_missing_folders(root, visited, [*unreadable, str(store.library.folder)])
    return todo, count


def _count(progress: Progress, listing: Listing, checked: Checked) -> None:
    progress.summary.seen += len(listing.files)
    progress.summary.unchanged += checked.unchanged
    progress.summary.refused += len(checked.refused)
    progress.summary.reasons.update(checked.refused)
    progress.advance(len(listing.files))
