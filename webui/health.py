"""Whether a server lives and whether it is ready, for what starts servers and sends requests to them.

Both answer anybody, whatever host they are asked by, and tell nothing of the library.
"""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy import select

from searcher import Library, database
from searcher.catalog import Image
from webui.guard import ANYONE, needs
from webui.library import current_library

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

blueprint = Blueprint("health", __name__)

_WATCHED = {"/healthz", "/readyz"}
_log = logging.getLogger(__name__)


@blueprint.get("/healthz")
@needs(ANYONE)
def alive() -> Response:
    """That the process answers."""
    return _told({"alive": True}, 200)


@blueprint.get("/readyz")
@needs(ANYONE)
def ready() -> Response:
    """Whether it can search: 503 with what it lacks while the catalog, the model or the vectors cannot be used."""
    if current_app.extensions.get("stopping"):
        return _told({"ready": False, "lacks": ["stopping"]}, 503)
    lacks = [name for name, look in _LOOKS.items() if not _works(name, look)]
    return _told({"ready": not lacks, **({"lacks": lacks} if lacks else {})}, 503 if lacks else 200)


def by_any_host(application: "WSGIApplication") -> "WSGIApplication":
    """An application for which these requests mean this machine: what watches servers asks for them by address.

    So does Prometheus, which shows a key; a page that a browser loaded by another name has none to show.
    """

    def called(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path, keyed = environ.get("PATH_INFO", ""), "HTTP_AUTHORIZATION" in environ
        if path in _WATCHED or (path == "/metrics" and keyed):
            environ["HTTP_HOST"] = "localhost"
        return application(environ, start_response)

    return called


def _works(name: str, look: Callable[[Library], object]) -> bool:
    try:
        look(current_library())
    except Exception:  # whatever it is, requests are better sent elsewhere
        _log.exception("%s cannot be used", name)
        return False
    return True


def _catalog(library: Library) -> object:
    with database.session(library.engine) as session:
        return session.scalar(select(Image.id).limit(1))


def _model(library: Library) -> object:
    """The first time that it is asked for, the model is loaded."""
    return library.encoder.encode_texts(["ready"])


def _vectors(library: Library) -> object:
    anywhere = np.full(library.encoder.dim, library.encoder.dim**-0.5, np.float32)
    return library.vectors.search(anywhere, 1, library.count_vectors())


_LOOKS: dict[str, Callable[[Library], object]] = {"catalog": _catalog, "model": _model, "vectors": _vectors}


def _told(said: dict[str, Any], status: int) -> Response:
    response = jsonify(said)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response
