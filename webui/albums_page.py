"""Albums and saved searches: a page that lists them, and what is done with them."""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug import Response

from searcher import Library, Photo
from searcher.albums import (
    AlbumInfo,
    add_to_album,
    albums,
    delete_album,
    make_album,
    remove_from_album,
    rename_album,
)
from webui.formats import quoted
from webui.library import current_library
from webui.view import View

blueprint = Blueprint("albums", __name__)


@blueprint.get("/albums")
def show() -> str:
    """All albums and saved searches, each with its first photo."""
    library = current_library()
    listed = [(album, _cover(library, album)) for album in albums(library)]
    return render_template("albums.html", albums=listed)


@blueprint.post("/albums")
def make() -> Response:
    """Make an album, or save a search."""
    album = make_album(current_library(), request.form.get("name", ""), request.form.get("query") or None)
    return _back(album.id)


@blueprint.post("/albums/rename")
def rename() -> Response:
    """Give one another name."""
    album = rename_album(current_library(), request.form.get("name", ""), request.form.get("new", ""))
    return _back(album.id)


@blueprint.post("/albums/delete")
def delete() -> Response:
    """Delete one; its photos stay."""
    delete_album(current_library(), request.form.get("name", ""))
    return redirect(url_for(".show"), 303)


@blueprint.post("/image/<int:image_id>/albums")
def fill(image_id: int) -> Response:
    """Put a photo into an album, a new one if it is named, or take it out of one."""
    library, form = current_library(), request.form
    library.photo(image_id) or abort(404)
    if out := form.get("out"):
        remove_from_album(library, out, [image_id])
    else:
        new = form.get("new", "").strip()
        add_to_album(library, make_album(library, new).name if new else form.get("name", ""), [image_id])
    return redirect(url_for("photo.show", image_id=image_id, **View.of_request().link(), _anchor="albums"), 303)


def _back(album_id: int) -> Response:
    return redirect(url_for(".show", _anchor=f"album-{album_id}"), 303)


def _cover(library: Library, album: AlbumInfo) -> Photo | None:
    """The photo that an album is shown by."""
    if not album.count:
        return None
    return next((hit.photo for hit in library.search(quoted(f"album:{album.name}"), k=1)), None)
