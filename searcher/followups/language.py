"""What a language has to say about itself so that follow-up questions are understood in it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from vlm.things import Code, Thing, things


@dataclass(frozen=True)
class Noun:
    """Something that a question or an answer speaks of: its words without the article, and where both stand."""

    code: Code
    article: str
    words: str
    start: int = 0
    end: int = 0

    @property
    def thing(self) -> Thing | None:
        """What it is, if that is known; by its last word, or else its first, where French has it."""
        known = things(self.code)
        parts = self.words.lower().split() or [""]
        return known.get(self.words.lower()) or known.get(parts[-1]) or known.get(parts[0])

    @property
    def human(self) -> bool:
        """Whether it is known to be somebody."""
        return self.thing is not None and self.thing.human

    @property
    def several(self) -> bool:
        """Whether it is known to be in the plural."""
        form = self.thing and self.thing.forms[self.code]
        last = self.words.lower().split()[-1:]
        return bool(form and form.one != form.several and last and last[0] in (form.several.lower(), form.counted))

    def translated(self, code: Code) -> "Noun":
        """The same in another language, as far as its name there is known."""
        if code == self.code or self.thing is None:
            return self
        form = self.thing.forms[code]
        return Noun(code, "", form.several if self.several else form.one)

    def counted(self, default: str = "") -> str:
        """How it stands after "how many"."""
        return self.thing.forms[self.code].counted if self.thing else default or self.words


Short = tuple[re.Pattern[str], str]


@dataclass(frozen=True)
class Language:
    """One language.

    marks: words by which it is told from others; lead: "and" and the like, at the beginning; asks: how a question
    that stands alone begins; about: "and the cat", "what about the cat", where one of the groups is the cat; empty:
    questions whose "it" is nothing ("is it raining"); ellipses: short questions, and what they are short for, with
    what `values` gives for a noun; pronouns: with the group `who`, replaced by `instead`; within: what stands before
    a pronoun that is not of the same question ("next to it"); why: asks for the reason of an answer; find: the
    first thing that a question speaks of; fits: whether a pronoun can stand for a thing; fill: a question with
    something else in the place of its noun; mark: what ends a question.
    """

    code: Code
    marks: frozenset[str]
    lead: re.Pattern[str]
    asks: re.Pattern[str]
    about: re.Pattern[str]
    empty: re.Pattern[str]
    ellipses: tuple[Short, ...]
    pronouns: re.Pattern[str]
    within: re.Pattern[str]
    why: re.Pattern[str]
    find: Callable[[str], Noun | None]
    values: Callable[[Noun], dict[str, str]]
    fits: Callable[[str, Noun], bool]
    instead: Callable[[re.Match[str], Noun], str]
    fill: Callable[[str, Noun, str], str]
    mark: str = "?"


def pattern(text: str) -> re.Pattern[str]:
    """A pattern for which case does not matter."""
    return re.compile(text, re.IGNORECASE)


def ellipses(table: str) -> tuple[Short, ...]:
    """Short questions and what they are short for, a line each: where|where {is} {the}, after ` => `."""
    lines = (line.strip().split(" => ") for line in table.strip().splitlines())
    return tuple((pattern(short), long) for short, long in lines)


def added(question: str, what: str, place: re.Pattern[str]) -> str:
    """The question with another place ("in the background") for the one at its end, if it has any."""
    *_, old = (None, *place.finditer(question))
    return f"{question[: old.start()].rstrip() if old else question} {what}"


def replace_noun(question: str, noun: Noun, what: str) -> str:
    """The question with something else in the place of its noun."""
    return f"{question[: noun.start]}{what}{question[noun.end :]}"
