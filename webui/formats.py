"""How templates write things: addresses of pictures, times, filters, sizes."""

import re

from flask import Flask, url_for

from searcher import Photo
from searcher.timeline import Listed

_PLAIN = re.compile(r"(?!//)[\w.<>=/-]+")
_MARKS = (('"', '"'), ("“", "”"), ("«", "»"), ("「", "」"))


def add_formats(app: Flask) -> None:
    """Make them known to the templates of an application."""
    app.add_template_global(picture_url)
    for write in (printable, clock, quoted, ratio, percent):
        app.add_template_filter(write)


def picture_url(photo: Photo, size: str) -> str:
    """The address of a rendition, which changes with the photo's content."""
    return url_for("pictures.picture", image_id=photo.id, content=photo.hash[:16], size=size)


def printable(text: object) -> str:
    """Text that can be sent as UTF-8, whatever bytes a file name holds."""
    return str(text).encode("utf-8", "replace").decode()


def clock(seconds: float) -> str:
    """A time such as 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def quoted(term: str) -> str:
    """A filter as a query has it: its value in quotation marks, if it needs them, that it does not hold itself."""
    field, _, value = term.partition(":")
    if _PLAIN.fullmatch(value):
        return term
    opening, closing = next((marks for marks in _MARKS if set(marks).isdisjoint(value)), _MARKS[0])
    return f"{field}:{opening}{value.replace(closing, '')}{closing}"


def ratio(photo: Photo | Listed) -> str:
    """Width over height, within what a row can hold."""
    return f"{min(max(photo.width / photo.height, 0.4), 3.2):.3f}"


def percent(share: float) -> str:
    """A share of one, in percent."""
    return f"{100 * share:.0f} %"
