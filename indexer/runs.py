"""How indexing runs went, and how far the one at work is, as the catalog records them."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from indexer.progress import COUNTS
from indexer.working import alive, indexing, shared
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
    if not any(run.outcome is None for run in runs):
        at_work: Container[int] = ()
    elif shared(library.engine):
        at_work = alive(library.engine)
    else:
        at_work = {runs[0].id} if indexing(library) else ()
    return [_status(run, at_work) for run in runs]


def _status(run: Run, at_work: Container[int]) -> RunStatus:
    outcome = run.outcome or (DONE if run.finished_at else RUNNING if run.id in at_work else KILLED)
    return RunStatus(
        id=run.id,
        outcome=outcome,
        phase=run.phase,
        done=run.done,
        total=run.total,
        started_at=run.started_at,
        updated_at=max(run.started_at, run.finished_at or run.updated_at),
        roots=run.roots,
        model=run.model,
        captioner=run.captioner,
        counts={name: getattr(run, name) for name in COUNTS},
        stages=run.stages,
        reasons=run.reasons,
    )
