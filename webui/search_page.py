"""The search page."""

import re
import shlex

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from werkzeug import Response
from werkzeug.exceptions import RequestEntityTooLarge

from searcher import changes
from searcher.albums import albums
from searcher.facets import Facet, facets
from vlm.errors import AskpixError
from webui.chips import Chip, changed_query, chips, marked
from webui.formats import quoted
from webui.found import PAGE, look
from webui.guard import EDITOR, VIEWER, may, needs
from webui.library import current_library
from webui.sought_pictures import MOST_BYTES, keep
from webui.suggestions import keep_typed, mark_typed
from webui.tries import tries
from webui.view import ARRANGED, View

blueprint = Blueprint("search", __name__)

_TITLES = {
    "tag": lazy_gettext("Tags"),
    "year": lazy_gettext("Years"),
    "camera": lazy_gettext("Cameras"),
    "place": lazy_gettext("Places"),
    "type": lazy_gettext("Kinds"),
    "rating": lazy_gettext("Ratings"),
}


@blueprint.get("/")
def search() -> ResponseReturnValue:
    """The search page; without a query, all photos, the newest first."""
    library, view = current_library(), View.of_request()
    if terms := _terms_beside():
        for term in terms:
            view = view.with_term(term)
        return redirect(url_for(".search", **view.link()))
    if "was" in request.args:
        return _sent(view, request.args["was"])
    found, parts = look(library, view), chips(library, view)
    shown = render_template(
        "search.html",
        view=view,
        chips=parts,
        marked=marked(parts),
        arranged=ARRANGED,
        found=found,
        facets=_facets(view) if "facets" in request.args else None,
        facet_titles=_TITLES,
        chosen=_chosen(parts),
        before=(view.page - 1) * PAGE,
        total=found.total if view.searching else library.count_images(),
        tries=[] if found.shown else tries(library, view, parts),
        query="" if view.picture else changed_query(library, view),
        selecting="select" in request.args,
        albums=[album.name for album in albums(library) if album.query is None] if may(EDITOR) else [],
        done=changes.find(library, request.args["did"]) if "did" in request.args else None,
    )
    response = make_response(shown)
    keep_typed(response, library, view.q, found=bool(found.shown))
    return response


@blueprint.get("/facets")
def narrow() -> str:
    """What the photos of a view have in common, to narrow it down by."""
    view = View.of_request()
    parts = chips(current_library(), view)
    return render_template("facets.html", view=view, facets=_facets(view), facet_titles=_TITLES, chosen=_chosen(parts))


@blueprint.post("/picture")
@needs(VIEWER)
def bring() -> Response:
    """A picture that is to be searched by: it is kept, and the answer leads to the search."""
    request.max_content_length = MOST_BYTES
    try:
        brought = request.files.get("picture")
    except RequestEntityTooLarge as error:
        raise AskpixError(
            f"the picture is larger than {MOST_BYTES // 1_000_000} MB; bring a smaller copy of it"
        ) from error
    if brought is None or not brought.filename:
        raise AskpixError("no picture came along; choose a file to search by")
    return redirect(url_for(".search", picture=keep(current_library(), brought)), 303)


def _sent(view: View, was: str) -> Response:
    """Lead from a query that was typed where there was another to what it finds, changed as that was."""
    try:
        view = view.after(was)
    except AskpixError:  # that was no query, or this is none, which its own page says
        view = View(q=view.q, picture=view.picture, by=view.by)
    response = redirect(url_for(".search", **view.link()))
    mark_typed(response, view.q)
    return response


def _facets(view: View) -> dict[str, list[Facet]]:
    return facets(current_library(), view.plan if view.plan.on else None)


def _chosen(parts: list[Chip]) -> dict[str, Chip]:
    """The filters of a plan as they were typed."""
    return {chip.part.said: chip for chip in parts if chip.part.kind == "where"}


def _terms_beside() -> list[str]:
    """Terms that older addresses have beside the query, and not in it."""
    where = request.args.get("where", "")
    try:
        terms = shlex.split(where)
    except ValueError:
        terms = [where]
    like = request.args.get("like", type=int)
    renamed = [quoted(re.sub("^(-?)taken:", r"\1date:", term)) for term in terms]
    return renamed if like is None else [*renamed, f"like:{like}"]
