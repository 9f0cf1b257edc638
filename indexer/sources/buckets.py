"""Walk the folders of a store that fsspec knows, such as a bucket, as folders of this machine are walked."""

from collections.abc import Iterator, Sequence

from indexer.found import Found, Listing, Refuse, sidecars_of
from searcher import ranges
from searcher.elsewhere import Unreachable, split_location
from searcher.ranges import Entry
from vlm.picture import SUFFIXES

_ENDINGS = tuple(SUFFIXES)


def walk(root: str, refuse: Refuse) -> Iterator[Listing]:
    """The folders at and below a location; of one that is a file, that one alone, which counts as a picture.

    Names that begin with a dot are left out, and what cannot be read goes to `refuse`, with the reason.
    """
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            entries = ranges.listed(folder)
            if folder == root and not entries and not (one := ranges.look(root)).folder:
                above, name = split_location(root)
                yield Listing(above, [Found(above, name, one.size, one.stamp)], whole=False)
                return
        except Unreachable as error:
            refuse(folder, f"the folder cannot be read: {error}")
            continue
        # As of a folder of this machine, a root without anything in it is more likely a mistake than a purge.
        yield Listing(folder, _pictures(folder, entries), whole=folder != root or bool(entries))
        inside = [entry.name for entry in entries if entry.folder and not entry.name.startswith(".")]
        waiting.extend(f"{folder}/{name}" for name in reversed(inside))


def listed(folder: str) -> list[Found]:
    """The pictures in a folder of a store; raises Unreachable."""
    return _pictures(folder, ranges.listed(folder))


def _pictures(folder: str, entries: Sequence[Entry]) -> list[Found]:
    files = {entry.name: entry for entry in entries if not entry.folder and not entry.name.startswith(".")}
    found = []
    for entry in files.values():
        if entry.name.lower().endswith(_ENDINGS):
            sidecar = next((files[name] for name in sidecars_of(entry.name) if name in files), None)
            beside = (sidecar.name, sidecar.stamp) if sidecar else (None, None)
            found.append(Found(folder, entry.name, entry.size, entry.stamp, *beside))
    return found
