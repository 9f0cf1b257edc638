"""The application factory."""

import secrets
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from flask import Response, g, make_response, render_template
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.exceptions import HTTPException, SecurityError

from searcher import Library
from searcher.milvus.server import Unreachable
from searcher.postgres import Away
from vlm.errors import AskpixError
from webui import health, pictures
from webui.api import problems
from webui.api.topic import SECURITY_SCHEMES
from webui.api.topics import add_api
from webui.guard import add_guard
from webui.languages import add_languages
from webui.logs import add_log
from webui.metrics import Metrics, add_metrics
from webui.origin import refuse_other_sites
from webui.overload import add_lanes, come_again
from webui.pages import add_pages

# Everything comes from here, nothing is inline but the style block that bears the answer's nonce.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self' 'nonce-{nonce}'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_BACK_IN = 5  # seconds after which to ask again


def create_app(library: Library, config: Mapping[str, Any] | None = None, metrics: Metrics | None = None) -> OpenAPI:
    """The pages and the API over one library; `config` overrides settings, for tests.

    What it answers is counted in `metrics`, where the library's models may count as well.
    """
    app = OpenAPI(
        __name__,
        info=Info(title="askpix", version=version("askpix"), description="Search a photo library, and ask it."),
        security_schemes=SECURITY_SCHEMES,
        doc_ui=False,
        validation_error_model=problems.Problem,
        validation_error_callback=problems.invalid,
    )
    # A name that leads elsewhere but resolves to this machine must not let a foreign page read the library.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost", "[::1]"]
    app.config.update(config or {})
    app.extensions["library"] = library
    add_log(app)  # around all else, so that nothing goes without a line
    add_lanes(app)
    add_metrics(app, metrics)
    add_languages(app)
    add_pages(app)
    app.register_blueprint(pictures.blueprint)
    app.register_blueprint(health.blueprint)
    add_api(app)
    app.before_request(_make_nonce)
    app.before_request(refuse_other_sites)
    add_guard(app)
    app.after_request(_protect)
    app.register_error_handler(AskpixError, _explain)
    for absence in (Away, Unreachable):
        app.register_error_handler(absence, _explain_absence)
    app.register_error_handler(HTTPException, _show_error)
    app.register_error_handler(SecurityError, _refuse_host)
    app.wsgi_app = health.by_any_host(app.wsgi_app)  # type: ignore[assignment,method-assign]
    return app


def _make_nonce() -> None:
    g.nonce = secrets.token_urlsafe(16)


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _POLICY.format(nonce=g.get("nonce", "")))
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _explain(error: AskpixError) -> Response:
    if problems.concerns_api():
        return problems.mistaken(error)
    return make_response(render_template("error.html", title="That did not work", message=str(error)), 400)


def _explain_absence(error: AskpixError) -> Response:
    """The servers of the catalog or of the vectors are away, which nobody who asks can mend."""
    return come_again(str(error), _BACK_IN)


def _show_error(error: HTTPException) -> Response:
    if problems.concerns_api():
        return problems.failed(error)
    message = {404: "There is no such page or photo here.", 500: "Something broke on our side; the log says what."}
    code = error.code or 500
    shown = render_template("error.html", title=error.name, message=message.get(code, error.description))
    return make_response(shown, code)


def _refuse_host(error: SecurityError) -> Response:
    if problems.concerns_api():
        return problems.failed(error)
    return make_response(error.description or "", 400)  # no page has an address
