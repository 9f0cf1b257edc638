"""Who sends a request: the account of its key or its cookie, if there is one.

The cookie holds a token that the catalog knows by its hash, so there is no secret to set up, and a sign-in can be ended
from elsewhere. It is never taken over from a request: each sign-in makes a new one.
"""

from flask import Flask, current_app, g, request
from flask import Response as FlaskResponse
from werkzeug import Response

from searcher.accounts import AccountInfo, any_account
from searcher.credentials import LASTS, SignedIn, key_account, signed_in
from webui.library import current_library


def add_visitors(app: Flask) -> None:
    """Have an application renew the cookies that come, and let nobody but their browser keep what they were sent."""
    app.config.setdefault("ALWAYS_SIGN_IN", False)  # even while there is no account, so that nobody may anything
    app.after_request(_keep)


def account() -> AccountInfo | None:
    """The account that a request is made for; None if it comes from nobody known."""
    if "account" not in g:
        shown = key()
        if shown is not None:
            g.account = key_account(current_library(), shown)
        else:
            known = sign_in()
            g.account = known.account if known else None
    found: AccountInfo | None = g.account
    return found


def key() -> str | None:
    """The key that a request shows; what a proxy asks for itself, such as Basic, is none of ours."""
    said = request.authorization
    return (said.token or "") if said is not None and said.type == "bearer" else None


def sign_in() -> SignedIn | None:
    """The sign-in that the cookie of a request belongs to."""
    if "sign_in" not in g:
        token = request.cookies.get(_name())
        g.sign_in = signed_in(current_library(), token) if token else None
    found: SignedIn | None = g.sign_in
    return found


def everybody_may() -> bool:
    """Whether nobody has to sign in, since there are no accounts and nobody comes from elsewhere."""
    if "everybody_may" not in g:
        g.everybody_may = not (current_app.config["ALWAYS_SIGN_IN"] or any_account(current_library()))
    return bool(g.everybody_may)


def remember(response: Response, token: str) -> None:
    """Have the browser show the token with each request from now on."""
    seconds = int(LASTS.total_seconds())
    response.set_cookie(
        _name(), token, max_age=seconds, path="/", secure=request.is_secure, httponly=True, samesite="Lax"
    )


def forget(response: Response) -> None:
    """Have the browser show no token any more."""
    response.delete_cookie(_name(), path="/", secure=request.is_secure, httponly=True, samesite="Lax")


def _name() -> str:
    # A cookie with this prefix can be set over TLS alone, and by no other host of the same domain.
    return "__Host-askpix" if request.is_secure else "askpix"


def _keep(response: FlaskResponse) -> FlaskResponse:
    if g.get("account") is None:
        return response
    response.cache_control.public = False
    response.cache_control.private = True
    known = g.get("sign_in")
    if known is not None and known.renewed:
        remember(response, request.cookies[_name()])
    return response
