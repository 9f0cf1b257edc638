"""From each schema that was ever released to the newest and back, with something in every table."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, Column, DateTime, Engine, Float, Integer, MetaData, Table, insert, select

from searcher import database, postgres, sqlite
from searcher.upgrading import upgrade
from support import migrate

ROWS = 3
Rows = dict[str, list[dict[str, Any]]]


def revisions() -> list[str]:
    """All of them, the oldest first."""
    config = Config()
    config.set_main_option("script_location", "migrations:")
    return [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()][::-1]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    if request.param == "sqlite":
        made = sqlite.engine_at(tmp_path / "catalog.sqlite")
    else:
        made = postgres.engine_at(request.getfixturevalue("postgres").make())
    yield made
    made.dispose()


def tables(engine: Engine) -> list[Table]:
    """The tables there are, but for those of the index of words, in an order in which they can be filled."""
    found = MetaData()
    found.reflect(engine)
    return [one for one in found.sorted_tables if not one.name.startswith("words") and one.name != "alembic_version"]


def value(column: Column[Any], number: int) -> Any:
    """Something for a column of a row."""
    kinds: list[tuple[type[Any], Any]] = [
        (Boolean, number % 2 == 0),
        (Integer, number),
        (Float, number / 4),
        (DateTime, datetime(2024, 5, number, 12, 30, tzinfo=UTC if getattr(column.type, "timezone", False) else None)),
        (JSON, [{"number": number}]),
    ]
    given = next((made for kind, made in kinds if isinstance(column.type, kind)), f"{column.name[:4]}{number}")
    return 1 if column.name == "duplicate_of" else given


def fill(engine: Engine) -> None:
    with engine.execution_options(writing=True).begin() as connection:
        for table in tables(engine):
            rows = [{one.name: value(one, number) for one in table.columns} for number in range(1, ROWS + 1)]
            for row in rows:
                connection.execute(insert(table), row)


def contents(engine: Engine, like: Rows | None = None) -> Rows:
    """All rows, or as much of them as there is in others."""
    with engine.connect() as connection:
        found = {one.name: [dict(row._mapping) for row in connection.execute(select(one))] for one in tables(engine)}
    if like is None:
        return {name: sorted(rows, key=repr) for name, rows in found.items()}
    wanted = {name: rows[0].keys() for name, rows in like.items()}
    return {
        name: sorted(({key: row[key] for key in row if key in keys} for row in found[name]), key=repr)
        for name, keys in wanted.items()
    }


@pytest.mark.parametrize("revision", revisions())
def test_to_the_newest_and_back(engine: Engine, revision: str) -> None:
    upgrade(engine, "it", revision)
    fill(engine)
    before = contents(engine)
    assert all(len(rows) == ROWS for rows in before.values())
    migrate(engine, "head")
    assert contents(engine, before) == before
    with database.session(engine) as session:  # as it is opened
        assert session.connection().exec_driver_sql("SELECT count(*) FROM images").scalar() == ROWS
    if revision != revisions()[-1]:
        migrate(engine, revision)
        assert contents(engine) == before
        migrate(engine, "head")
        assert contents(engine, before) == before
