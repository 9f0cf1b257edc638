"""A library is looked through for damage beside other work, piece by piece, each piece at most once a day.

A piece is a segment, an index, or the catalog. What was found stays known until it is mended, to whoever opens the
library, and reading that costs next to nothing.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy.exc import DatabaseError

from searcher import database, wholeness
from searcher.library import Library
from searcher.marks import MEND
from vlm.errors import AskpixError, first_line

CHECKED = "checked.json"  # beside the catalog: when each piece was looked at, and what was found
_AGAIN_S = 86_400.0

Look = Callable[[], str | None]


def known_faults(folder: Path) -> list[str]:
    """What is known to be wrong with the library in a folder, a line each that says how to mend it."""
    return list(_read(folder)["faults"].values())


def forget(folder: Path) -> None:
    """Have everything looked at anew."""
    (folder / CHECKED).unlink(missing_ok=True)


class Checkup:
    """Looks through a library in a thread until it is done or closed; `tell` is called with each new fault.

    >>> with Checkup(library, print):
    ...     serve(library)
    """

    def __init__(self, library: Library, tell: Callable[[str], object]) -> None:
        self._library = library
        self._tell = tell
        self._ended = threading.Event()
        self._interrupt: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._look, name="checkup")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._interrupt()
        self._thread.join()

    def wait(self) -> None:
        """Wait until everything was looked at."""
        self._thread.join()

    def _look(self) -> None:
        folder = self._library.folder
        with suppress(AskpixError):  # whoever uses the catalog is told what is wrong with it
            for name, look in self._due():
                fault = look()
                if self._ended.is_set():
                    return
                if fault and name not in _read(folder)["faults"]:
                    self._tell(f"{fault}; {MEND}")
                _note(folder, name, f"{fault}; {MEND}" if fault else None)

    def _due(self) -> Iterator[tuple[str, Look]]:
        """The pieces that were not looked at for a day, those first that were not for the longest."""
        looked = _read(self._library.folder)["looked"]
        pieces = sorted(self._pieces(), key=lambda piece: looked.get(piece[0], 0.0))
        return ((name, look) for name, look in pieces if time.time() - looked.get(name, 0.0) > _AGAIN_S)

    def _pieces(self) -> Iterator[tuple[str, Look]]:
        engine = self._library.engine
        if database.kind(engine) == "sqlite":
            yield "catalog", self._catalog
        with database.session(engine) as session:
            counts = wholeness.committed(session)
        for one in wholeness.stored(self._library.folder, counts):
            yield f"{one.folder.name}/index", partial(_index, one)
            for number, rows in enumerate(one.pieces):
                yield f"{one.folder.name}/{number}", partial(_rows, self._library, one, rows)

    def _catalog(self) -> str | None:
        try:
            with self._library.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                self._interrupt = driver.interrupt
                said = wholeness.page_faults(connection)
        except DatabaseError as error:
            said = [first_line(error.orig or error)]
        finally:
            self._interrupt = lambda: None
        return f"the catalog is damaged ({said[0]})" if said else None


def _index(one: wholeness.Stored) -> str | None:
    return f"the index over the vectors of {one.model} is damaged" if wholeness.damaged_index(one) else None


def _rows(library: Library, one: wholeness.Stored, rows: range) -> str | None:
    found = wholeness.damaged_rows(library.engine, one, rows)
    return wholeness.told(found, one) if found else None


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        said = json.loads((folder / CHECKED).read_text(encoding="utf-8"))
        return {"looked": dict(said["looked"]), "faults": dict(said["faults"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"looked": {}, "faults": {}}


def _note(folder: Path, name: str, fault: str | None) -> None:
    said = _read(folder)
    said["looked"][name] = time.time()
    said["faults"].pop(name, None)
    if fault:
        said["faults"][name] = fault
    part = folder / f"{CHECKED}.part"
    with suppress(OSError):  # a library that may only be read is looked at each time
        part.write_text(json.dumps(said), encoding="utf-8")
        part.replace(folder / CHECKED)
