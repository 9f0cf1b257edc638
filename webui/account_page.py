"""One's own account: the password, the browsers that are signed in, and keys for programs."""

from datetime import datetime

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import format_timedelta
from flask_babel import gettext as _
from werkzeug import Response

from searcher import credentials
from searcher.accounts import SHORTEST_PASSWORD, AccountInfo, change_password, check_password
from searcher.catalog import now
from vlm.errors import AskpixError
from webui.agents import browser
from webui.guard import VIEWER, needs, refuse_keys
from webui.library import current_library
from webui.sign_in import attempts, signed_out, told_wait, too_many
from webui.visitor import account, sign_in

blueprint = Blueprint("account", __name__)
blueprint.before_request(refuse_keys)


@blueprint.get("/account")
def show() -> Response:
    """The page; without an account, that on which there could be one."""
    who = account()
    return _page(who) if who else redirect(url_for("accounts.show"))


@blueprint.post("/account/password")
@needs(VIEWER)
def choose_password() -> Response:
    """Another password, given the one before; all other browsers are signed out."""
    who, here = _own()
    if wait := attempts().begin(who.name, request.remote_addr):
        return too_many(_page(who, wrong=told_wait(wait)), wait)
    library = current_library()
    if check_password(library, who.name, request.form.get("current", "")) is None:
        return _page(who, wrong=_("That is not your password now. Try again."))
    attempts().succeed(who.name, request.remote_addr)
    try:
        change_password(library, who.name, request.form.get("new", ""), keep=here)
    except AskpixError as error:
        return _page(who, wrong=str(error))
    return redirect(url_for(".show", done="password"), 303)


@blueprint.post("/account/sign-out")
@needs(VIEWER)
def sign_out() -> Response:
    """Sign out one browser, or all of them."""
    who, here = _own()
    library, which = current_library(), request.form.get("browser")
    if which is None:
        credentials.end_sign_ins(library, who)
    else:
        credentials.end_sign_in(library, who, which)
    if which is None or which == here:
        return signed_out()
    return redirect(url_for(".show", done="browser", _anchor="browsers"), 303)


@blueprint.post("/account/keys")
@needs(VIEWER)
def make_key() -> Response:
    """A new key, shown in this answer and never again, which is why the answer is the page itself."""
    who, _here = _own()
    response = _page(who, made=credentials.make_key(current_library(), who, request.form.get("name", "")))
    response.cache_control.no_store = True
    return response


@blueprint.post("/account/keys/revoke")
@needs(VIEWER)
def revoke_key() -> Response:
    """Have a key open nothing any more."""
    who, _here = _own()
    credentials.revoke_key(current_library(), who, request.form.get("key", -1, type=int))
    return redirect(url_for(".show", done="key", _anchor="keys"), 303)


def _own() -> tuple[AccountInfo, str]:
    """The account, and the hash of the sign-in of this browser."""
    known = sign_in()
    if known is None:
        raise AskpixError("there are no accounts yet; make one first, on the page Accounts")
    return known.account, known.hash


def _page(who: AccountInfo, wrong: str | None = None, made: str | None = None) -> Response:
    library, known = current_library(), sign_in()
    told = {
        "password": _("Your password is changed, and all other browsers are signed out."),
        "browser": _("That browser is signed out."),
        "key": _("That key opens nothing any more."),
    }
    shown = render_template(
        "account.html",
        who=who,
        wrong=wrong,
        made=made,
        told=told.get(request.args.get("done", "")),
        this=known.hash if known else None,
        browsers=[(browser(one.agent), one) for one in credentials.sign_ins(library, who)],
        keys=credentials.keys(library, who),
        shortest=SHORTEST_PASSWORD,
        ago=_ago,
    )
    return make_response(shown, 400 if wrong else 200)


def _ago(moment: datetime) -> str:
    """How long ago that was, which is right wherever people are."""
    told: str = format_timedelta(moment - now(), add_direction=True)
    return told
