"""The catalog and its migrations."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from searcher import catalog, database
from searcher.catalog import Base, Caption, File, Image
from support import Askpix, migrate
from vlm.errors import AskpixError


def test_the_migrations_make_what_the_models_say(tmp_path: Path) -> None:
    engine = database.open_catalog(tmp_path / "catalog.sqlite")
    with engine.connect() as connection:
        # SQLite keeps its index of words in tables of its own.
        own = {"include_name": lambda name, kind, _parents: kind != "table" or not name.startswith("words")}
        assert compare_metadata(MigrationContext.configure(connection, opts=own), Base.metadata) == []


def test_the_newest_migration_is_the_one_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", "migrations:")
    assert ScriptDirectory.from_config(config).get_current_head() == catalog.REVISION


def test_sqlite_is_in_wal_mode(tmp_path: Path) -> None:
    engine = database.open_catalog(tmp_path / "catalog.sqlite")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_newer_library_is_refused_and_left_alone(askpix: Askpix, tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with database.open_catalog(path).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(AskpixError, match=r"made by a newer askpix \(catalog 9999\); upgrade askpix to open it"):
        database.open_catalog(path)
    for verb in (("search", "dog"), ("index", tmp_path)):
        done = askpix(*verb, "--library", tmp_path)
        assert done.returncode == 2
        assert "made by a newer askpix" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_no_catalog_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"this is not a database" * 100)
    with pytest.raises(AskpixError, match="cannot be read"):
        database.open_catalog(tmp_path / "catalog.sqlite")


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    engine = database.open_catalog(tmp_path / "catalog.sqlite")
    name = os.fsdecode(b"caf\xe9 \xff\x80 \xe6\xb5\xb7.jpg")
    with database.session(engine) as session:
        session.add(File(folder="/photos", name=name, size=1, mtime_ns=1))
    with database.session(engine) as session:
        assert session.query(File).one().name == name
        assert session.query(File).filter(File.name == name).count() == 1


def test_a_catalog_of_the_first_version_is_brought_along_with_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    engine = database.open_catalog(path)
    migrate(engine, "0001")
    with engine.begin() as connection:
        for number in (1, 2):
            connection.execute(
                text("INSERT INTO images VALUES (:id, :hash, 4, 3, 'JPEG', '2026-01-01')"),
                {"id": number, "hash": number},
            )
        connection.execute(text("INSERT INTO captions VALUES (2, 'builtin', 'A dog', 0.5, '2026-01-01')"))
    engine.dispose()
    engine = database.open_catalog(path)
    with database.writing(engine) as session:
        assert [(c.image_id, c.text) for c in session.query(Caption)] == [(2, "A dog")]
        session.query(Caption).delete()
        session.query(Image).filter(Image.id == 2).delete()
        session.add(Image(hash="3", width=1, height=1, format="PNG"))
        session.flush()
        assert session.scalars(select(Image.id).order_by(Image.id)).all() == [1, 3], "an id is never given again"
    migrate(engine, "0001")
    migrate(engine, "head")
    with database.session(engine) as session:
        assert session.scalars(select(Image.id).order_by(Image.id)).all() == [1, 3]


def test_two_who_write_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """Each reads and then writes, which SQLite refuses to one who began as a reader."""
    engine = database.open_catalog(tmp_path / "catalog.sqlite")
    with database.writing(engine) as session:
        session.add(Image(hash="0", width=0, height=1, format="PNG"))

    def count(_: int) -> None:
        for _ in range(25):
            with database.writing(engine) as session:
                image = session.scalars(select(Image)).one()
                image.width += 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    with database.session(engine) as session:
        assert session.scalars(select(Image.width)).one() == 100
