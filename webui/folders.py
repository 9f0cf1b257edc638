"""The folders of the server's machine, to choose from what to index."""

import os
from dataclasses import dataclass
from pathlib import Path

from indexer.runs import latest_runs
from searcher import Library
from vlm.errors import AskpixError
from vlm.picture import SUFFIXES

_MOST = 20_000  # entries of a folder that are looked at
_RUNS = 50


@dataclass(frozen=True)
class Folder:
    """A folder, those in it, and how many picture files lie in it itself; `whole` unless it has more than is shown."""

    path: Path
    folders: list[Path]
    pictures: int
    whole: bool = True

    @property
    def above(self) -> Path | None:
        """The folder that it lies in."""
        return self.path.parent if self.path.parent != self.path else None


def look_into(path: Path, library: Library) -> Folder:
    """What lies in a folder, but for what is hidden and the library itself, as in a run.

    Raises AskpixError when it cannot be read.
    """
    path = Path(os.path.abspath(os.path.expanduser(path)))  # where there is no home, ~ is a name like others
    folders, pictures, seen = [], 0, 0
    try:
        with os.scandir(path) as entries:
            for seen, entry in enumerate(entries, 1):
                if seen > _MOST:
                    break
                if entry.name.startswith(".") or Path(entry.path) == library.folder:
                    continue
                if entry.is_dir():
                    folders.append(Path(entry.path))
                elif entry.name.lower().endswith(tuple(SUFFIXES)):
                    pictures += 1
    except (OSError, ValueError) as error:  # the latter for a NUL in it
        why = error.strerror if isinstance(error, OSError) else error
        raise AskpixError(f"{path} cannot be looked into ({why}); choose another folder") from error
    # A name that is not UTF-8 cannot stand on a page; it is indexed with the folder it lies in.
    shown = sorted((one for one in folders if _can_be_shown(one)), key=lambda one: one.name.casefold())
    return Folder(path, shown, pictures, seen <= _MOST)


def home() -> Path:
    """The home folder of the server's user, or where all folders are if that has none to look into."""
    own = Path(os.path.expanduser("~"))
    return own if own.is_dir() and os.access(own, os.R_OK | os.X_OK) else Path("/")


def places(library: Library) -> list[Path]:
    """Where to begin: the home folder, and what was indexed before."""
    roots = [Path(root) for run in latest_runs(library, _RUNS) for root in run.roots]
    known = dict.fromkeys((home(), *roots))
    return [path for path in known if path.is_dir() and _can_be_shown(path)]


def _can_be_shown(path: Path) -> bool:
    return str(path).isascii() or not any("\ud800" <= character <= "\udfff" for character in str(path))
