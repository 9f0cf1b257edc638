"""`askpix runs`: how runs went, and how far the one at work is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer.pipeline import IndexRun
from indexer.runs import latest_runs
from indexer.working import indexing
from searcher import Library, database
from searcher.catalog import Run
from support import Askpix, records

Index = Callable[..., Any]


@pytest.fixture
def folder(pictures: Callable[..., list[Path]], tmp_path: Path) -> Path:
    """Six pictures and a bad one."""
    made = tmp_path / "photos"
    pictures(made, 6)
    (made / "bad.jpg").write_bytes(b"not a picture")
    return made


def outcomes(library: Library) -> list[str]:
    """How the runs went, the latest first."""
    return [run.outcome for run in latest_runs(library, 10)]


def test_a_run_at_work_and_done(
    library: Library, folder: Path, askpix: Askpix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.pipeline._RECORD_S", 0)  # how far it is, is told at every step
    run = IndexRun(library, [folder])
    phases = []
    for _ in run:
        (status,) = latest_runs(library, 10)
        assert status.outcome == "running"
        assert indexing(library)
        phases.append((status.phase, status.done, status.total))
    assert ("embeddings", 7, 7) in phases
    assert ("captions", 6, 6) in phases
    (status,) = latest_runs(library, 10)
    assert status.outcome == "done"
    assert not indexing(library)
    assert status.counts == {"seen": 7, "added": 6, "unchanged": 0, "refused": 1, "captioned": 6, "read": 0}
    assert status.reasons == {"not a picture in a format that can be read": 1}
    assert status.seconds > 0
    assert status.stages["encode"] > 0
    assert (status.model, status.captioner) == (library.encoder.name, library.captions_by)
    (line,) = records(askpix("runs", "--library", library.folder, "--json"))
    assert line["outcome"] == "done"
    assert line["roots"] == [str(folder)]
    assert line["counts"]["captioned"] == 6
    shown = askpix("runs", "--library", library.folder)
    assert " done: 7 seen, 6 added, 1 refused, 6 captioned in " in shown.stdout


def test_interrupted_then_done(library: Library, folder: Path, index: Index) -> None:
    going = iter(IndexRun(library, [folder]))
    next(going)
    going.close()
    assert outcomes(library) == ["interrupted"]
    index(library, folder)
    index(library, folder)
    assert outcomes(library) == ["done", "done", "interrupted"]
    assert [run.counts["added"] for run in latest_runs(library, 2)] == [0, 6]


def test_failed_with_its_reason(library: Library, folder: Path) -> None:
    library.vectors.folder.mkdir(parents=True)
    (library.vectors.folder / "000000.segment").symlink_to("/dev/full")
    with pytest.raises(Exception, match="No space left on device"):
        list(IndexRun(library, [folder]))
    assert outcomes(library) == ["failed: [Errno 28] No space left on device"]


def test_killed(library: Library, folder: Path, askpix: Askpix) -> None:
    """A run without an outcome when none is at work, or a later one is."""
    with database.writing(library.engine) as session:
        session.add(Run(roots=[str(folder)], model="builtin", phase="captions", done=3, total=6, seen=6))
    assert outcomes(library) == ["killed"]
    going = iter(IndexRun(library, [folder]))
    next(going)
    assert outcomes(library) == ["running", "killed"]
    shown = askpix("runs", "--library", library.folder)
    going.close()
    first, second = shown.stdout.splitlines()
    assert " running, " in first
    assert " killed: 6 seen in " in second


def test_as_many_as_wanted(library: Library, folder: Path, index: Index, askpix: Askpix) -> None:
    for _ in range(3):
        index(library, folder, captions=False)
    assert [run["id"] for run in records(askpix("runs", "--library", library.folder, "-n", 2, "--json"))] == [3, 2]
    assert askpix("runs", "--library", library.folder.parent / "none").returncode == 2
