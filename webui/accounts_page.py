"""The accounts, for those who look after them."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug import Response

from searcher.accounts import (
    ADMIN,
    EDITOR,
    SHORTEST_PASSWORD,
    VIEWER,
    accounts,
    change_role,
    delete_account,
    make_account,
    reset_password,
)
from webui.guard import needs, refuse_keys
from webui.library import current_library

blueprint = Blueprint("accounts", __name__)
blueprint.before_request(refuse_keys)


@blueprint.get("/accounts")
@needs(ADMIN)
def show() -> str:
    """All accounts; while there are none, how to make the first."""
    return render_template(
        "accounts.html",
        accounts=accounts(current_library()),
        roles=_roles(),
        told=_told().get(request.args.get("done", "")),
        shortest=SHORTEST_PASSWORD,
    )


@blueprint.post("/accounts")
@needs(ADMIN)
def make() -> Response:
    """A new account; whoever makes the first must sign in as it from now on."""
    form = request.form
    make_account(current_library(), form.get("name", ""), form.get("password", ""), form.get("role", ADMIN))
    return _back("made")


@blueprint.post("/accounts/role")
@needs(ADMIN)
def role() -> Response:
    """Another role for one."""
    change_role(current_library(), request.form.get("name", ""), request.form.get("role", ""))
    return _back("role")


@blueprint.post("/accounts/password")
@needs(ADMIN)
def password() -> Response:
    """Another password for one, whose browsers are signed out and whose keys are revoked."""
    reset_password(current_library(), request.form.get("name", ""), request.form.get("password", ""))
    return _back("password")


@blueprint.post("/accounts/delete")
@needs(ADMIN)
def delete() -> Response:
    """Delete one."""
    delete_account(current_library(), request.form.get("name", ""))
    return _back("deleted")


def _back(done: str) -> Response:
    return redirect(url_for(".show", done=done), 303)


def _roles() -> dict[str, tuple[str, str]]:
    """What each role is called, and what one may."""
    return {
        VIEWER: (_("Viewer"), _("searches, looks and asks")),
        EDITOR: (_("Editor"), _("also corrects captions and tags, keeps albums and answers, edits pictures")),
        ADMIN: (_("Admin"), _("also indexes, and looks after the accounts")),
    }


def _told() -> dict[str, str]:
    return {
        "made": _("The account is made. Its owner can choose another password after signing in."),
        "role": _("The role is changed."),
        "password": _("The password is changed. Browsers are signed out, and keys open nothing any more."),
        "deleted": _("The account is deleted."),
    }
