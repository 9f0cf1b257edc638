"""The catalog in PostgreSQL: its tables, what is wrong with an address, copies, and a server that goes away."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import String, inspect, select, text
from sqlalchemy.types import TypeEngine

from postgres import PASSWORD, Server, serving
from searcher import Library, copying, database, doctor, postgres
from searcher import postgres as driver
from searcher.catalog import REVISION, Base, File, Image
from searcher.copying import copy
from searcher.settings import Settings, load_settings
from searcher.upgrading import upgrade
from support import Askpix, migrate, records
from vlm.errors import AskpixError

REVISIONS = ("0001", "0002", "0003", "0004", "0005")


def differs(_context: Any, _column: Any, _said: Any, there: TypeEngine[Any], _ours: TypeEngine[Any]) -> bool | None:
    """Texts are compared sign by sign (COLLATE "C"), which the models do not say."""
    return False if isinstance(there, String) else None


def test_every_migration_goes_up_and_down(postgres: Server) -> None:
    engine = driver.engine_at(postgres.make())
    for revision in REVISIONS:
        upgrade(engine, "it", revision)
    for revision in (*reversed(REVISIONS[:-1]), "base", "head"):
        migrate(engine, revision)
    with engine.connect() as connection:
        own = {"include_name": lambda name, kind, _parents: kind != "table" or name != "words", "compare_type": differs}
        assert compare_metadata(MigrationContext.configure(connection, opts=own), Base.metadata) == []
        other = text(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND "
            "data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C'"
        )
        assert connection.execute(other).all() == [("alembic_version", "version_num")]
    assert REVISIONS[-1] == REVISION
    engine.dispose()


def test_case_is_folded_as_python_does(postgres_url: str) -> None:
    blocks = (range(1, 0x2500), range(0xA640, 0xAC00), range(0xFB00, 0xFF60), range(0x10400, 0x10500))
    signs = [chr(i) for block in blocks for i in block]
    folded = "SELECT case_folded(one) FROM unnest(CAST(:signs AS text[])) WITH ORDINALITY AS t(one, i) ORDER BY i"
    engine = database.open_catalog(postgres_url)
    with engine.connect() as connection:
        found = connection.scalars(text(folded), {"signs": signs}).all()
        assert found == [sign.casefold() for sign in signs]
        assert connection.scalar(text("SELECT case_folded('Straße ẞ ÉTÉ')")) == "strasse ss été"
        assert connection.scalar(text("SELECT case_folded(NULL)")) is None
    engine.dispose()


def test_names_that_are_not_utf8_and_texts_with_zeros_are_kept(postgres_url: str) -> None:
    engine = database.open_catalog(postgres_url)
    name = b"caf\xe9 \xff\x80.jpg".decode("utf-8", "surrogateescape")
    with database.writing(engine) as session:
        session.add(File(folder="/photos", name=name, size=1, mtime_ns=1, reason="a\0b" * 1000))
    with database.session(engine) as session:
        file = session.scalars(select(File).where(File.name == name)).one()
        assert (file.name, file.reason) == (name, "ab" * 1000)
    engine.dispose()


def test_the_stamp_changes_with_every_commit_and_with_nothing_else(postgres_url: str) -> None:
    engine = database.open_catalog(postgres_url)
    before = database.stamp(engine)
    with database.session(engine) as session:
        session.scalars(select(Image)).all()
    assert database.stamp(engine) == before
    with database.writing(engine) as session:
        session.add(Image(hash="1", width=1, height=1, format="PNG"))
        session.flush()
        meanwhile = database.stamp(engine)
    assert database.stamp(engine) not in (before, meanwhile)
    engine.dispose()


# What is wrong with an address


def addresses(server: Server) -> dict[str, tuple[str, str]]:
    """Wrong addresses, with what is said of each."""
    server.run("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    theirs, named, columns, newer = (server.make() for _ in range(4))
    server.run("CREATE TABLE alembic_version AS SELECT 'abc123' AS version_num", of(theirs))
    server.run("CREATE TABLE images (pixels bytea)", of(named))
    database.open_catalog(columns).dispose()
    server.run("ALTER TABLE images RENAME COLUMN hash TO digest", of(columns))
    database.open_catalog(newer).dispose()
    server.run("UPDATE alembic_version SET version_num = '9999'", of(newer))
    host = f"127.0.0.1:{server.port}"
    return {
        "no address": ("over there", "cannot be understood; write it as postgresql://USER@HOST/NAME"),
        "another kind": (f"mysql://u:{PASSWORD}@h/n", "cannot be kept by mysql, only by PostgreSQL"),
        "no database": (f"postgresql://askpix@{host}", "names no database"),
        "nobody there": (f"postgresql://askpix:{PASSWORD}@127.0.0.1:1/n", "does not answer"),
        "wrong password": (server.url("postgres", "wrong"), "lets nobody in like that"),
        "unknown user": (f"postgresql://nobody:x@{host}/postgres", "lets nobody in like that"),
        "missing database": (server.url("missing"), "has no such database"),
        "old texts": (server.url("latin"), "keeps texts as LATIN1; make another with: createdb -E UTF8"),
        "another program": (theirs, "belongs to another program, which calls its version abc123"),
        "a table of ours": (named, "has a table images that askpix did not make"),
        "other columns": (columns, "tables of askpix's names, but with other columns"),
        "newer": (newer, r"was made by a newer askpix (catalog 9999); upgrade askpix"),
    }


def of(url: str) -> str:
    return url.rpartition("/")[2]


def test_what_is_wrong_with_an_address_is_said_in_one_line_without_the_password(postgres: Server) -> None:
    for name, (address, said) in addresses(postgres).items():
        with pytest.raises(AskpixError) as refused:
            database.open_catalog(address)
        told = str(refused.value)
        assert said in told, name
        assert "\n" not in told, name
        assert PASSWORD not in told and "correct%20horse" not in told, name


def test_an_older_server_is_refused_with_what_is_needed(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "NEEDED", 99)
    with pytest.raises(AskpixError, match=r"is served by PostgreSQL \d+\.\d+, and 99 or newer is needed"):
        database.open_catalog(postgres_url)


def test_the_address_is_a_flag_a_variable_or_a_line_of_the_settings(
    askpix: Askpix, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = askpix("db", "status", "--library", tmp_path, "--catalog", postgres_url, "--json")
    (status,) = records(flag)
    assert status["revision"] == status["newest"] == REVISION
    assert status["server"].startswith("PostgreSQL")
    assert PASSWORD not in flag.stdout and "correct%20horse" not in flag.stdout
    refused = askpix("search", "dog", "--library", tmp_path, "--catalog", postgres_url.replace("correct", "wrong"))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    monkeypatch.setenv("ASKPIX_CATALOG", postgres_url)
    assert load_settings(library=tmp_path).catalog == postgres_url
    monkeypatch.delenv("ASKPIX_CATALOG")
    (tmp_path / "askpix.toml").write_text(f'catalog = "{postgres_url}"')
    assert load_settings(library=tmp_path).catalog == postgres_url


def test_a_catalog_is_not_opened_with_the_folder_of_another_library(
    postgres: Server, untouched_demo_folder: Path, tmp_path: Path
) -> None:
    url = postgres.make()
    with pytest.raises(AskpixError, match="there is no catalog in the database"):
        Library(settings=Settings(library=tmp_path, catalog=url))
    copy(untouched_demo_folder / database.CATALOG, url)
    with pytest.raises(AskpixError, match=r"the catalog knows 44 vectors, and .* has none; name the folder"):
        Library(settings=Settings(library=tmp_path / "elsewhere", catalog=url))
    assert not (tmp_path / "elsewhere").exists()


def test_the_doctor_knows_the_server(postgres_url: str, tmp_path: Path) -> None:
    with Library(settings=Settings(library=tmp_path, catalog=postgres_url), create=True) as library:
        found = {one.name: one for one in doctor.examine(library.settings)}
    assert "PostgreSQL 1" in found["database"].value
    assert f"catalog {REVISION}" in found["database"].value
    assert all(one.ok for name, one in found.items() if name in ("database", "catalog", "library"))


# Copies


@pytest.fixture
def file(untouched_demo_folder: Path, tmp_path: Path) -> Path:
    """A catalog in SQLite, with rows that have gone, a duplicate of a later image, and a zero in a text."""
    path = Path(shutil.copytree(untouched_demo_folder, tmp_path / "library")) / database.CATALOG
    engine = database.open_catalog(path)
    with database.writing(engine) as session:
        session.get_one(Image, 1).duplicate_of = 9
        session.add(Image(id=70, hash="gone", width=1, height=1, format="PNG"))
        session.add(File(folder="/p", name="a", size=1, mtime_ns=1, reason="a\0b"))
        session.flush()
        session.delete(session.get_one(Image, 70))
    engine.dispose()
    return path


def test_a_catalog_is_copied_there_and_back_and_is_equal(
    file: Path, postgres: Server, tmp_path: Path, askpix: Askpix
) -> None:
    url, back = postgres.make(), tmp_path / "back"
    there = askpix("db", "copy", file.parent, url, "--json")
    again = askpix("db", "copy", url, back, "--json")
    (one,), (other,) = records(there), records(again)
    assert one == other
    assert one["rows"]["images"] == one["rows"]["words"] == 44
    assert "tags: " in there.stderr and "all equal" in there.stderr
    engines = [database.open_catalog(place) for place in (url, back / database.CATALOG)]
    for engine in engines:
        with database.writing(engine) as session:
            image = Image(hash="next", width=1, height=1, format="PNG")
            session.add(image)
            session.flush()
            assert image.id == 71, "an id is never given again"
        engine.dispose()
    assert not list(back.glob("*.part*"))
    for target in (url, back):
        refused = askpix("db", "copy", file.parent, target)
        assert refused.returncode == 2
        assert "name an" in refused.stderr


def test_of_a_copy_that_fails_nothing_is_kept(
    file: Path, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.make()

    def spoil(_before: Any, after: Any) -> None:
        after.execute(text("UPDATE captions SET text = 'x' WHERE image_id = 3"))

    monkeypatch.setattr(copying, "_count_on", spoil)
    for target in (url, tmp_path / "back" / database.CATALOG):
        with pytest.raises(AskpixError, match="the copy differs in row 3 of captions, so nothing was kept"):
            copy(file, target)
    assert list((tmp_path / "back").iterdir()) == []
    monkeypatch.undo()
    assert copy(file, url)["captions"] == 44
    with pytest.raises(AskpixError, match="there is no catalog at"):
        copy(tmp_path / "nothing.sqlite", url)


# A server that goes away


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server of one's own, to be stopped."""
    with serving() as server:
        yield server


def test_a_search_goes_on_when_the_server_is_back(
    own_server: Server, untouched_demo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "GRACE_S", 0.0)
    folder, url = shutil.copytree(untouched_demo_folder, tmp_path / "library"), own_server.make()
    copy(folder / database.CATALOG, url)
    with Library(settings=Settings(library=folder, catalog=url)) as library:
        before = [hit.photo.id for hit in library.search("a dog")]
        own_server.stop()
        own_server.start()
        assert [hit.photo.id for hit in library.search("a dog")] == before, "a restart is not noticed"
        own_server.stop()
        with pytest.raises(database.Away, match="the catalog's server") as away:
            library.search("a dog")
        assert "\n" not in str(away.value) and PASSWORD not in str(away.value)
        own_server.start()
        assert [hit.photo.id for hit in library.search("a dog")] == before


def test_what_can_be_done_twice_waits_for_the_server(
    own_server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(postgres, "GRACE_S", 0.0)
    monkeypatch.setattr(database, "_AGAIN_S", 0.01)
    engine = database.open_catalog(own_server.make())

    class Starting(logging.Handler):
        """Starts the server once it is said that it is waited for."""

        def emit(self, record: logging.LogRecord) -> None:
            if "waiting until it is back" in record.getMessage():
                own_server.start()

    @database.patiently
    def add() -> None:
        with database.writing(engine) as session:
            session.add(Image(hash="1", width=1, height=1, format="PNG"))

    own_server.stop()
    logger = logging.getLogger("askpix.catalog")
    logger.addHandler(starting := Starting())
    try:
        add()
    finally:
        logger.removeHandler(starting)
    with database.session(engine) as session:
        assert session.scalars(select(Image.hash)).all() == ["1"]
    assert "going on" in caplog.text
    assert inspect(engine).has_table("images")
    engine.dispose()
