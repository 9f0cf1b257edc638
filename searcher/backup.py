"""A library as one file, taken while it is in use, and made a library again.

The file is a tar: the catalog as SQLite keeps it, as it was at one moment; the vectors that it knew of then; trained
indexes, edits and settings. Its last member, the manifest, says what the others are to be, by their sizes and SHA-256,
so that a backup that was cut off or damaged is never taken for a library.
"""

import hashlib
import io
import json
import os
import re
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Engine, func, select, text

from searcher import copying, database, sqlite, wholeness
from searcher.catalog import Image
from searcher.library import Library
from searcher.marks import MEND
from searcher.segments import DESCRIPTION
from vlm.errors import AskpixError

MANIFEST = "backup.json"
EDITS = "edits"
FORMAT = 1
_SETTINGS = "askpix.toml"
_ELSEWHERE = re.compile(rb"^(?=\s*(catalog|milvus)\s*=)", re.MULTILINE)  # settings of where a library is kept besides
_PAGES = 4_096  # of the catalog, copied between two reports of progress
_BLOCK = 1 << 20

Moved = Callable[[int, int], object]  # bytes done, and in all


@dataclass(frozen=True)
class Made:
    """What a backup holds."""

    path: Path
    bytes: int
    images: int
    vectors: int

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {"output": str(self.path), "bytes": self.bytes, "images": self.images, "vectors": self.vectors}


def back_up(library: Library, output: Path, moved: Moved = lambda _done, _all: None) -> Made:
    """Write a backup of a library, which may be searched and filled meanwhile: all of it, or nothing.

    Raises AskpixError when the library is damaged, and when the backup cannot be written.
    """
    output = output.absolute()
    try:
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as name:
            copy, part = Path(name, database.CATALOG), Path(name, "part.tar")
            _copy_catalog(library, copy, moved)
            made = _write(library, copy, part, moved)
            part.replace(output)
    except OSError as error:
        raise AskpixError(f"{output} cannot be written: {error.strerror}") from error
    return Made(output, output.stat().st_size, *made)


def _copy_catalog(library: Library, copy: Path, moved: Moved) -> None:
    """Copy the catalog as it is at one moment to a file of SQLite, and see that the copy is whole."""
    if library.settings.catalog is None:
        _copy_file(library.engine, copy, moved)
    else:
        copying.copy(library.settings.catalog, copy)
    copied = sqlite.engine_at(copy)
    try:
        if faults := wholeness.catalog_faults(copied):
            raise AskpixError(f"the catalog is damaged ({faults[0]}); {MEND}")
    finally:
        copied.dispose()


def _copy_file(engine: Engine, copy: Path, moved: Moved) -> None:
    with engine.connect() as connection, closing(sqlite3.connect(copy)) as target:
        connection.execute(select(func.count(Image.id)))  # from here on this connection sees no later change
        driver: Any = connection.connection.driver_connection
        size = connection.execute(text("PRAGMA page_size")).scalar_one()
        driver.backup(
            target, pages=_PAGES, progress=lambda _, left, pages: moved((pages - left) * size, pages * size), sleep=0
        )


def _write(library: Library, catalog: Path, part: Path, moved: Moved) -> tuple[int, int]:
    """Write the tar; how many images and vectors are in it."""
    engine = database.open_catalog(catalog)
    try:
        with database.session(engine) as session:
            counts = wholeness.committed(session)
            images = session.scalar(select(func.count(Image.id))) or 0
        there = wholeness.stored(library.folder, counts)
        for one in there:
            if damaged := [bad for rows in one.pieces for bad in wholeness.damaged_rows(engine, one, rows)]:
                raise AskpixError(f"{wholeness.told(damaged, one)}; {MEND}")
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()
    with part.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        packed = _Packed(tar, moved)
        members = [(database.CATALOG, catalog, catalog.stat().st_size), *_members(library, there)]
        packed.total = sum(size for _, _, size in members)
        for name, what, size in members:
            packed.add(name, what, size)
        packed.end({"library": str(library.folder)})
    _sync(part)
    return images, sum(one.count for one in there)


Member = tuple[str, Path | bytes, int]  # its name, the file or what it holds, and how many bytes of that


def _members(library: Library, there: list[wholeness.Stored]) -> Iterator[Member]:
    """What is in a backup besides the catalog."""
    settings = library.folder / _SETTINGS
    if settings.exists():
        said = _ELSEWHERE.sub(b"# ", settings.read_bytes())
        yield _SETTINGS, said, len(said)
    for one in there:
        for path, size, marks in one.segments.files(one.count):
            yield _named(library, path), path, size
            yield _named(library, path.with_suffix(".marks")), marks, len(marks)
        for name in (DESCRIPTION, wholeness.INDEX):
            if (path := one.folder / name).exists():
                yield _named(library, path), path, path.stat().st_size
    for path in sorted((library.folder / EDITS).glob("*")):
        if path.is_file():
            yield _named(library, path), path, path.stat().st_size


def _named(library: Library, path: Path) -> str:
    return path.relative_to(library.folder).as_posix()


@dataclass
class _Packed:
    """A tar that is written, and what the manifest will say of its members."""

    tar: tarfile.TarFile
    moved: Moved
    total: int = 0
    done: int = 0
    files: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, name: str, what: Path | bytes, size: int) -> None:
        about = tarfile.TarInfo(name)
        about.size, about.mtime = size, int(time.time())
        with io.BytesIO(what) if isinstance(what, bytes) else what.open("rb") as file:
            reading = _Hashed(file, self._count)
            self.tar.addfile(about, reading)
        self.files[name] = [size, reading.digest.hexdigest()]

    def end(self, more: dict[str, Any]) -> None:
        """Write the manifest."""
        said = {"format": FORMAT, "askpix": version("askpix"), "files": self.files, **more}
        data = json.dumps(said).encode()
        about = tarfile.TarInfo(MANIFEST)
        about.size, about.mtime = len(data), int(time.time())
        self.tar.addfile(about, io.BytesIO(data))

    def _count(self, size: int) -> None:
        self.done += size
        self.moved(self.done, self.total)


class _Hashed:
    """A file whose content is hashed as it is read."""

    def __init__(self, file: IO[bytes], moved: Callable[[int], object]) -> None:
        self._file = file
        self._moved = moved
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self._moved(len(data))
        return data


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
