"""Tars and lists, compared with the catalog: a tar as a whole by its size and time, a list some addresses at a time."""

import os
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, update

from indexer.found import Found, Refuse
from indexer.sources import lists, tars
from indexer.store import Checked, Store
from searcher import database, ranges
from searcher.catalog import File, now
from searcher.elsewhere import TAR, Unreachable, split_location
from vlm.video import split_moment


@dataclass(frozen=True)
class Piece:
    """Files that were compared, and how many are to be done; of a tar that is yet to be read none are `seen`, and the
    number is what can be told of it."""

    seen: int = 0
    todo: int = 0
    checked: Checked = field(default_factory=Checked)


def compare(folder: str, store: Store, refuse: Refuse) -> Iterator[Piece]:
    """Compare what a tar or list holds with the catalog; one that cannot be read goes to `refuse`, with the reason."""
    try:
        if folder.startswith(TAR):
            yield _tar(folder, store)
        else:
            yield from _list(folder, store, refuse)
    except Unreachable as error:
        refuse(folder, str(error))


def _tar(folder: str, store: Store) -> Piece:
    about = ranges.look(folder.removeprefix(TAR))
    rows = select(File.name, File.size, File.start).where(File.folder == folder, File.mtime_ns == about.stamp)
    with database.session(store.library.engine) as session:
        known = [
            Found(folder, row.name, row.size, about.stamp, start=row.start)
            for row in session.execute(rows)
            if split_moment(row.name)[1] is None
        ]
    held = [found for found in known if found.name]
    if Found(folder, "", about.size, about.stamp, start=len(held)) in known:  # it was read to its end
        checked = store.check(folder, known, whole=True)
        if not checked.changed:
            return Piece(len(held), 0, replace(checked, unchanged=checked.unchanged - 1))
    return Piece(todo=max(1, tars.count(folder.removeprefix(TAR), about.size)))


def _list(folder: str, store: Store, refuse: Refuse) -> Iterator[Piece]:
    seen = array("q")
    for files in lists.listed(folder, refuse):
        seen.extend(hash(found.name) for found in files)
        checked = store.check(folder, files, whole=False)
        yield Piece(len(files), len(checked.changed), checked)
    # Without any address it is more likely a mistake than a purge.
    if seen:
        yield Piece(checked=Checked(gone=_unlisted(folder, store, np.unique(np.array(seen, np.int64)))))


def _unlisted(folder: str, store: Store, seen: NDArray[np.int64]) -> list[int]:
    """The ids of the files of a list whose addresses are not in it any more, by the hashes of those that are."""
    there = select(File.id, File.name).where(File.folder == folder, File.missing_since.is_(None))
    gone = []
    with database.session(store.library.engine) as session:
        for some in session.execute(there.execution_options(yield_per=lists.ROWS)).partitions():
            hashes = np.array([hash(split_moment(row.name)[0]) for row in some], np.int64)
            at = np.minimum(np.searchsorted(seen, hashes), len(seen) - 1)
            gone += [row.id for row, there in zip(some, seen[at] == hashes, strict=True) if not there]
    return gone


def gone_beside(folders: Collection[str], store: Store) -> Checked:
    """The files of the tars and lists that lay beside these, which are there, and do not any more."""
    gone: list[int] = []
    for above in {split_location(folder)[0] for folder in folders}:
        beside = File.folder.startswith(f"{above}/", autoescape=True)
        with database.session(store.library.engine) as session:
            known = session.scalars(select(File.folder).where(beside, File.missing_since.is_(None)).distinct()).all()
        others = [split_location(folder) for folder in known if folder not in folders]
        if any(place == above for place, _ in others):
            try:
                there = _names(above.partition(":")[2])
            except Unreachable:
                continue
            for place, name in others:
                if place == above and name not in there:
                    gone += store.check(f"{place}/{name}", [], whole=True).gone
    return Checked(gone=gone)


def _names(location: str) -> set[str]:
    if location.startswith("/"):
        return set(os.listdir(location))
    return {entry.name for entry in ranges.listed(location)}


def mended(folder: str, store: Store) -> None:
    """Note that a source can be read, if it was refused before."""
    above, name = split_location(folder)
    refused = File.folder == above, File.name == name, File.reason.is_not(None), File.missing_since.is_(None)
    with database.writing(store.library.engine) as session:
        session.execute(update(File).where(*refused).values(missing_since=now()))
