"""The page to sign in, and the way out."""

import math
import re

from flask import Blueprint, current_app, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug import Response

from searcher import credentials
from searcher.accounts import any_account, check_password
from webui.attempts import Attempts
from webui.guard import ANYONE, needs
from webui.library import current_library
from webui.visitor import account, everybody_may, forget, remember, sign_in

blueprint = Blueprint("sign_in", __name__)

# A second slash, or what browsers take for one or leave out, would make the rest another host's name.
_OWN_PATH = re.compile(r"/(?!/)[^\\\x00-\x20\x7f]*")


@blueprint.get("/sign-in")
@needs(ANYONE)
def show() -> Response:
    """The form, unless it has no purpose."""
    if account() or everybody_may():
        return redirect(_next())
    return _form()


@blueprint.post("/sign-in")
@needs(ANYONE)
def enter() -> Response:
    """Sign in, and go on to what was asked for."""
    library = current_library()
    name, password = request.form.get("name", ""), request.form.get("password", "")
    if wait := attempts().begin(name, request.remote_addr):
        return too_many(_form(told_wait(wait)), wait)
    who = check_password(library, name, password)
    if who is None:
        refused = _form(_("That name and password do not belong together. Try again."))
        refused.status_code = 403
        return refused
    attempts().succeed(name, request.remote_addr)
    if before := sign_in():
        credentials.end_sign_in(library, before.account, before.hash)
    response = redirect(_next(), 303)
    remember(response, credentials.sign_in(library, who, request.user_agent.string))
    return response


@blueprint.post("/sign-out")
@needs(ANYONE)
def leave() -> Response:
    """Sign this browser out, which then forgets what it kept of the photos."""
    if known := sign_in():
        credentials.end_sign_in(current_library(), known.account, known.hash)
    return signed_out()


def signed_out() -> Response:
    """Back to the form, with nothing left in the browser."""
    response = redirect(url_for("sign_in.show"), 303)
    forget(response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def attempts() -> Attempts:
    """How often passwords were guessed wrong here."""
    kept: Attempts = current_app.extensions.setdefault("attempts", Attempts(current_library()))
    return kept


def told_wait(seconds: int) -> str:
    """That there were too many wrong passwords, and how long to wait."""
    told: str = ngettext(
        "Too many wrong passwords. Try again in %(num)d minute.",
        "Too many wrong passwords. Try again in %(num)d minutes.",
        math.ceil(seconds / 60),
    )
    return told


def too_many(response: Response, seconds: int) -> Response:
    """An answer that says to come back later."""
    response.status_code = 429
    response.headers["Retry-After"] = str(seconds)
    return response


def _next() -> str:
    """Where to go on to: a page of our own, whatever the address says."""
    said = request.values.get("next", "")
    return said if _OWN_PATH.fullmatch(said) else url_for("search.search")


def _form(wrong: str | None = None) -> Response:
    return make_response(
        render_template(
            "sign_in.html",
            wrong=wrong,
            name=request.form.get("name", ""),
            next=_next(),
            nobody=not any_account(current_library()),
        )
    )
