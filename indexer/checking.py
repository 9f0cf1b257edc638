"""The first phase of a run: which files are new or changed, by sizes and times alone."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from indexer.progress import Progress
from indexer.scan import Found, Listing, Root, lies_in, list_again, scan
from indexer.sources import piecemeal
from indexer.store import Checked, Store
from searcher.elsewhere import LIST, TAR


def check(
    roots: Sequence[Root], store: Store, progress: Progress, unreadable: dict[str, str], *, mark: bool = True
) -> Generator[list[Any], None, tuple[list[Listing], int]]:
    """Go through the folders, one a step, and mark what is gone or back in the catalog (unless not to `mark`).

    Gives those with files to do, to be listed again, and how many files these are. What cannot be read goes to
    `unreadable`, with the reason.
    """
    todo: list[Listing] = []
    count = 0
    visited: set[str] = set()
    holding: set[str] = set()  # those of them with files
    named = {root for root in roots if isinstance(root, str)}
    progress.enter("checking")
    for listing in scan(roots, store.library.folder, unreadable.__setitem__):
        visited.add(listing.folder)
        if listing.files:
            holding.add(listing.folder)
        with progress.timed("check"):
            checked = store.check(listing.folder, listing.files, listing.whole)
            if mark:
                store.mark(checked)
                if listing.whole and listing.folder in named:
                    piecemeal.mended(listing.folder, store)
        if checked.changed:
            todo.append(replace(listing, files=[] if listing.whole else checked.changed))
            count += len(checked.changed)
        progress.summary.seen += len(listing.files)
        _count(progress, len(listing.files), checked)
        yield []
    for root in map(str, roots) if mark else ():
        # A root without a file below it is more likely a drive that is not mounted than a purge.
        if any(lies_in(folder, root) for folder in holding):
            # Edits lie in the library's own folder, which is not visited.
            store.mark_missing_folders(root, visited, [*unreadable, str(store.library.folder)])
    pieces = [root for root in map(str, roots) if root.startswith((TAR, LIST))]
    held, more = yield from _check_pieces(pieces, store, progress, unreadable, mark=mark)
    return [*todo, *held], count + more


def _check_pieces(
    folders: Sequence[str], store: Store, progress: Progress, unreadable: dict[str, str], *, mark: bool
) -> Generator[list[Any], None, tuple[list[Listing], int]]:
    """The same for tars and lists, some of their files a step."""
    todo: list[Listing] = []
    count = 0
    for folder in folders:
        pending = 0
        for piece in piecemeal.compare(folder, store, unreadable.__setitem__):
            pending += piece.todo
            if mark:
                store.mark(piece.checked)
            progress.summary.seen += piece.seen if mark else max(piece.seen, piece.todo)
            _count(progress, piece.seen, piece.checked)
            yield []
        if pending:
            todo.append(Listing(folder, [], whole=True))
            count += pending
        if mark and folder not in unreadable:
            piecemeal.mended(folder, store)
    if mark and (there := set(folders) - unreadable.keys()):
        store.mark(piecemeal.gone_beside(there, store))
    return todo, count


def changed(todo: Iterable[Listing], store: Store, progress: Progress, unreadable: dict[str, str]) -> Iterator[Found]:
    """The files of these folders that are new or changed, as they are now."""
    for listing in todo:
        for files in list_again(listing, unreadable.__setitem__):
            if listing.folder.startswith(TAR):  # which was not read when the others were counted
                pictures = [found for found in files if found.name]
                checked = store.check(listing.folder, pictures, whole=False)
                store.mark(checked)
                progress.summary.seen += len(pictures)
                _count(progress, len(pictures) - len(checked.changed), checked)
            yield from store.claimed(listing, files)


def _count(progress: Progress, files: int, checked: Checked) -> None:
    progress.summary.unchanged += checked.unchanged
    progress.summary.refused += len(checked.refused)
    progress.summary.reasons.update(checked.refused)
    progress.advance(files)
