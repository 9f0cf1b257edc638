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
from vlm.errors import AskpixError
from webui import pictures
from webui.api import add_api, problems
from webui.api.topic import SECURITY_SCHEMES
from webui.guard import add_guard
from webui.languages import add_languages
from webui.origin import refuse_other_sites
from webui.pages import add_pages

# Everything comes from here, nothing is inline but the style block that bears the answer's nonce.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self' 'nonce-{nonce}'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_app(library: Library, config: Mapping[str, Any] | None = None) -> OpenAPI:
    """The pages and the API over one library; `config` overrides settings, for tests."""
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
    add_languages(app)
    add_pages(app)
    app.register_blueprint(pictures.blueprint)
    add_api(app)
    app.before_request(_make_nonce)
    app.before_request(refuse_other_sites)
    add_guard(app)
    app.after_request(_protect)
    app.register_error_handler(AskpixError, _explain)
    app.register_error_handler(HTTPException, _show_error)
    app.register_error_handler(SecurityError, _refuse_host)
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
