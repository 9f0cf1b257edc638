"""The languages of the page: one file of translations each, in `translations`.

The file of a language is what `pybabel update` makes of the templates' and modules' texts; it is read as it is, so that
another language is one file. What is asked for is, in this order, the address's `lang`, the cookie that keeps it, and
what the browser says it prefers.
"""

from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, Response, request
from flask_babel import Babel, Domain, get_locale
from flask_babel import gettext as _gettext
from flask_babel import ngettext as _ngettext

TRANSLATIONS = Path(__file__).parent / "translations"
ENGLISH = "en"
NAMES = {ENGLISH: "English", "zh": "中文"}  # as each language calls itself
_A_YEAR = 365 * 24 * 3600


class _Texts(Domain):  # type: ignore[misc]  # Flask-Babel has no types
    """The translations of a file as it was written, not as compiled beforehand."""

    def get_translations(self) -> NullTranslations:
        """Those of the request's language."""
        return _read(str(get_locale()))


def add_languages(app: Flask) -> None:
    """Have an application speak the language of each request."""
    babel = Babel(app, default_locale=ENGLISH, locale_selector=_wanted)
    babel.__dict__["domain_instance"] = _Texts()  # a cached property
    app.after_request(_keep)
    app.jinja_env.globals["languages"] = NAMES
    app.add_template_global(get_locale, "get_locale")


def gettext(text: str, **values: object) -> str:
    """A text in the language of the request, its `%(names)s` filled in."""
    return str(_gettext(text, **values))


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """A text about a number of things in the language of the request; `%(num)s` is the number."""
    return str(_ngettext(one, many, number, **values))


@cache
def _read(language: str) -> NullTranslations:
    path = TRANSLATIONS / f"{language}.po"
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, language))
    compiled.seek(0)
    return Translations(compiled)


def _wanted() -> str:
    for said in (request.args.get("lang"), request.cookies.get("lang")):
        if said in NAMES:
            return said
    return request.accept_languages.best_match(NAMES) or ENGLISH


def _keep(response: Response) -> Response:
    said = request.args.get("lang")
    if said in NAMES:
        response.set_cookie("lang", said, max_age=_A_YEAR, samesite="Lax", httponly=True)
    return response
