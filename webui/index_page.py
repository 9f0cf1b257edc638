"""Indexing: choose folders, see a run live, stop it and go on, and read how runs went and what was refused."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from werkzeug import Response

from indexer.foretell import Foretold, foretell
from indexer.pipeline import IndexRun
from indexer.runs import DONE, RUNNING, RunStatus, latest_runs
from searcher import Library
from searcher.checkup import known_faults
from vlm.errors import AskpixError
from webui import folders, indexing
from webui.events import stream
from webui.formats import printable
from webui.guard import ADMIN, may, needs
from webui.indexing import Order
from webui.languages import NAMES
from webui.library import current_library
from webui.pace import pace
from webui.refused import refused, refused_files

blueprint = Blueprint("index", __name__)

_RUNS = 20  # shown
_EVERY_S = 1.0  # between two looks at the run at work
_COUNTED = {
    "seen": _("files seen"),
    "added": _("added"),
    "unchanged": _("unchanged"),
    "refused": _("refused"),
    "captioned": _("captions written"),
    "read": _("read for text"),
}
_WORDS = {
    "checking": _("checking"),
    "embeddings": _("embeddings"),
    "captions": _("captions"),
    "text": _("text"),
    "done": _("done"),
    "interrupted": _("interrupted"),
    "killed": _("killed"),
}


@blueprint.get("/index")
def show() -> str:
    """The run at work, or folders to choose from; the runs before, and the files that were refused."""
    return _page(current_library())


@blueprint.post("/index/estimate")
@needs(ADMIN)
def estimate() -> str:
    """The same page, with what a run would do and how long it should take; nothing is changed."""
    library = current_library()
    order = _chosen(library)
    with Library(settings=order.settings(library), encoder=library.encoder, captioner=library.captioner) as looked_at:
        run = IndexRun(looked_at, order.folders, captions=order.captions)
        return _page(library, foretell(run))


@blueprint.post("/index/start")
@needs(ADMIN)
def start() -> Response:
    """Start a run."""
    library = current_library()
    indexing.start(library, _chosen(library))
    return redirect(url_for(".show"), 303)


@blueprint.post("/index/stop")
@needs(ADMIN)
def stop() -> Response:
    """Have the run end after what it is at."""
    indexing.stop(current_library())
    return redirect(url_for(".show", stopping=1), 303)


@blueprint.get("/index/events")
def events() -> Response:
    """How far the run at work is, as the page shows it, again and again until it has ended."""
    return stream(_live(current_library()))


@blueprint.get("/index/refused")
def list_refused() -> str:
    """The files that were refused for a reason, page by page."""
    reason, page = request.args.get("reason", ""), max(1, request.args.get("page", 1, type=int))
    paths, more = refused_files(current_library(), reason, page)
    return render_template("refused.html", reason=reason, paths=paths, page=page, more=more)


def _chosen(library: Library) -> Order:
    order = _order(library)
    if not order.folders:
        raise AskpixError("no folder is chosen; add one to what is to be indexed first")
    return order


def _page(library: Library, foretold: Foretold | None = None) -> str:
    runs = latest_runs(library, _RUNS)
    live = runs[0] if runs and runs[0].outcome == RUNNING else None
    shown = {
        "refused": refused(library),
        "faults": known_faults(library.folder),
        "runs": runs[1:] if live else runs,
        "counted": _COUNTED,
        "words": _WORDS,
    }
    if live:
        stoppable = may(ADMIN) and indexing.stoppable(library)
        return render_template("index.html", live=live, pace=pace(live), stoppable=stoppable, **shown)
    choosing = _choosing(library, runs[0] if runs else None) if may(ADMIN) else {}
    return render_template("index.html", foretold=foretold, **choosing, **shown)


def _live(library: Library) -> Iterator[dict[str, str]]:
    while runs := latest_runs(library, 1):
        if runs[0].outcome != RUNNING:
            return
        shown = {"live": runs[0], "pace": pace(runs[0]), "counted": _COUNTED, "words": _WORDS}
        yield {"html": render_template("_live.html", **shown)}
        time.sleep(_EVERY_S)


def _choosing(library: Library, last: RunStatus | None) -> dict[str, Any]:
    """What was chosen so far, and the folder that is open to choose from."""
    order, said = _order(library), request.values
    typed = said.get("typed", "").strip()
    elsewhere = [typed] if "://" in typed else []  # which is not looked into, but added
    added = [*order.folders, *said.getlist("add"), *elsewhere]
    chosen = [folder for folder in dict.fromkeys(added) if folder != said.get("drop")]
    wanted, unreadable = said.get("at") or (not elsewhere and typed) or said.get("here"), ""
    try:
        opened = folders.look_into(Path(wanted) if wanted else folders.home(), library)
    except AskpixError as error:
        opened, unreadable = folders.look_into(folders.home(), library), str(error)
    unfinished = last is not None and last.outcome != DONE and last.roots == chosen
    return {
        "order": replace(order, folders=chosen),
        "opened": opened,
        "unreadable": unreadable,
        "places": folders.places(library),
        "unfinished": last if unfinished else None,
        "written_in": NAMES | {order.language: NAMES.get(order.language, order.language)},
    }


def _order(library: Library) -> Order:
    """What the form says, or what was indexed last, until it is used."""
    said = request.values
    if "here" in said:
        language = said.get("language") or library.settings.caption_language
        return Order(said.getlist("folder"), "captions" in said, "text" in said, language)
    ordered, runs = indexing.last_order(library), latest_runs(library, 1)
    if ordered and runs and ordered.folders == runs[0].roots:
        return ordered
    settings = library.settings
    roots = [root for root in runs[0].roots if printable(root) == root] if runs else []
    return Order(roots, bool(runs[0].captioner) if runs else True, settings.text, settings.caption_language)
