"""The catalog and its migrations."""

import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from searcher import catalog
from searcher.catalog import Base, File
from support import Askpix
from vlm.errors import AskpixError


def test_the_migrations_make_what_the_models_say(tmp_path: Path) -> None:
    engine = catalog.open_catalog(tmp_path / "catalog.sqlite")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_newest_migration_is_the_one_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", "migrations:")
    assert ScriptDirectory.from_config(config).get_current_head() == catalog.REVISION


def test_sqlite_is_in_wal_mode(tmp_path: Path) -> None:
    engine = catalog.open_catalog(tmp_path / "catalog.sqlite")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_newer_library_is_refused_and_left_alone(askpix: Askpix, tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with catalog.open_catalog(path).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(AskpixError, match=r"made by a newer askpix \(catalog 9999\); upgrade askpix to open it"):
        catalog.open_catalog(path)
    for verb in (("search", "dog"), ("index", tmp_path)):
        done = askpix(*verb, "--library", tmp_path)
        assert done.returncode == 2
        assert "made by a newer askpix" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_no_catalog_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"this is not a database" * 100)
    with pytest.raises(AskpixError, match="cannot be read"):
        catalog.open_catalog(tmp_path / "catalog.sqlite")


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    engine = catalog.open_catalog(tmp_path / "catalog.sqlite")
    name = os.fsdecode(b"caf\xe9 \xff\x80 \xe6\xb5\xb7.jpg")
    with catalog.session(engine) as session:
        session.add(File(folder="/photos", name=name, size=1, mtime_ns=1))
    with catalog.session(engine) as session:
        assert session.query(File).one().name == name
        assert session.query(File).filter(File.name == name).count() == 1
