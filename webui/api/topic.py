"""What all parts of the API have in common: where they are, whom they answer, and how errors are described."""

from collections.abc import Callable
from typing import Any

from flask import abort, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from werkzeug.exceptions import BadRequest

from webui.api import freshness

PREFIX = "/api/v1"
MOST_JSON = 1_000_000  # bytes
SECURITY_SCHEMES: dict[str, Any] = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key, which its owner makes on the page /account."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "askpix",
        "description": "Set by signing in with a browser; over TLS it is called __Host-askpix.",
    },
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_PROBLEMS = {
    "400": "What was asked for cannot be done; detail says why, and how to mend it",
    "401": "There are accounts, and the request bears neither the key nor the cookie of one",
    "403": "The account may not do this, or the request comes from a page of another site",
    "404": "There is no such thing here",
    "413": "The body is too large",
    "415": "The body is of another type than it must be",
    "422": "A parameter or field is not what it must be",
    "500": "Something broke on our side",
    "503": "There is more to do than can be done just now, or a server behind this one is away: Retry-After says when "
    "to ask again",
}


def topic(name: str, about: str, *, takes: str = "application/json", most: int = MOST_JSON) -> APIBlueprint:
    """A blueprint for a part of the API, whose bodies are of the type `takes` and have `most` bytes at most."""
    blueprint = APIBlueprint(
        f"api_{name}",
        __name__,
        url_prefix=PREFIX,
        abp_tags=[Tag(name=name, description=about)],
        abp_security=[{}, {"key": []}, {"cookie": []}],  # while there are no accounts, none is needed
        abp_responses={code: {"description": said, "content": _PROBLEM} for code, said in _PROBLEMS.items()},
        operation_id_callback=_name_of_function,
    )
    blueprint.before_request(_check_body(takes, most))
    blueprint.before_request(freshness.answer_if_unchanged)
    blueprint.after_request(freshness.mark)
    return blueprint


def _name_of_function(*, name: str, **_: str) -> str:
    return name


def _check_body(takes: str, most: int) -> Callable[[], None]:
    def check() -> None:
        if request.method not in {"POST", "PUT", "PATCH"}:
            return
        request.max_content_length = most
        if request.mimetype != takes:
            abort(415, f"the body must be {takes}; say so in the header Content-Type")
        if (request.content_length or 0) > most:
            abort(413, f"the body has more than {most:,} bytes, which are the most")
        if takes == "application/json":
            _parse()

    return check


def _parse() -> None:
    try:
        request.get_json()
    except BadRequest:
        abort(400, "the body is not JSON")
    except RecursionError:
        abort(400, "the body is nested too deeply")
