"""The catalog's tables: whether they are ours, and brought to the newest migration."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import ProgrammingError

from searcher.catalog import REVISION, Base, File, Image
from searcher.readonly import may_only_read
from vlm.errors import AskpixError

_LOCK = 0x61736B706978  # "askpix", as a number: who upgrades holds it
_OTHERS = "; give askpix a database of its own, as with: createdb askpix"


def check_tables(connection: Connection, name: str) -> bool:
    """Whether the tables are those of the newest migration.

    Raises AskpixError when they are another program's.
    """
    found = revision_of(connection)
    if found != REVISION:
        _check_ours(connection, name, found)
        return False
    try:
        for table in (Image, File):
            connection.execute(select(table.__table__).limit(0))
    except ProgrammingError as error:
        raise AskpixError(f"{name} has tables of askpix's names, but with other columns{_OTHERS}") from error
    return True


def revision_of(connection: Connection) -> str | None:
    """The migration that the tables were brought to; None if there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _check_ours(connection: Connection, name: str, found: str | None) -> None:
    there = set(inspect(connection).get_table_names())
    ours = sorted(there & Base.metadata.tables.keys())
    if found is None and ours:
        raise AskpixError(f"{name} has a table {ours[0]} that askpix did not make{_OTHERS}")
    if found is not None and not {"images", "embeddings"} <= there:
        raise AskpixError(f"{name} belongs to another program, which calls its version {found}{_OTHERS}")


def upgrade(engine: Engine, name: str, to: str = "head") -> None:
    """Bring the tables to the newest migration, or `to` an older one, one process at a time, all or nothing.

    Raises AskpixError when they are of a newer askpix.
    """
    from alembic.util import CommandError

    sqlite = engine.dialect.name == "sqlite"
    if sqlite and may_only_read(Path(str(engine.url.database))):
        raise AskpixError(f"{name} is of an older askpix, and may only be read; open it once where it can be written")
    # Two processes may open a new library at the same time.
    with _alone(engine), engine.execution_options(writing=True).connect() as connection:
        if sqlite:  # a table that is made anew in another shape must not take along what refers to it
            connection.connection.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            if not sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            found = revision_of(connection)
            try:
                _migrate(connection, found, to)
            except CommandError as error:
                raise AskpixError(
                    f"{name} was made by a newer askpix (catalog {found}); upgrade askpix to open it"
                ) from error
        if sqlite:
            connection.connection.execute("PRAGMA foreign_keys = ON")


def _alone(engine: Engine) -> AbstractContextManager[Any]:
    from filelock import FileLock

    return FileLock(f"{engine.url.database}.lock") if engine.dialect.name == "sqlite" else nullcontext()


def _migrate(connection: Connection, found: str | None, to: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "migrations:")
    ScriptDirectory.from_config(config).get_revision(found or "base")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
