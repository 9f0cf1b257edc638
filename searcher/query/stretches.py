"""Stretches of days on the calendar: this week, last summer, the year three years ago."""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal

Unit = Literal["day", "week", "weekend", "month", "year"]
Stretch = tuple[date, date]  # the first and the last day
Yearly = Callable[[int], Stretch | None]  # what comes every year, such as July; None in a year that lacks it

DAY = timedelta(days=1)
YEARS_BETWEEN = 8  # two 29 February, at most


def year(number: int) -> Stretch:
    """A whole year."""
    return date(number, 1, 1), date(number, 12, 31)


def months(first: int, count: int = 1) -> Yearly:
    """So many months of every year, from that one on; past December they go into the next year."""
    after = first - 1 + count
    return lambda number: (date(number, first, 1), date(number + after // 12, after % 12 + 1, 1) - DAY)


def season(first: int) -> Yearly:
    """The three months of every year from that one on: 3 for spring, 6 for summer, 9 for autumn, 12 for winter."""
    return months(first, 3)


def day_of_year(month: int, day: int) -> Yearly:
    """A day of every year; of none, if there is no such day."""
    return lambda number: (date(number, month, day),) * 2 if 1 <= day <= monthrange(number, month)[1] else None


def christmas(number: int) -> Stretch:
    """From Christmas Eve to the second day of Christmas."""
    return date(number, 12, 24), date(number, 12, 26)


def around(day: date, unit: Unit) -> Stretch:
    """The day, the week from Monday, the weekend of that week, the month or the year that a day is in."""
    monday = day - day.weekday() * DAY
    match unit:
        case "day":
            return day, day
        case "week":
            return monday, monday + 6 * DAY
        case "weekend":
            return monday + 5 * DAY, monday + 6 * DAY
        case "month":
            return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
        case "year":
            return year(day.year)


def earlier(day: date, unit: Unit, count: int) -> date:
    """The day so many units before; the last of its month where that month is too short."""
    if unit in {"day", "week", "weekend"}:
        return day - count * (DAY if unit == "day" else 7 * DAY)
    number, month = divmod(day.year * 12 + day.month - 1 - count * (12 if unit == "year" else 1), 12)
    return date(number, month + 1, min(day.day, monthrange(number, month + 1)[1]))


def last_over(yearly: Yearly, today: date) -> Stretch | None:
    """The latest of what comes every year that is over."""
    return next((found for found in _backwards(yearly, today) if found[1] < today), None)


def last_begun(yearly: Yearly, today: date) -> Stretch | None:
    """The latest of what comes every year that has begun."""
    return next((found for found in _backwards(yearly, today) if found[0] <= today), None)


def present(yearly: Yearly, today: date) -> Stretch | None:
    """What comes every year, in the year of that day; last year's where that is not over, such as a winter."""
    before = yearly(today.year - 1)
    return before if before and today <= before[1] else yearly(today.year)


def _backwards(yearly: Yearly, today: date) -> list[Stretch]:
    years = range(today.year, today.year - YEARS_BETWEEN - 1, -1)
    return [found for number in years if (found := yearly(number))]
