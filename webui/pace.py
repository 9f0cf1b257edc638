"""How fast the indexing run at work is."""

from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from indexer.runs import RUNNING, RunStatus


@dataclass(frozen=True)
class Pace:
    """Files or images a second, and the seconds that its phase still takes; None while unknown."""

    rate: float | None = None
    left: float | None = None


def pace(run: RunStatus) -> Pace:
    """Reckoned from how far this phase was when it was first looked at."""
    if run.outcome != RUNNING:
        return Pace()
    seen: dict[tuple[int, str], tuple[int, datetime]] = current_app.extensions.setdefault("phases_seen", {})
    done, since = seen.setdefault((run.id, run.phase), (run.done, run.updated_at))
    seconds = (run.updated_at - since).total_seconds()
    if run.done <= done or not seconds:
        return Pace()
    rate = (run.done - done) / seconds
    return Pace(round(rate, 2), round((run.total - run.done) / rate, 1) if run.total else None)
