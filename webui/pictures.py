"""Pictures for the page: renditions made once and kept, and the originals."""

import io

from flask import Blueprint, Response, abort, request, send_file

from searcher.elsewhere import Unreachable
from searcher.originals import local
from vlm.kinds import is_picture
from vlm.relevance import overlay
from vlm.video import split_moment
from webui.library import current_library
from webui.renditions import SIZES, rendition
from webui.sought_pictures import kept

blueprint = Blueprint("pictures", __name__)


@blueprint.get("/picture/<int:image_id>/<content>-<size>.webp")
def picture(image_id: int, content: str, size: str) -> Response:
    """A rendition; its address holds the content's hash, so it may be kept for ever."""
    library = current_library()
    photo = library.photo(image_id)
    if photo is None or not photo.hash.startswith(content) or size not in SIZES:
        abort(404)
    made = rendition(library, photo, size)
    if made is None:
        abort(404)
    response = send_file(made, mimetype="image/webp", max_age=31_536_000)
    response.cache_control.immutable = True
    return response


@blueprint.get("/picture/<int:image_id>/<content>/where.webp")
def where(image_id: int, content: str) -> Response:
    """The photo with the rest dimmed where the text of the argument `text` is not found."""
    library = current_library()
    photo = library.photo(image_id)
    if photo is None or not photo.hash.startswith(content):
        abort(404)
    image, found = library.explain(photo, request.args.get("text", ""))
    shown = overlay(image, found)
    shown.thumbnail(SIZES["large"])
    file = io.BytesIO()
    shown.save(file, "WEBP", quality=80)
    file.seek(0)
    return send_file(file, mimetype="image/webp", max_age=86_400)


@blueprint.get("/sought/<name>.webp")
def sought(name: str) -> Response:
    """A picture that somebody brought to search by."""
    response = send_file(kept(current_library(), name), mimetype="image/webp", max_age=86_400)
    response.cache_control.private = True
    return response


@blueprint.get("/original/<int:image_id>")
def original(image_id: int) -> Response:
    """The photo itself, untouched, to be saved."""
    photo = current_library().photo(image_id) or abort(404)
    whole = photo.path.with_name(split_moment(photo.path.name)[0])
    try:
        with local(whole) as path:
            # People may keep photos behind links, but one that was put in a photo's place must not lead to a secret.
            if not path.is_file() or (path.is_symlink() and not is_picture(path)):
                abort(404)
            name = f"{whole.stem}{whole.suffix}".encode("utf-8", "replace").decode()
            return send_file(path, as_attachment=True, download_name=name)
    except Unreachable:
        abort(404)
