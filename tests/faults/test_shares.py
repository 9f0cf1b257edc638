"""A small share of each of the long runs in this folder, which are commands: see their own words."""

import subprocess
import sys
from pathlib import Path

import pytest

from faults import damage, kill
from faults.together import together
from postgres import Server
from searcher import segments

HERE = Path(__file__).parent.parent.parent


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill, "PICTURES", 36)  # still more than a batch


@pytest.mark.usefixtures("few")
def test_runs_that_are_killed_at_any_instant(tmp_path: Path) -> None:
    *_, counts = kill.kills(2, 3, lambda: None, tmp_path)
    assert counts.wrong == []
    assert sum(counts.killed.values()) == 2


@pytest.mark.usefixtures("few")
def test_a_run_that_is_killed_while_postgresql_keeps_the_catalog(
    tmp_path: Path, postgres_template: str, postgres: Server
) -> None:
    *_, counts = kill.kills(1, 2, lambda: postgres.make(template=postgres_template), tmp_path)
    assert counts.wrong == []


def test_damage_is_noticed_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_ROWS", damage.ROWS)
    monkeypatch.setattr(damage, "PICTURES", 36)
    kinds = damage.garbage_page, damage.flipped_bit, damage.cut_segment, damage.flipped_index
    *_, counts = damage.damages(len(kinds), 4, tmp_path, kinds)
    assert counts.wrong == []
    assert counts.harmless.total() < len(kinds)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.full", "--times", "1", "--seed", "1"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 libraries whole in the end" in done.stdout


def test_many_at_work_on_one_library(tmp_path: Path) -> None:
    going = together(tmp_path, 8, 1)
    assert going.wrong == []
    assert going.done["askpix index"] >= 2
