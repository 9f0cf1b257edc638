"""How indexing runs went, and how far the one at work is, as the catalog records them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import select

from indexer.pipeline import LOCK
from indexer.progress import COUNTS
from searcher import Library, database
from searcher.catalog import Run

RUNNING, DONE, KILLED = "running", "done", "killed"


@dataclass(frozen=True)
class RunStatus:
    """One run; `outcome` is running, done, interrupted, killed or failed with the reason, times are in UTC."""

    id: int
    outcome: str
    phase: str
    done: int
    total: int
    started_at: datetime
    updated_at: datetime
    roots: list[str]
    model: str
    captioner: str | None
    counts: dict[str, int]
    stages: dict[str, float]
    reasons: dict[str, int]

    @property
    def seconds(self) -> float:
        """How long it has been at work, or was."""
        return max(0.0, (self.updated_at - self.started_at).total_seconds())

    def as_json(self) -> dict[str, Any]:
        """The run as the command line and the page's JSON tell it."""
        times = {"started_at": self.started_at.isoformat(), "updated_at": self.updated_at.isoformat()}
        return {**vars(self), **times, "seconds": round(self.seconds, 3)}

    def __str__(self) -> str:
        where = f", {self.phase} {self.done:,} of {self.total:,}" if self.outcome == RUNNING else ""
        counted = ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count)
        return (
            f"{self.started_at:%Y-%m-%d %H:%M} UTC, {self.seconds:.0f} s, {self.outcome}{where}: "
            f"{counted or 'nothing to do'} in {', '.join(self.roots)}"
        )


def latest_runs(library: Library, count: int) -> list[RunStatus]:
    """The last runs, the latest first."""
    with database.session(library.engine) as session:
        runs = session.scalars(select(Run).order_by(Run.id.desc()).limit(count)).all()
    return [_status(library, run, newest=row == 0) for row, run in enumerate(runs)]


def _status(library: Library, run: Run, newest: bool) -> RunStatus:
    outcome = run.outcome or (DONE if run.finished_at else RUNNING if newest and indexing(library) else KILLED)
    return RunStatus(
        id=run.id,
        outcome=outcome,
        phase=run.phase,
        done=run.done,
        total=run.total,
        started_at=_utc(run.started_at),
        updated_at=max(_utc(run.started_at), _utc(run.finished_at or run.updated_at)),
        roots=run.roots,
        model=run.model,
        captioner=run.captioner,
        counts={name: getattr(run, name) for name in COUNTS},
        stages=run.stages,
        reasons=run.reasons,
    )


def indexing(library: Library) -> bool:
    """Whether a run is at work on the library now."""
    try:
        with FileLock(library.folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # SQLite keeps no zones
