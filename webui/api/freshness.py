"""ETags: answers that depend on the catalog alone need not be made again for a client that has them."""

import hashlib
from datetime import date
from importlib.metadata import version

from flask import Response, g, request

from searcher import database
from webui.library import current_library


def answer_if_unchanged() -> Response | None:
    """Answer 304 to a client that has what would be sent."""
    if request.method not in {"GET", "HEAD"}:
        return None
    # Taken before the catalog is read: what changes meanwhile makes an answer stale, never a stale one fresh.
    g.etag = _etag()
    if g.etag in request.if_none_match.as_set(include_weak=True):
        return Response(status=304)
    return None


def mark(response: Response) -> Response:
    """Give an answer its ETag, unless it says that it may not be kept."""
    if "etag" in g and response.status_code in {200, 304} and not response.cache_control.no_store:
        response.set_etag(g.etag, weak=True)
        response.cache_control.private = True
        response.cache_control.no_cache = True
    return response


def _etag() -> str:
    """A digest of all that an answer depends on: what is asked, the day ("yesterday"), settings, and the catalog."""
    library = current_library()
    asked = request.method, request.path, request.query_string
    known = version("askpix"), date.today(), library.settings, database.stamp(library.engine)
    return hashlib.blake2b(repr((asked, known)).encode("utf-8", "replace"), digest_size=12).hexdigest()
