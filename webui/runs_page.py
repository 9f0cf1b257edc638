"""Indexing runs as data; people see them on the page where they are started."""

from flask import Blueprint, jsonify, redirect, url_for
from werkzeug import Response

from indexer.runs import latest_runs
from webui.library import current_library
from webui.pace import pace

blueprint = Blueprint("runs", __name__)

SHOWN = 20


@blueprint.get("/runs")
def show() -> Response:
    """Leads to the page of indexing."""
    return redirect(url_for("index.show"))


@blueprint.get("/runs.json")
def as_json() -> Response:
    """The latest runs, the latest first, with the rate and the seconds left of the one at work."""
    runs = latest_runs(current_library(), SHOWN)
    return jsonify(runs=[{**run.as_json(), **vars(pace(run))} for run in runs])
