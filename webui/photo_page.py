"""One photo: what was written about it, why it was found, what is like it, and what people have to say about it."""

import re

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug import Response

from searcher import Library, Photo
from searcher.catalog import PEOPLE
from searcher.corrections import correct_caption, correct_tags
from vlm.errors import AskpixError
from webui.about import about
from webui.chips import chips
from webui.found import Shown, beside, fold
from webui.library import current_library
from webui.reasons import reasons
from webui.thread import thread
from webui.view import View

blueprint = Blueprint("photo", __name__)

SIMILAR = 12


@blueprint.get("/image/<int:image_id>")
def show(image_id: int) -> str:
    """The photo's page, with a box to ask it."""
    library, view = current_library(), View.of_request()
    photo = library.photo(image_id) or abort(404)
    known = about(library, photo)
    found, before, after = beside(library, view, image_id)
    return render_template(
        "photo.html",
        view=view,
        photo=photo,
        people=PEOPLE,
        about=known,
        hit=found,
        words=" ".join(part.value for part in view.plan.of("text")),
        reasons=reasons(found, chips(library, view)) if found else [],
        before=before,
        after=after,
        thread=thread(library, photo, request.args),
        shown=request.args.get("show", "").strip(),
        lines="lines" in request.args,
        similar=_similar(library, photo, known.same),
    )


@blueprint.post("/image/<int:image_id>")
def correct(image_id: int) -> Response:
    """What people say about the photo in place of the machine: of a caption and tags what is another than shown."""
    library, form = current_library(), request.form
    library.photo(image_id) or abort(404)
    caption = " ".join(form.get("caption", "").split())
    if caption != form.get("caption_before", ""):
        correct_caption(library, image_id, caption or None)
    added = [name for name in re.split("[,;]", form.get("new_tags", "")) if name.strip()]
    removed = set(form.getlist("tag_before")) - set(form.getlist("tag")) - set(added)
    if added or removed:
        correct_tags(library, image_id, added, removed)
    return redirect(url_for(".show", image_id=image_id, **View.of_request().link()), 303)


def _similar(library: Library, photo: Photo, same: list[Photo]) -> list[Shown]:
    """Other photos like it, of those that show the same the best alone."""
    if not library.count_vectors():
        return []
    known = {one.id for one in same}
    try:
        found = fold(library, library.similar(photo.id, k=2 * SIMILAR))
    except AskpixError:  # it is not encoded yet, or not by this model: all else about it is shown
        return []
    return [shown for shown in found if shown.hit.photo.id not in known][:SIMILAR]
