"""What a question about the library asks for, by its form in the model's languages (catalog_questions.toml).

| asked | kind | by |
| --- | --- | --- |
| when was I last at the sea? | last | |
| when did I first visit Lyon? | first | |
| when was I in Lyon? | when | |
| what do I photograph most? which camera do I use most? | most | tag, camera |
| how many photos per year? | per | year |
| which countries have I been to? | list | country |
| where was I in June 2021? | where | place |
| what is the oldest photo? the newest of a dog? | oldest, newest | |
| how many photos do I have from 2021? how many videos? | number | |
"""

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

from vlm.things import CODES, Code, things

Kind = Literal["last", "first", "when", "most", "per", "list", "where", "oldest", "newest", "number"]
By = Literal["year", "month", "day", "camera", "lens", "city", "country", "place", "type", "rating", "tag"]

_END = " \t?？!.。"
_PART = re.compile(r"(?<!\?P)<(I|photos|by)>")


@dataclass(frozen=True)
class Asked:
    """A question about the library: of the photos that the filters `terms` let through and that are `about` something
    (words for the query language, perhaps none), what is asked, and what they are to be counted by."""

    kind: Kind
    by: By | None = None
    about: str = ""
    terms: tuple[str, ...] = ()
    before: re.Pattern[str] = field(default=re.compile("^$"), compare=False, repr=False)
    code: Code = "en"

    def thing(self, text: str) -> str:
        """What is left of a text without the preposition before it; in English, if it names an everyday thing."""
        name = stripped(text, self.before)
        known = things(self.code).get(name.lower()) if self.code != "en" else None
        return known.forms["en"].one if known else name


def stripped(text: str, first: re.Pattern[str]) -> str:
    """A text without what stands at its beginning, however often."""
    text = text.strip(" ,")
    while (shorter := first.sub("", text, 1).strip(" ,")) != text:
        text = shorter
    return text


def read(question: str) -> Asked | None:
    """What a question asks of the library; None if it is not about the library as a whole."""
    text = " ".join(question.replace("’", "'").split()).strip(_END)
    for language in _languages():
        for form, kind, by in language.forms:
            if found := form.fullmatch(text):
                groups = found.groupdict()
                terms, about = language.photos_about(groups.get("about") or "")
                counted = language.counted_by(groups["by"]) if groups.get("by") else by
                return Asked(kind, counted, about, terms, language.before, language.code)
    return None


@dataclass(frozen=True)
class _Language:
    code: Code
    forms: list[tuple[re.Pattern[str], Kind, By | None]]
    by: dict[By, re.Pattern[str]]
    filler: re.Pattern[str]
    lead: re.Pattern[str]
    before: re.Pattern[str]
    conditions: list[tuple[str, re.Pattern[str]]]

    def counted_by(self, word: str) -> By:
        """What a word such as "cameras" is counted by."""
        return next(by for by, pattern in self.by.items() if pattern.fullmatch(word))

    def photos_about(self, words: str) -> tuple[tuple[str, ...], str]:
        """The filters that words stand for, and the rest of them, without what says nothing."""
        rest = " ".join(self.filler.sub(" ", words).split()).strip(" ,")
        terms = []
        for term, pattern in self.conditions:
            if found := pattern.search(rest):
                terms.append(term.format(**found.groupdict()))
                rest = " ".join(f"{rest[: found.start()]} {rest[found.end() :]}".split())
        return tuple(terms), stripped(rest, self.lead)


@cache
def _languages() -> list[_Language]:
    table = tomllib.loads(files("searcher").joinpath("catalog_questions.toml").read_text(encoding="utf-8"))
    return [_language(code, table[code]) for code in CODES]


def _language(code: Code, told: dict[str, Any]) -> _Language:
    parts = {"I": told["I"], "photos": told["photos"], "by": "|".join(told["by"].values())}
    spaced = code != "zh"

    def pattern(text: str) -> re.Pattern[str]:
        return re.compile(_PART.sub(lambda found: f"(?:{parts[found[1]]})", text), re.IGNORECASE)

    def within(text: str) -> re.Pattern[str]:
        return pattern(rf"(?<!\w)(?:{text})(?!\w)" if spaced else f"(?:{text})")

    def first(text: str) -> re.Pattern[str]:
        return pattern(rf"^(?:{text})(?:(?<=')|\s+|$)" if spaced else f"^(?:{text})")

    forms: list[tuple[re.Pattern[str], Kind, By | None]] = []
    for line in told["forms"].strip().splitlines():
        form, asked = line.split(" => ")
        kind, _, by = asked.partition(" ")
        forms.append((pattern(form), cast(Kind, kind), cast(By, by) or None))
    return _Language(
        code,
        forms,
        {by: pattern(words) for by, words in told["by"].items()},
        within(told["filler"]),
        first(told["lead"]),
        first(told["before"]),
        [(term, within(words)) for term, words in told["conditions"].items()],
    )
