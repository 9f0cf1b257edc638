"""Values of filters that stand for a stretch: of time (2019, 2019-07..2021, >=2020), of stars (4, >=3, 2..4)."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TypeVar

from vlm.errors import AskpixError

_DAY = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_STARS = re.compile(r"-1|[0-5]")
_COMPARED = re.compile(r"([<>]=?)(.*)", re.DOTALL)
_REJECTED, _BEST = -1, 5  # the ends of the scale that files use

Point = TypeVar("Point", int, datetime)


def span(value: str) -> tuple[datetime | None, datetime | None]:
    """The first moment of a date filter's value, and the moment after its last; None where it is open.

    A value is a year, month or day (2019, 2019-07, 2019-07-14), two of them or one with `..` between or
    beside (both counted), or one after <, <=, > or >=. Raises AskpixError saying so for any other.
    """
    try:
        return _bounds(value, _moments)
    except (ValueError, OverflowError) as error:
        raise AskpixError(
            f"{value!r} is no date; write 2019, 2019-07 or 2019-07-14, a range such as 2019..2021-06 or 2018.., "
            "or a comparison such as >=2019"
        ) from error


def rating_span(value: str) -> tuple[int, int]:
    """The fewest and the most stars that a rating filter's value allows, both counted; -1 is a rejected photo.

    A value is a number from -1 to 5, two of them or one with `..` between or beside, or one after <, <=, >
    or >=. Raises AskpixError saying so for any other, and for one that no rating can meet.
    """
    try:
        start, end = _bounds(value, _stars)
        fewest, most = _REJECTED if start is None else start, _BEST if end is None else end - 1
        if fewest > most or fewest > _BEST:
            raise ValueError(value)
    except ValueError as error:
        raise AskpixError(f"{value!r} is no rating; write 0 to 5 stars, for example 4, >=4, <3 or 2..4") from error
    return fewest, most


def _bounds(value: str, read: Callable[[str], tuple[Point, Point]]) -> tuple[Point | None, Point | None]:
    """Where a value begins, and what follows its end, for a reader that says both of one point."""
    if compared := _COMPARED.fullmatch(value):
        first, after = read(compared[2])
        return {"<": (None, first), "<=": (None, after), ">": (after, None), ">=": (first, None)}[compared[1]]
    since, dots, until = value.partition("..")
    if not dots:
        return read(value)
    start, end = read(since)[0] if since else None, read(until)[1] if until else None
    if (start is None and end is None) or (start is not None and end is not None and start >= end):
        raise ValueError(value)
    return start, end


def _moments(text: str) -> tuple[datetime, datetime]:
    """The first moment of a year, month or day, and that of the next."""
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year, month, day = (int(part) if part else None for part in found.groups())
    first = datetime(year or 0, month or 1, day or 1)
    if day:
        return first, first + timedelta(days=1)
    if month:
        return first, (first + timedelta(days=32)).replace(day=1)
    return first, first.replace(year=first.year + 1)


def _stars(text: str) -> tuple[int, int]:
    if not _STARS.fullmatch(text):
        raise ValueError(text)
    return int(text), int(text) + 1


def stretch(value: str) -> tuple[date, date]:
    """The first and the last day of a year, month or day such as 2019-07; raises ValueError for what is none."""
    first, after = _moments(value)
    return first.date(), after.date() - timedelta(days=1)


def written(first: date | None, last: date | None) -> str:
    """The shortest value for the days from `first` to `last`, both counted: 2019, 2019-06..2019-08, 2020.., ..2018."""
    whole_months = (first is None or first.day == 1) and (last is None or (last + timedelta(days=1)).day == 1)
    whole_years = whole_months and (first is None or first.month == 1) and (last is None or last.month == 12)
    length = 4 if whole_years else 7 if whole_months else 10
    since, until = (end.isoformat()[:length] if end else "" for end in (first, last))
    return since if since == until else f"{since}..{until}"
