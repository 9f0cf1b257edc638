"""The application factory."""

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, render_template
from werkzeug.exceptions import HTTPException, SecurityError

from searcher import Library
from vlm.errors import AskpixError
from webui import pages, pictures

# Everything comes from here, nothing is inline but the style block that bears the answer's nonce.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'nonce-{nonce}'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_app(library: Library, config: Mapping[str, Any] | None = None) -> Flask:
    """The page over one library; `config` overrides settings, for tests."""
    app = Flask(__name__)
    # A name that leads elsewhere but resolves to this machine must not let a foreign page read the library.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost", "[::1]"]
    app.config.update(config or {})
    app.extensions["library"] = library
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(pictures.blueprint)
    app.before_request(_make_nonce)
    app.after_request(_protect)
    app.register_error_handler(AskpixError, _explain)
    app.register_error_handler(HTTPException, _show_error)
    app.register_error_handler(SecurityError, lambda error: (error.description or "", 400))  # no page has an address
    return app


def _make_nonce() -> None:
    g.nonce = secrets.token_urlsafe(16)


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY.format(nonce=g.get("nonce", ""))
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _explain(error: AskpixError) -> tuple[str, int]:
    return render_template("error.html", title="That did not work", message=str(error)), 400


def _show_error(error: HTTPException) -> tuple[str, int]:
    message = {404: "There is no such page or photo here.", 500: "Something broke on our side; the log says what."}
    code = error.code or 500
    return render_template("error.html", title=error.name, message=message.get(code, error.description)), code
