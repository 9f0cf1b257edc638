"""Months in words."""

from datetime import date

from babel.dates import format_skeleton
from flask_babel import get_locale

from webui.languages import gettext as _


def month_title(month: str) -> str:
    """A month such as 2019-05 in the language of the request; of none that there is no date."""
    if not month:
        return _("No date")
    return str(format_skeleton("yMMMM", date.fromisoformat(f"{month}-01"), locale=get_locale()))
