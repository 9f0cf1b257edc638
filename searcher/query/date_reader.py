"""Reads the date phrase that begins at a word, by the tables of one language."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from searcher.query import stretches
from searcher.query.calendar_words import Words
from searcher.query.spans import stretch, written
from searcher.query.stretches import DAY, Stretch, Yearly

_FIRST_YEAR = 1826  # of the oldest photograph that is kept
_ISO = re.compile(r"\d{4}-\d\d(?:-\d\d)?", re.ASCII)
_YEARS = re.compile(r"(\d{4})[-–](\d{4})", re.ASCII)
_DAY = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er)?", re.ASCII)
_NUMBER = re.compile(r"\d{1,3}", re.ASCII)

Read = tuple[Stretch, int]  # what was read, and the place of the word after it


def is_year(word: str, today: date) -> bool:
    """Whether a word is a year in which photos can have been taken."""
    return len(word) == 4 and word.isascii() and word.isdigit() and _FIRST_YEAR <= int(word) <= today.year


@dataclass(frozen=True)
class DateReader:
    """Reads dates among words, which are in small letters; each method is given the place of a word to begin with."""

    words: Sequence[str]
    language: Words
    today: date

    def phrase(self, place: int) -> tuple[str, int] | None:
        """The value of the date filter for the phrase that begins there, and the place of the word after it.

        The value is empty for what is understood but is no one stretch, such as "in 2015 or 2020".
        """
        if self.words[place] not in self.language.openers and not self.words[place][0].isdigit():
            return None
        return (
            self._range(place)
            or self._joined(self._plain(place))
            or self._open(place)
            or self._joined(self._next(place, self.language.within))
        )

    def _range(self, place: int) -> tuple[str, int] | None:
        """From 2019 to 2021, between May and July 2021, from 1 to 7 July 2021; 2019 to 2021."""
        for i, (opens, middles) in enumerate(self.language.ranges):
            start = self._skip(place, opens)
            if start == place and (i > 0 or not self._year(place)):
                continue
            first, last = None, None
            if (day := _DAY.fullmatch(self._word(start))) and (last := self._next(start + 1, middles)):
                first = stretches.day_of_year(last[0][0].month, int(day[1]))(last[0][0].year)
            elif (month := self._month(start)) and (last := self._next(month[1], middles)):
                first = stretches.last_begun(month[0], last[0][1])
            elif (when := self._when(start)) and (last := self._next(when[1], middles)):
                first = when[0]
            if first and last:
                return written(min(first[0], last[0][0]), max(first[1], last[0][1])), last[1]
        return None

    def _open(self, place: int) -> tuple[str, int] | None:
        """Since, before, after or until something."""
        told = self.language
        if found := self._next(place, told.since):
            return written(found[0][0], None), found[1]
        if found := self._next(place, told.before):
            return written(None, found[0][0] - DAY), found[1]
        if found := self._next(place, told.after):
            return written(found[0][1] + DAY, None), found[1]
        if found := self._next(place, told.until):
            return written(None, found[0][1]), found[1]
        return None

    def _joined(self, found: Read | None) -> tuple[str, int] | None:
        """The value of a stretch and of another after and, or; empty if there are days between them."""
        if found is None:
            return None
        (first, last), end = found
        other = self._next(end, self.language.joins)
        if other is None:
            return written(first, last), end
        (other_first, other_last), end = other
        if other_first > last + DAY or first > other_last + DAY:
            return "", end
        return written(min(first, other_first), max(last, other_last)), end

    def _next(self, place: int, words: Collection[str]) -> Read | None:
        """What stands after one of these words."""
        start = self._skip(place, words)
        return self._when(start) if start > place else None

    def _when(self, place: int) -> Read | None:
        """A stretch after a preposition, where a year or a month may stand alone."""
        if found := self._plain(place) or self._year(place):
            return found
        month = self._month(place)
        begun = month and stretches.last_begun(month[0], self.today)
        return (begun, month[1]) if month and begun else None

    def _plain(self, place: int) -> Read | None:
        """A stretch that needs no preposition."""
        place = self._past_fillers(place)
        return (
            self._digits(place)
            or self._ago(place)
            or self._recent(place)
            or self._near(place)
            or self._of_a_year(place)
        )

    def _digits(self, place: int) -> Read | None:
        """2019-07-14, 2019-07, 2019-2021."""
        word = self._word(place)
        years = _YEARS.fullmatch(word)
        if years and all(is_year(one, self.today) for one in years.groups()):
            first, last = sorted(map(int, years.groups()))
            return (date(first, 1, 1), date(last, 12, 31)), place + 1
        if _ISO.fullmatch(word) and is_year(word[:4], self.today):
            try:
                return stretch(word), place + 1
            except ValueError:
                return None
        return None

    def _ago(self, place: int) -> Read | None:
        """Yesterday; three years ago, which is the whole of that year."""
        told = self.language
        if days := self._entry(place, told.days):
            return stretches.around(self.today - days[0] * DAY, "day"), days[1]
        start = self._skip(place, told.ago_leads)
        if not (counted := self._number(start)):
            return None
        unit = told.units.get(self._word(counted[1]))
        end = self._skip(counted[1] + 1, told.ago_follows)
        if unit is None or (start == place and end == counted[1] + 1):
            return None
        return stretches.around(stretches.earlier(self.today, unit, counted[0]), unit), end

    def _recent(self, place: int) -> Read | None:
        """The last 3 months, which end today; the word for last may follow the number."""
        recent = self.language.recent
        start = self._skip(place, recent)
        if not (counted := self._number(start)):
            return None
        end = self._skip(counted[1], recent)
        unit = self.language.units.get(self._word(end))
        if unit is None or (start == place and end == counted[1]):
            return None
        return (stretches.earlier(self.today, unit, counted[0]), self.today), end + 1

    def _near(self, place: int) -> Read | None:
        """This week, last summer, last year in July."""
        told = self.language
        if years := self._entry(place, told.years):
            return self._part((stretches.year(self.today.year - years[0]), years[1]))
        if (start := self._skip(place, told.this)) > place:
            return self._named(start, last=False)
        start = self._skip(place, told.last)
        if not (named := self._named(start, last=True)):
            return None
        end = self._skip(named[1], told.last_follows)
        return self._part((named[0], end)) if start > place or end > named[1] else None

    def _named(self, place: int, last: bool) -> Read | None:
        """The last, or else this, week or July."""
        unit = self.language.units.get(self._word(place))
        if unit and unit != "day":
            return stretches.around(stretches.earlier(self.today, unit, int(last)), unit), place + 1
        if not (yearly := self._yearly(place)):
            return None
        found = (stretches.last_over if last else stretches.present)(yearly[0], self.today)
        return (found, yearly[1]) if found else None

    def _part(self, found: Read) -> Read:
        """Of a whole year the month or season that is named after it."""
        yearly = self._yearly(self._skip(found[1], self.language.within))
        if yearly and found[0] == stretches.year(found[0][0].year) and (part := yearly[0](found[0][0].year)):
            return part, yearly[1]
        return found

    def _of_a_year(self, place: int) -> Read | None:
        """July 2021, summer of 2019, July 14, 2021, Christmas last year."""
        if not (yearly := self._yearly(place)):
            return None
        end = yearly[1] + (self._word(yearly[1]) == ",")
        year = self._year(end) or self._near(self._past_fillers(yearly[1]))
        if not year or year[0] != stretches.year(year[0][0].year):
            return None
        found = yearly[0](year[0][0].year)
        return (found, year[1]) if found else None

    def _yearly(self, place: int) -> tuple[Yearly, int] | None:
        """A month, a day of a month, a season or Christmas."""
        place = self._past_fillers(place)
        if found := self._month(place):
            return found
        word = self._word(place)
        if word in self.language.christmas:
            return stretches.christmas, place + 1
        first = self.language.seasons.get(word)
        return (stretches.season(first), place + 1) if first else None

    def _month(self, place: int) -> tuple[Yearly, int] | None:
        """July, 14 July, July 14th, 14th of July."""
        place = self._past_fillers(place)
        months = self.language.months
        if day := _DAY.fullmatch(self._word(place)):
            end = self._past_fillers(place + 1)
            month = months.get(self._word(end))
            return (stretches.day_of_year(month, int(day[1])), end + 1) if month else None
        month = months.get(self._word(place))
        if month is None:
            return None
        if day := _DAY.fullmatch(self._word(place + 1)):
            return stretches.day_of_year(month, int(day[1])), place + 2
        return stretches.months(month), place + 1

    def _year(self, place: int) -> Read | None:
        place = self._past_fillers(place)
        place += self.language.units.get(self._word(place)) == "year"  # the year 2022
        word = self._word(place)
        return (stretches.year(int(word)), place + 1) if is_year(word, self.today) else None

    def _number(self, place: int) -> tuple[int, int] | None:
        word = self._word(place)
        number = int(word) if _NUMBER.fullmatch(word) else self.language.numbers.get(word)
        return None if number is None else (number, place + 1)

    def _word(self, place: int) -> str:
        return self.words[place] if place < len(self.words) else ""

    def _past_fillers(self, place: int) -> int:
        return self._skip(self._skip(place, self.language.fillers), self.language.fillers)

    def _skip(self, place: int, options: Collection[str]) -> int:
        """The place after the longest of the options, which are words or several, that stands there."""
        if self._word(place) in self.language.several:
            for count in (3, 2):
                words = self.words[place : place + count]
                if " ".join(words) in options:
                    return place + len(words)
        return place + (self._word(place) in options)

    def _entry(self, place: int, table: Mapping[str, int]) -> tuple[int, int] | None:
        end = self._skip(place, table)
        return (table[" ".join(self.words[place:end])], end) if end > place else None
