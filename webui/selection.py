"""Photos that were chosen in the grid: a tag or an album for all of them at once, and that undone."""

from flask import Blueprint, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug import Response

from searcher import changes
from searcher.albums import add_to_album, albums, make_album
from searcher.corrections import tag_photos
from vlm.errors import AskpixError
from webui.chosen_ids import chosen_ids
from webui.library import current_library
from webui.view import View

blueprint = Blueprint("selection", __name__)


@blueprint.post("/selection/tag")
def tag() -> Response:
    """Give the photos a tag."""
    name = request.form.get("tag", "").strip()
    did = tag_photos(current_library(), _chosen(), [name], [], f"{_('Tag given')}: {name}")
    return _back(did=did)


@blueprint.post("/selection/album")
def album() -> Response:
    """Put the photos into an album, which is made if there is none of that name."""
    library, name = current_library(), request.form.get("album", "").strip()
    ids = _chosen()
    known = {one.name.casefold(): one.name for one in albums(library)}
    name = known.get(name.casefold()) or make_album(library, name).name
    return _back(album=name, put=add_to_album(library, name, ids))


@blueprint.post("/selection/undo")
def undo() -> Response:
    """Take back the tags that were given."""
    changes.undo(current_library(), request.form.get("action", ""))
    return _back()


def _chosen() -> list[int]:
    if not (ids := chosen_ids(request.form)):
        raise AskpixError("no photo is chosen; choose Select, tick some photos, and try again")
    return ids


def _back(**told: str | int) -> Response:
    return redirect(url_for("search.search", **{**View.of_request().link(), **told}), 303)
