"""Several runs at once on one library, whose catalog PostgreSQL keeps: none does what another is doing."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select, text

from indexer import claims
from indexer.pipeline import IndexRun
from indexer.prune import prune
from indexer.runs import latest_runs
from indexer.working import Busy, Presence, alive, alone
from postgres import Server, serving
from searcher import Library, database, postgres
from searcher.catalog import Caption, Claim, Embedding, File, Image, Run, VectorRows, now
from searcher.settings import Settings
from vlm.errors import AskpixError

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def shared(tmp_path: Path, postgres_url: str, model: Any) -> Iterator[Library]:
    """An empty library in PostgreSQL."""
    settings = Settings(library=tmp_path / "library", catalog=postgres_url)
    with Library(settings=settings, create=True, encoder=model) as made:
        yield made


@pytest.fixture
def start(shared: Library, postgres_url: str) -> Iterator[Start]:
    """Start `askpix index` as a process of its own."""
    started = []
    environment = {**os.environ, "ASKPIX_CATALOG": postgres_url, "ASKPIX_THREADS": "1"}

    def run(*paths: Path, **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "askpix", "index", *map(str, paths), "--library", str(shared.folder), "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, env=environment, **pipes, **more))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a run that is waited for says that it did."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    summary: dict[str, Any] = json.loads(out.splitlines()[-1])
    return summary


def everything(library: Library) -> list[tuple[Any, ...]]:
    """What is known of each file: its content, its caption, and its embedding, whichever number these have."""
    has = select(File.name, Image.hash, Caption.text, Image.id).join(Image, File.image_id == Image.id)
    with database.session(library.engine) as session:
        rows = session.execute(has.join(Caption, Caption.image_id == Image.id).order_by(File.folder, File.name)).all()
    vectors = library.vectors.get(np.array([row.id for row in rows]), library.count_vectors())
    return [(row.name, row.hash, row.text, vector.tobytes()) for row, vector in zip(rows, vectors, strict=True)]


def test_three_at_once_do_everything_exactly_once(
    shared: Library, start: Start, pictures: Any, index: Any, tmp_path: Path, model: Any
) -> None:
    made = pictures(tmp_path / "photos", 150)
    twins = tmp_path / "photos" / "twins"
    twins.mkdir()
    for path in made[::5]:
        shutil.copy(path, twins)
    with shared.engine.begin() as holding, shared.engine.connect() as looking:
        holding.execute(text("LOCK TABLE runs"))  # until each is there and wants to begin
        runs = [start(tmp_path / "photos") for _ in range(3)]
        while looking.scalar(text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")) < len(runs):
            assert all(run.poll() is None for run in runs)
    summaries = [told(run) for run in runs]
    assert sum(summary["added"] for summary in summaries) == 180
    assert sum(summary["captioned"] for summary in summaries) == 150
    assert sum(summary["added"] > 0 for summary in summaries) > 1, "they shared the work"
    assert len(shared.vectors) == shared.count_vectors() == shared.count_images() == 150
    with database.session(shared.engine) as session:
        assert session.scalar(select(func.count()).select_from(Claim)) == 0
        assert session.scalar(select(VectorRows.count)) == session.scalar(select(func.count(Embedding.position))) == 150
        assert session.scalar(select(func.count()).select_from(Caption)) == 150
    assert [run.outcome for run in latest_runs(shared, 9)] == ["done"] * 3
    with Library(tmp_path / "single", create=True, encoder=model) as single:
        index(single, tmp_path / "photos")
        assert everything(shared) == everything(single)


def test_what_a_killed_run_was_at_is_done_by_another(
    shared: Library, start: Start, pictures: Any, index: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "photos", 60)
    killed = start(tmp_path / "photos")
    while not claimed(shared):
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    monkeypatch.setattr(claims, "SILENT_S", 0.0)
    while alive(shared.engine):
        time.sleep(0.01)  # until the server has noticed
    assert latest_runs(shared, 1)[0].outcome == "killed"
    index(shared, tmp_path / "photos")
    assert len(everything(shared)) == shared.count_vectors() == 60
    assert claimed(shared) == 0


def claimed(library: Library) -> int:
    with database.session(library.engine) as session:
        return session.scalar(select(func.count()).select_from(Claim)) or 0


def test_a_claim_is_of_one_run_until_it_is_given_back_or_the_run_has_ended(shared: Library) -> None:
    with database.writing(shared.engine) as session:
        session.add_all(Run(id=i, roots=[], model="another") for i in (1, 2))
    one, other = (claims.Claims(shared.engine, i) for i in (1, 2))
    assert set(one.take("captions", ["a", "b"])) == {"a", "b"}
    assert set(one.take("captions", ["b"])) == {"b"}, "its own"
    assert set(other.take("captions", ["a", "b", "c"])) == {"c"}
    assert set(other.take("text", ["a"])) == {"a"}, "other work"
    with database.writing(shared.engine) as session:
        one.give_back(session, "captions", ["a"])
    assert set(other.take("captions", ["a", "b"])) == {"a"}
    assert other.others("captions") == 1, "a run that was heard of just now is not taken to be gone"
    with database.writing(shared.engine) as session:
        session.get_one(Run, 1).finished_at = now()
    assert other.others("captions") == 0
    assert set(other.take("captions", ["b"])) == {"b"}


def test_none_begins_while_photos_are_forgotten_and_none_are_forgotten_meanwhile(
    shared: Library, pictures: Any, index: Any, tmp_path: Path
) -> None:
    photos = pictures(tmp_path / "photos", 1)
    with alone(shared, "busy"), pytest.raises(Busy, match="photos are being forgotten"):
        Presence(shared.engine)
    presence = Presence(shared.engine)
    with pytest.raises(AskpixError, match="a run is indexing"):
        prune(shared)
    presence.close()
    index(shared, *photos)
    assert prune(shared).images == 0


class Restarting(logging.Handler):
    """Starts a server again once it is said that it is waited for."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.waited = 0

    def emit(self, record: logging.LogRecord) -> None:
        if "waiting until it is back" in record.getMessage():
            self.waited += 1
            self.server.start()


def test_a_run_goes_on_when_the_server_is_back_and_nothing_is_lost(
    pictures: Any, tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "GRACE_S", 0.0)
    monkeypatch.setattr(database, "_AGAIN_S", 0.01)
    pictures(tmp_path / "photos", 80)
    logger = logging.getLogger("askpix.catalog")
    with serving() as server:
        logger.addHandler(restarting := Restarting(server))
        settings = Settings(library=tmp_path / "library", catalog=server.make())
        with Library(settings=settings, create=True, encoder=model) as library:
            run = IndexRun(library, [tmp_path / "photos"])
            stops = 0
            for done in run:
                # While contents are encoded, and while captions are written.
                if done and stops < 2 and run.progress.phase == ("embeddings", "captions")[stops]:
                    server.stop()
                    stops += 1
            logger.removeHandler(restarting)
            assert (stops, restarting.waited) == (2, 2)
            assert (run.summary.added, run.summary.captioned, run.summary.refused) == (80, 80, 0)
            assert len(everything(library)) == library.count_vectors() == len(library.vectors) == 80
            assert latest_runs(library, 1)[0].outcome == "done"
            assert claimed(library) == 0
