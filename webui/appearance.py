"""How the page looks for its reader: dark or light, and what leads elsewhere from where one is."""

from collections.abc import Iterator
from urllib.parse import urlencode

from flask import Flask, Response, current_app, request
from flask_babel import lazy_gettext

SYSTEM = "system"  # as the reader's device has it
THEMES = {SYSTEM: lazy_gettext("As the system"), "light": lazy_gettext("Light"), "dark": lazy_gettext("Dark")}
_A_YEAR = 365 * 24 * 3600


def add_appearance(app: Flask) -> None:
    """Make it known to the templates of an application, and keep what is chosen."""
    app.jinja_env.globals["themes"] = THEMES
    for said in (theme, here, has_page):
        app.add_template_global(said)
    app.after_request(_keep)


def theme() -> str:
    """The theme that was chosen."""
    return next((said for said in _said() if said in THEMES), SYSTEM)


def here(**changes: str) -> str:
    """The address of this page with other arguments; of a form that was sent the start."""
    if request.method != "GET":
        return f"/?{urlencode(changes)}"
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in changes]
    return f"{request.path}?{urlencode([*kept, *changes.items()])}"


def has_page(endpoint: str) -> bool:
    """Whether an application serves such a page."""
    return endpoint in current_app.view_functions


def _said() -> Iterator[str | None]:
    yield request.args.get("theme")
    yield request.cookies.get("theme")


def _keep(response: Response) -> Response:
    said = request.args.get("theme")
    if said in THEMES:
        response.set_cookie("theme", said, max_age=_A_YEAR, samesite="Lax", httponly=True)
    return response
