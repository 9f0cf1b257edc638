"""The search page, and questions put to what it shows."""

import re
import shlex
from collections import Counter

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug import Response
from werkzeug.exceptions import RequestEntityTooLarge

from searcher.facets import facets
from vlm.errors import AskpixError
from webui.chips import changed_query, chips
from webui.formats import quoted
from webui.found import look
from webui.library import current_library
from webui.origin import refuse_other_sites
from webui.sought_pictures import MOST_BYTES, keep
from webui.view import ARRANGED, View

blueprint = Blueprint("search", __name__)
blueprint.before_request(refuse_other_sites)

_TITLES = {"tag": "Tags", "year": "Years", "camera": "Cameras", "place": "Places", "type": "Kinds", "rating": "Ratings"}


@blueprint.get("/")
def search() -> str | Response:
    """The search page; without a query, all photos, newest first."""
    library, view = current_library(), View.of_request()
    if terms := _terms_beside():
        for term in terms:
            view = view.with_term(term)
        return redirect(url_for(".search", **view.link()))
    found, parts = look(library, view), chips(library, view)
    return render_template(
        "search.html",
        view=view,
        chips=parts,
        chosen={chip.part.said: chip for chip in parts if chip.part.kind == "where"},
        marked={int(chip.part.value): chip for chip in parts if chip.photo},
        arranged=ARRANGED,
        found=found,
        facet_titles=_TITLES,
        facets=facets(library, view.plan if view.plan.on else None),
        total=library.count_images(),
        query="" if view.picture else changed_query(library, view),
    )


@blueprint.get("/ask")
def ask() -> str:
    """A question put to every hit of a search, with a tally of the answers."""
    library, view = current_library(), View.of_request()
    question = request.args.get("question", "").strip()
    hits = [shown.hit for shown in look(library, view).shown]
    replies = list(library.ask(question, [hit.photo for hit in hits]))
    tally = Counter(reply.answer for reply in replies if reply.answer is not None)
    return render_template(
        "ask.html",
        view=view,
        chips=chips(library, view),
        question=question,
        replies=list(zip(hits, replies, strict=True)),
        tally=tally.most_common(),
    )


@blueprint.post("/picture")
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
