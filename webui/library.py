"""The library that the running application serves."""

from typing import cast

from flask import current_app

from searcher import Library


def current_library() -> Library:
    """The library of the application that answers this request."""
    return cast(Library, current_app.extensions["library"])
