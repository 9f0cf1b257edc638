"""What there is to say of a catalog without changing it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, inspect, select, text

from searcher import database
from searcher.catalog import REVISION, Caption, Embedding, File, Image
from searcher.copying import Place
from searcher.upgrading import revision_of
from vlm.errors import AskpixError

_COUNTED = (Image, File, Embedding, Caption)


@dataclass(frozen=True)
class CatalogStatus:
    """A catalog: where it is, what keeps it, its migration (None if it is empty), and its size in bytes.

    `rows` are those of the largest tables.
    """

    place: str
    server: str
    revision: str | None
    bytes: int
    rows: dict[str, int]

    @property
    def current(self) -> bool:
        """Whether it needs no upgrade."""
        return self.revision == REVISION

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {**vars(self), "newest": REVISION}

    def __str__(self) -> str:
        version = self.revision or "empty"
        if self.revision and not self.current:
            version += f", {REVISION} is the newest: askpix db upgrade"
        counted = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        return f"{self.place}: {self.server}, catalog {version}, {self.bytes / 1e6:,.1f} MB; {counted or 'no rows'}"


def look(place: Place) -> CatalogStatus:
    """Look at a catalog; raises AskpixError when there is none, or it cannot be reached."""
    if isinstance(place, Path) and not place.exists():
        raise AskpixError(f"there is no catalog at {place}; make one with: askpix index FOLDER")
    engine = database.engine_at(place)
    try:
        with database.faults(engine), engine.connect() as connection:
            there = set(inspect(connection).get_table_names())
            return CatalogStatus(
                place=database.name_of(place),
                server=server_of(engine, connection),
                revision=revision_of(connection),
                bytes=_bytes(connection, place),
                rows={
                    table.__tablename__: connection.scalar(select(func.count()).select_from(table)) or 0
                    for table in _COUNTED
                    if table.__tablename__ in there
                },
            )
    finally:
        engine.dispose()


def server_of(engine: Engine, connection: Connection) -> str:
    """The database by its name and version."""
    version = ".".join(map(str, connection.dialect.server_version_info or ()))
    return f"{'SQLite' if database.kind(engine) == 'sqlite' else 'PostgreSQL'} {version}"


def _bytes(connection: Connection, place: Place) -> int:
    if isinstance(place, Path):
        return place.stat().st_size
    return connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
