"""How indexing runs went, how far the one at work is, and which files were refused: a page, and JSON for machines."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, current_app, jsonify, render_template
from werkzeug import Response

from indexer.runs import RUNNING, RunStatus, latest_runs
from webui.library import current_library
from webui.refused import refused

blueprint = Blueprint("runs", __name__)

SHOWN = 20
_COUNTS = {
    "seen": "files seen",
    "added": "added",
    "unchanged": "unchanged",
    "refused": "refused",
    "captioned": "captions written",
    "read": "read for text",
}


@dataclass(frozen=True)
class Pace:
    """How fast a run is: files or images a second, and the seconds that its phase still takes; None while unknown."""

    rate: float | None = None
    left: float | None = None


@blueprint.get("/runs")
def show() -> str:
    """The latest runs, the latest first, and the files that were refused."""
    library = current_library()
    runs = latest_runs(library, SHOWN)
    live = next((run for run in runs if run.outcome == RUNNING), None)
    return render_template(
        "runs.html",
        live=live,
        told_counts=_COUNTS,
        pace=_pace(live) if live else Pace(),
        runs=[run for run in runs if run is not live],
        refused=refused(library),
    )


@blueprint.get("/runs.json")
def as_json() -> Response:
    """The same runs as data, with the rate and the seconds left of the one at work."""
    runs = latest_runs(current_library(), SHOWN)
    return jsonify(runs=[{**run.as_json(), **vars(_pace(run))} for run in runs])


def _pace(run: RunStatus) -> Pace:
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
