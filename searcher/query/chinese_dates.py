"""Date phrases in Chinese, such as 2021年7月, 去年夏天 and 三年前, which stand without spaces around them."""

import re
from collections.abc import Iterator
from datetime import date

from searcher.query import stretches
from searcher.query.date_reader import is_year
from searcher.query.spans import written
from searcher.query.stretches import DAY, Stretch, Unit, Yearly
from searcher.query.tokens import Phrase

_NUMERALS = "一二三四五六七八九十"
_COUNTED = rf"(?P<count>\d{{1,3}}|[{_NUMERALS}两兩])[个個]?(?P<unit>年|月|周|週|星期|天)"
# What follows some words makes them part of others: 海上月亮 is the moon over the sea, not last month.
_YEAR = re.compile(
    r"(?:(?P<year>\d{4})年|(?P<back>今年|去年|前年)(?![代轻輕]))"
    r"(?:的?(?:(?P<season>[春夏秋冬])[天季]?|(?P<christmas>[圣聖][诞誕][节節]?)"
    rf"|(?P<month>1[0-2]|0?[1-9]|十[一二]?|[{_NUMERALS}])月(?:份|(?P<day>\d{{1,2}})[日号號])?))?",
    re.ASCII,
)
_AGO = re.compile(rf"{_COUNTED}[之以]?前", re.ASCII)
_RECENT = re.compile(rf"(?:最近|过去|過去|近){_COUNTED}", re.ASCII)
_DAY = re.compile(r"今天|昨天|前天(?!空)")
_NEAR = re.compile(r"(?P<which>[上这這本])[个個]?(?P<unit>[周週]末|星期|[周週](?![围圍边邊])|月(?![亮光色球]))")
_OPENER = re.compile(rf"[\d{_NUMERALS}两兩今去前昨最过過近上这這本]", re.ASCII)
_UNITS: dict[str, Unit] = {"年": "year", "月": "month", "天": "day", "周末": "weekend", "週末": "weekend"}
_SEASONS = {"春": 3, "夏": 6, "秋": 9, "冬": 12}
_BACK = {"今年": 0, "去年": 1, "前年": 2, "今天": 0, "昨天": 1, "前天": 2}
_MIDDLE = re.compile(r"\s?[到至–-]\s?")
_SINCE = re.compile(r"[以之][来來后後]|起")
_BEFORE = re.compile(r"[以之]?前")
_TAIL = re.compile(r"(?:期?[间間]|里|裡)?(?:(?:拍摄|拍攝|拍)?的)?")
_LEAD = tuple("在于於从從自")


def chinese_dates(text: str, today: date) -> Iterator[Phrase]:
    """The date phrases in Chinese of a text, in its order."""
    place = 0
    while opener := _OPENER.search(text, place):
        start = opener.start()
        if found := _stretch(text, start, today):
            value, end = _value(text, found, today)
            tail = _TAIL.match(text, end)
            place = tail.end() if tail else end
            yield Phrase(start - text[:start].endswith(_LEAD), place, (value,))
        else:
            place = opener.end()


def _value(text: str, found: tuple[Stretch, int], today: date) -> tuple[str, int]:
    """The value of a stretch and of what stands after it: to another, since, before."""
    (first, last), end = found
    if (middle := _MIDDLE.match(text, end)) and (other := _stretch(text, middle.end(), today)):
        return written(min(first, other[0][0]), max(last, other[0][1])), other[1]
    if since := _SINCE.match(text, end):
        return written(first, None), since.end()
    if before := _BEFORE.match(text, end):
        return written(None, first - DAY), before.end()
    return written(first, last), end


def _stretch(text: str, place: int, today: date) -> tuple[Stretch, int] | None:
    """The stretch of days that is spoken of there, and where that ends."""
    if found := _YEAR.match(text, place):
        stretch = _of_a_year(found, today)
        return (stretch, found.end()) if stretch else None
    if found := _AGO.match(text, place):
        unit = _unit(found["unit"])
        return stretches.around(stretches.earlier(today, unit, _number(found["count"])), unit), found.end()
    if found := _RECENT.match(text, place):
        return (stretches.earlier(today, _unit(found["unit"]), _number(found["count"])), today), found.end()
    if found := _DAY.match(text, place):
        return stretches.around(today - _BACK[found[0]] * DAY, "day"), found.end()
    if found := _NEAR.match(text, place):
        unit = _unit(found["unit"])
        return stretches.around(stretches.earlier(today, unit, int(found["which"] == "上")), unit), found.end()
    return None


def _of_a_year(found: re.Match[str], today: date) -> Stretch | None:
    if found["year"] and not is_year(found["year"], today):
        return None
    number = int(found["year"]) if found["year"] else today.year - _BACK[found["back"]]
    yearly: Yearly = stretches.year
    if found["season"]:
        yearly = stretches.season(_SEASONS[found["season"]])
    elif found["christmas"]:
        yearly = stretches.christmas
    elif found["day"]:
        yearly = stretches.day_of_year(_number(found["month"]), int(found["day"]))
    elif found["month"]:
        yearly = stretches.months(_number(found["month"]))
    return yearly(number)


def _unit(name: str) -> Unit:
    return _UNITS.get(name, "week")


def _number(text: str) -> int:
    """A number in digits, or up to twelve in numerals."""
    if text.isdigit() and text.isascii():
        return int(text)
    return sum(2 if numeral in "两兩" else _NUMERALS.index(numeral) + 1 for numeral in text)
