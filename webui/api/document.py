"""The description of the API, and a page to read and try it, which needs scripts that no other page does."""

from importlib.resources import files
from typing import Any, cast

from flask import Blueprint, Response, current_app, render_template_string, url_for
from flask_openapi3.openapi import OpenAPI

blueprint = Blueprint(
    "api_document",
    __name__,
    url_prefix="/api",
    static_folder=str(files("flask_openapi3_swagger") / "templates" / "swagger"),
    static_url_path="/docs/assets",
)

# Swagger UI sets styles on elements and shows icons that are inline; all else comes from here.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The API of askpix</title>
<link rel="icon" href="{{ url_for('static', filename='icon.svg') }}">
<link rel="stylesheet" href="{{ url_for('.static', filename='css/swagger-ui.css') }}">
<div id="api"></div>
<script src="{{ url_for('.static', filename='js/swagger-ui-bundle.js') }}"></script>
<script src="{{ url_for('.script') }}"></script>
"""


@blueprint.get("/openapi.json")
def description() -> dict[str, Any]:
    """The API as an OpenAPI 3.1 document."""
    described: dict[str, Any] = cast(OpenAPI, current_app).api_doc
    return described


@blueprint.get("/docs")
def page() -> Response:
    """Swagger UI, with a policy of its own."""
    response = Response(render_template_string(_PAGE))
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@blueprint.get("/docs/start.js")
def script() -> Response:
    """Opens the document in Swagger UI."""
    start = f'SwaggerUIBundle({{url: "{url_for(".description")}", dom_id: "#api", deepLinking: true}});'
    return Response(start, mimetype="text/javascript")
