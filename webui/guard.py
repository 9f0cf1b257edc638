"""Who may do what: everybody everything while there are no accounts, else each what the account's role allows.

To look is for viewers, whatever else a request may do for editors, unless its view is marked:

    @blueprint.post("/index")
    @needs(ADMIN)
    def start() -> Response: ...

The mark stands below the line that gives the view its address.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, redirect, request, url_for
from werkzeug import Response
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import SecurityError, Unauthorized

from searcher.accounts import ADMIN, EDITOR, VIEWER
from webui.api.problems import concerns_api
from webui.visitor import account, add_visitors, everybody_may, key

__all__ = ["ADMIN", "ANYONE", "EDITOR", "VIEWER", "add_guard", "demand", "may", "needed", "needs", "refuse_keys"]

ANYONE = "anyone"  # signed in or not
_LOOKING = {"GET", "HEAD", "OPTIONS"}
V = TypeVar("V", bound=Callable[..., Any])


def needs(role: str) -> Callable[[V], V]:
    """Mark a view as one for accounts of that role, or one that may more; or for ANYONE."""

    def mark(view: V) -> V:
        view.needed_role = role  # type: ignore[attr-defined]
        return view

    return mark


def may(role: str) -> bool:
    """Whether who asks may do what that role may; a template shows a button by it."""
    who = account()
    return who.may(role) if who else everybody_may()


def demand(role: str) -> None:
    """Refuse the request (403) unless who asks may do what that role may."""
    if not may(role):
        abort(403, f"This is for accounts that are {role} or more; somebody who is admin can make yours one.")


def refuse_keys() -> None:
    """Refuse a program (403): a key that is lost must not be good for another password or account."""
    if key() is not None:
        abort(403, "Keys do not open this; sign in with a browser.")


def needed(app: Flask, endpoint: str | None, method: str) -> str:
    """The role that a request needs."""
    if endpoint is None:  # what it asks for does not exist, as only those learn who may look
        return VIEWER
    default = VIEWER if method in _LOOKING else EDITOR
    role: str = getattr(app.view_functions[endpoint], "needed_role", default)
    return role


def add_guard(app: Flask) -> None:
    """Have an application look at each request before its view does."""
    needs(ANYONE)(app.view_functions["static"])
    add_visitors(app)
    app.before_request(_check)
    app.add_template_global(may, "may")
    app.add_template_global(account, "account")


def _check() -> Response | None:
    role = needed(current_app, request.endpoint, request.method)
    if role == ANYONE or isinstance(request.routing_exception, SecurityError):  # which is its own refusal
        return None
    if account() is None and not everybody_may():
        return _ask_to_sign_in()
    demand(role)
    return None


def _ask_to_sign_in() -> Response:
    """Lead people to the page for it, and tell programs that they have to."""
    navigates = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    if concerns_api() or not navigates or key() is not None:
        raise Unauthorized(
            "Sign in, or send the key of an account: Authorization: Bearer askpix_…",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "askpix"}),
        )
    return redirect(url_for("sign_in.show", next=_here()), 303)


def _here() -> str:
    """The page that is asked for; of a form that was sent the one that it stands on."""
    if request.method in _LOOKING:
        return request.full_path.rstrip("?")
    on = urlsplit(request.referrer or "")
    return f"{on.path}?{on.query}".rstrip("?") if on.netloc == request.host else "/"
