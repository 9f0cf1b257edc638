"""Suggestions for the search box, and past searches: those are kept that were typed and found something."""

import hashlib
from contextlib import suppress

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from werkzeug import Response

from searcher import Library
from searcher.library import LONGEST_QUERY
from searcher.suggestions import forget, past_searches, remember, suggest
from vlm.errors import AskpixError
from webui.languages import gettext as _
from webui.library import current_library

blueprint = Blueprint("suggestions", __name__)

_TYPED = "typed"  # the cookie that leads from a query that was sent to what it finds


@blueprint.get("/suggest")
def show() -> Response:
    """What the query `q` may become, as JSON: a list of objects with query, kind, value and about."""
    begun = request.args.get("q", "")[:LONGEST_QUERY]
    kinds = {"past": _("searched before"), "word": "", "field": ""}
    found = [
        {"query": one.query, "kind": one.kind, "value": one.value, "about": one.about or kinds.get(one.kind, one.kind)}
        for one in suggest(current_library(), begun)
    ]
    return jsonify(found)


@blueprint.get("/past")
def past() -> str:
    """The searches of before, to be made again or forgotten."""
    return render_template("past.html", searches=past_searches(current_library()))


@blueprint.post("/past/forget")
def drop() -> Response:
    """Forget one, which the form's `q` names, or all of them."""
    forget(current_library(), request.form.get("q"))
    return redirect(url_for(".past"), 303)


def mark_typed(response: Response, query: str) -> None:
    """Have the next request, which is for what a query finds, tell that it was typed."""
    response.set_cookie(_TYPED, _digest(query), max_age=60, samesite="Lax", httponly=True)


def keep_typed(response: Response, library: Library, query: str, *, found: bool) -> None:
    """Remember a query that was typed, if it found something."""
    if request.cookies.get(_TYPED) != _digest(query):
        return
    response.delete_cookie(_TYPED)
    if found and query:
        with suppress(AskpixError):  # a library may be read-only
            remember(library, query)


def _digest(query: str) -> str:
    return hashlib.blake2b(query.encode("utf-8", "replace"), digest_size=16).hexdigest()
