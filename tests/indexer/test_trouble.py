"""A disk that is full or gone, a locked catalog, files that cannot be read just now: told in a line, nothing lost."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

import askpix as front_door
from indexer.pipeline import IndexRun
from indexer.runs import latest_runs
from searcher import Library, database, sqlite
from searcher.catalog import Caption, Embedding, File
from support import Askpix, records
from vlm.errors import AskpixError

Index = Callable[..., Any]
Pictures = Callable[..., list[Path]]


@pytest.fixture
def folder(pictures: Pictures, tmp_path: Path) -> Path:
    """Four pictures in a folder and two below it."""
    made = tmp_path / "photos"
    pictures(made, 4)
    pictures(made / "sub", 2, 4)
    return made


def missing(library: Library) -> set[str]:
    """The files that are marked as gone."""
    with database.session(library.engine) as session:
        return set(session.scalars(select(File.name).where(File.missing_since.is_not(None))))


def count(library: Library, table: type[Any]) -> int:
    with database.session(library.engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@contextmanager
def held(library: Library) -> Iterator[None]:
    """Another program writes to the catalog and does not end; nobody waits long for it."""
    hurried(library, "PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(library.folder / "catalog.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def hurried(library: Library, pragma: str) -> None:
    """Have each connection to the catalog begin with a pragma."""
    event.listen(library.engine, "connect", lambda connection, _: connection.execute(pragma))
    library.engine.dispose()


# The disk


def test_a_full_disk_while_vectors_are_written(askpix: Askpix, library: Library, folder: Path, tmp_path: Path) -> None:
    library.vectors.folder.mkdir(parents=True)
    segment = library.vectors.folder / "000000.segment"
    segment.symlink_to("/dev/full")
    failed = askpix("index", folder, "--library", library.folder, "--json")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.splitlines()[-1] == (
        f"askpix: {library.folder} cannot be written (No space left on device); "
        "mend that and run it again, nothing committed is lost"
    )
    assert "Traceback" not in failed.stderr
    assert count(library, Embedding) == count(library, File) == 0
    segment.unlink()
    (done,) = records(askpix("index", folder, "--library", library.folder, "--json"))
    assert (done["added"], done["captioned"]) == (6, 6)


def test_a_full_disk_while_the_catalog_is_written(
    library: Library, folder: Path, tmp_path: Path, pictures: Pictures, index: Index
) -> None:
    index(library, folder)
    pictures(folder, 60, 10)
    with database.session(library.engine) as session:
        pages = session.scalar(text("PRAGMA page_count")) or 0
    with Library(library.folder, encoder=library.encoder) as small:
        hurried(small, f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(AskpixError, match=r"^the disk with the library is full; make room there and run it again"):
            index(small, folder)
        committed = count(small, Embedding)
        assert 6 < committed < 66
        assert len(small.search("an animal", k=100, min_confidence=0)) == committed
        assert all(library.photo(i) is not None for i in range(1, 7))
    done = index(library, folder)
    assert done.added == 66 - committed
    assert count(library, Embedding) == count(library, Caption) == len(library.vectors) == 66


# The catalog


def test_a_catalog_that_another_program_holds(library: Library, folder: Path, index: Index) -> None:
    with held(library), pytest.raises(AskpixError, match=r"^another program has held the catalog for half a minute"):
        index(library, folder)
    assert index(library, folder).added == 6


def test_a_catalog_that_comes_to_be_held(library: Library, folder: Path, pictures: Pictures, index: Index) -> None:
    pictures(folder, 40, 10)
    going = iter(IndexRun(library, [folder]))
    while count(library, Embedding) == 0:
        next(going)
    committed = count(library, Embedding)
    with held(library), pytest.raises(AskpixError, match="another program has held the catalog"):
        list(going)
    assert count(library, Embedding) == committed < 46
    assert [run.outcome for run in latest_runs(library, 1)] == ["killed"]  # how it ended could not be written either
    done = index(library, folder)
    assert (done.added, done.captioned) == (46 - committed, 46)
    assert count(library, Embedding) == len(library.vectors) == 46


def test_the_command_says_so_in_one_line(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up = sqlite._set_up

    def hurry(connection: Any, record: Any) -> None:
        set_up(connection, record)
        connection.execute("PRAGMA busy_timeout = 50")

    monkeypatch.setattr(sqlite, "_set_up", hurry)
    monkeypatch.setattr(sys, "argv", ["askpix", "index", str(folder), "--library", str(library.folder), "--json"])
    with held(library), pytest.raises(SystemExit) as ended:
        front_door.main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("askpix: another program has held the catalog for half a minute; ")


# Files and folders


def test_a_file_without_permission_is_tried_again(askpix: Askpix, library: Library, folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"not a picture")
    (folder / "000.jpg").chmod(0)
    # Root may read anything, unless it gives that right up.
    humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    index = partial(askpix, "index", folder, "--library", library.folder, before=humble)
    for _ in range(2):
        refused = index()
        assert refused.returncode == 3
        assert f"refused {folder / '000.jpg'}: cannot be opened: Permission denied" in refused.stderr
        assert "1 x cannot be opened: Permission denied" in refused.stderr.splitlines()
        assert "1 x not a picture in a format that can be read" in refused.stderr.splitlines()
    assert f"refused {folder / 'bad.jpg'}" not in refused.stderr  # it was not tried again
    (folder / "000.jpg").chmod(0o644)  # which leaves its size and its times as they were
    (done,) = records(index("--json"))
    assert (done["added"], done["unchanged"], done["refused"], done["captioned"]) == (1, 5, 1, 1)


def test_a_link_that_leads_nowhere_is_tried_again(library: Library, folder: Path, tmp_path: Path, index: Index) -> None:
    (folder / "000.jpg").rename(tmp_path / "away.jpg")
    (folder / "000.jpg").symlink_to(tmp_path / "later.jpg")
    for _ in range(2):
        done = index(library, folder)
        assert (done.refused, done.reasons) == (1, {"cannot be opened: No such file or directory": 1})
    (tmp_path / "away.jpg").rename(tmp_path / "later.jpg")
    done = index(library, folder)
    assert (done.added, done.unchanged, done.refused) == (1, 5, 0)
    assert missing(library) == set()


def test_a_root_that_is_gone_marks_nothing(
    library: Library, folder: Path, tmp_path: Path, index: Index, askpix: Askpix
) -> None:
    index(library, folder)
    run = IndexRun(library, [folder])
    folder.rename(tmp_path / "unmounted")
    told = askpix("index", folder, "--library", library.folder)
    assert told.returncode == 2
    assert told.stderr == f"askpix: there is nothing at {folder}; name a folder or a picture that exists\n"
    for _ in run:  # which it was when this one began
        pass
    assert run.summary.reasons == {"cannot be opened: No such file or directory": 1}
    (tmp_path / "unmounted").rename(folder)
    assert missing(library) == set()
    assert index(library, folder).unchanged == 6
    assert library.count_images() == 6


def test_an_empty_root_beside_another_marks_nothing(
    library: Library, folder: Path, tmp_path: Path, pictures: Pictures, index: Index
) -> None:
    pictures(tmp_path / "others", 2, 20)
    index(library, folder, tmp_path / "others")
    shutil.move(folder, tmp_path / "unmounted")
    folder.mkdir()
    done = index(library, folder, tmp_path / "others")
    assert (done.seen, done.unchanged) == (2, 2)
    assert missing(library) == set()
