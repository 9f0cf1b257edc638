"""A run that is killed loses nothing, and the next one ends as if nothing had happened."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageOps
from sqlalchemy import column, select, table

from indexer.runs import latest_runs
from searcher import Library, database
from searcher.catalog import Caption, Details, Embedding, File, Image, Keyword, Reading, Tag
from searcher.wanted import COLUMNS
from support import HEED_CTRL_C

COUNT = 110


@pytest.fixture(scope="module")
def folder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Different pictures enough for several commits, made from the demo photographs, and two bad files."""
    folder = tmp_path_factory.mktemp("many")
    sources = sorted(photos.rglob("*.jpg"))
    for i in range(COUNT):
        with Pillow.open(sources[i % len(sources)]) as opened:
            opened.draft("RGB", (400, 400))
            small = ImageOps.fit(opened.convert("RGB"), (320 + i, 300))
            small.save(folder / f"{i:03d}.jpg")
    (folder / "050-bad.jpg").write_bytes(b"not a picture")
    (folder / "080-bad.jpg").write_bytes((folder / "000.jpg").read_bytes()[:2000])
    return folder


def start(folder: Path, library: Path) -> subprocess.Popen[bytes]:
    command = [*HEED_CTRL_C, sys.executable, "-m", "askpix", "index", str(folder), "--library", str(library), "--json"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def contents(folder: Path) -> tuple[object, ...]:
    """Everything in a library that does not tell the time."""
    with Library(folder) as library, database.session(library.engine) as session:
        tables = (
            select(Image.id, Image.hash, Image.width, Image.height, Image.format),
            select(Image.id, Image.likeness, Image.duplicate_of),
            select(File.folder, File.name, File.size, File.image_id, File.reason, File.missing_since),
            select(*Details.__table__.columns),
            select(*Keyword.__table__.columns),
            select(Embedding.image_id, Embedding.model, Embedding.position, Embedding.compared),
            select(Caption.image_id, Caption.model, Caption.text, Caption.confidence),
            select(Tag.image_id, Tag.model, Tag.name, Tag.score),
            select(Reading.image_id, Reading.model, Reading.text, Reading.lines),
            select(column("rowid"), *map(column, COLUMNS)).select_from(table("words")),
        )
        rows = [sorted(map(tuple, session.execute(table)), key=repr) for table in tables]
        segments = [path.read_bytes() for path in sorted(library.vectors.folder.glob("*.segment"))]
    return (*rows, segments)


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    library = tmp_path_factory.mktemp("undisturbed")
    assert start(folder, library).wait(timeout=120) == 3
    return contents(library)


@pytest.mark.parametrize("killed_after", [1, 33, 64])
def test_sigkill_then_one_more_run(
    folder: Path, undisturbed: tuple[object, ...], tmp_path: Path, killed_after: int
) -> None:
    run = start(folder, tmp_path)
    while written(tmp_path) < killed_after:
        assert run.poll() is None, "the run ended before it could be killed"
        time.sleep(0.001)
    run.send_signal(signal.SIGKILL)
    run.wait(timeout=60)
    assert 0 < written(tmp_path) < COUNT
    assert start(folder, tmp_path).wait(timeout=120) == 3
    assert contents(tmp_path) == undisturbed


def test_sigkill_among_the_captions_then_one_more_run(
    folder: Path, undisturbed: tuple[object, ...], tmp_path: Path
) -> None:
    run = start(folder, tmp_path)
    while captioned(tmp_path) < 1:
        assert run.poll() is None, "the run ended before it could be killed"
        time.sleep(0.001)
    run.send_signal(signal.SIGKILL)
    run.wait(timeout=60)
    assert (written(tmp_path), captioned(tmp_path) < COUNT) == (COUNT, True)
    with Library(tmp_path) as library:
        assert [run.outcome for run in latest_runs(library, 2)] == ["killed"]
    assert start(folder, tmp_path).wait(timeout=120) == 3
    assert contents(tmp_path) == undisturbed


def test_rows_that_were_never_committed_are_dropped(
    folder: Path, undisturbed: tuple[object, ...], tmp_path: Path
) -> None:
    """What a kill between the write of the vectors and the commit leaves, a torn last row included."""
    run = start(folder, tmp_path)
    while written(tmp_path) < 1:
        time.sleep(0.001)
    run.send_signal(signal.SIGKILL)
    run.wait(timeout=60)
    with next(tmp_path.glob("vectors/*/*.segment")).open("ab") as segment:
        segment.write(b"\x07" * 5000)
    assert start(folder, tmp_path).wait(timeout=120) == 3
    assert contents(tmp_path) == undisturbed


def test_ctrl_c_ends_with_130(folder: Path, tmp_path: Path) -> None:
    run = start(folder, tmp_path)
    while written(tmp_path) < 1:
        time.sleep(0.001)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 130


def captioned(library: Path) -> int:
    """Captions that were committed."""
    try:
        with closing(sqlite3.connect(f"file:{library / 'catalog.sqlite'}?mode=ro", uri=True)) as catalog:
            return int(catalog.execute("SELECT count(*) FROM captions").fetchone()[0])
    except sqlite3.OperationalError:  # there is no catalog yet, or it is being made
        return 0


def written(library: Path) -> int:
    """Rows in the segments, committed or not."""
    about = next(library.glob("vectors/*/model.json"), None)
    if about is None:
        return 0
    dim = json.loads(about.read_text())["dim"]
    return sum(path.stat().st_size for path in library.glob("vectors/*/*.segment")) // (8 + 2 * dim)
