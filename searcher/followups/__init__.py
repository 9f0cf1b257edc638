"""Follow-up questions: "and what colour is it?" after "is there a dog?" asks what colour the dog is.

What stands alone is left as it is. The rest is understood by what was spoken of before: the answer where it names
something, or else the first thing that the question is about, from the latest turn back. Each language has a table
of its short questions, pronouns and ways to say "and the cat?" (`searcher.followups.english` and its siblings).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from searcher.followups.chinese import CHINESE
from searcher.followups.czech import CZECH
from searcher.followups.english import ENGLISH
from searcher.followups.french import FRENCH
from searcher.followups.german import GERMAN
from searcher.followups.language import Language, Noun
from vlm.things import things

__all__ = ["Turn", "asks_why", "resolve"]

LANGUAGES = (ENGLISH, GERMAN, FRENCH, CZECH)
REMEMBERED = 8  # turns of a thread, the latest
_END = " \t?？!.。！"
_IDEOGRAPH = re.compile("[㐀-鿿]")
_WORD = re.compile(r"[^\W\d_]+")
# Answers that name nothing one could ask about: yes, a number, a colour, what is done.
_NO_THING = re.compile(
    r"yes|no|\d+|i can't tell.*|black|white|brown|red|blue|green|yellow|orange|pink|purple|tan|gr[ae]y|silver|gold"
    r"|indoors|outdoors|\w+ing",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:what|which|who|was|welche\w*|wer|que|quoi|quel\w*|qui|co|kdo|jak[ýáé])\b|什么|谁|哪", re.IGNORECASE
)


@dataclass(frozen=True)
class Turn:
    """A question that was asked before, as it was typed or understood, and its answer."""

    question: str
    answer: str


def resolve(thread: Sequence[Turn], question: str) -> str:
    """The question in full, by what was asked and answered before; one that stands alone is unchanged."""
    understood: list[Turn] = []
    for turn in thread[-REMEMBERED:]:
        understood.append(Turn(_resolved(understood, turn.question).replace("’", "'"), turn.answer))
    return _resolved(understood, question)


def asks_why(question: str) -> bool:
    """Whether a question is only "why?" or "are you sure?", which asks about the answer before it."""
    text = question.strip(_END)
    led = [text, *(language.lead.sub("", text, 1) for language in (*LANGUAGES, CHINESE))]
    return any(language.why.fullmatch(one) for language in (*LANGUAGES, CHINESE) for one in led)


def _resolved(thread: Sequence[Turn], question: str) -> str:
    text = question.strip(_END).replace("’", "'")
    if not thread or not text or asks_why(question):
        return question
    for language in _languages(thread[-1].question, text):
        if found := _Follow(language, thread, text).found():
            return found + language.mark
    return question


def _languages(last: str, question: str) -> Sequence[Language]:
    """The languages that a question may be in, by its own words, or else the question before first."""
    if _IDEOGRAPH.search(question):
        return (CHINESE,)
    before, now = (set(map(str.lower, _WORD.findall(text))) for text in (last, question))
    most = max(len(one.marks & now) for one in LANGUAGES)
    likely = [one for one in LANGUAGES if len(one.marks & now) == most]
    return sorted(likely, key=lambda one: -len(one.marks & before))


@dataclass(frozen=True)
class _Follow:
    """A question, without the mark at its end, read in one language as one that follows others."""

    language: Language
    thread: Sequence[Turn]
    text: str

    def found(self) -> str | None:
        """The question in full; None if it stands alone, or is of another language."""
        rest = self.language.lead.sub("", self.text, 1)
        if short := self._ellipsis(rest):
            return short
        stands_alone = rest if rest != self.text and self.language.asks.match(rest) else None
        if self.language.empty.search(rest):
            return stands_alone
        return self._pronoun(rest) or self._about() or stands_alone

    def _ellipsis(self, rest: str) -> str | None:
        for short, long in self.language.ellipses:
            if (found := short.fullmatch(rest)) and (noun := self._spoken_of(None)):
                return found.expand(long.format(**self.language.values(noun)))
        return None

    def _pronoun(self, rest: str) -> str | None:
        found = self.language.pronouns.search(rest)
        if found is None:
            return None
        who = found["who"].lower()
        own = self.language.find(rest[: found.start()])
        if own and self.language.fits(who, own) and not self.language.within.search(rest[: found.start()]):
            return None  # "Is the man holding his hat?" stands alone
        if (noun := self._spoken_of(who)) is None:
            return None
        return self.language.pronouns.sub(lambda one: self.language.instead(one, noun), rest)

    def _about(self) -> str | None:
        """And the cat? The last question, of the cat."""
        found = self.language.about.fullmatch(self.text)
        what = next(filter(None, found.groups()), "") if found else ""
        last = self.thread[-1].question.strip(_END)
        noun = self.language.find(last)
        if not what or noun is None or self.language.asks.match(what):
            return None
        return self.language.fill(last, noun, what)

    def _spoken_of(self, who: str | None) -> Noun | None:
        """What was spoken of last that a pronoun can stand for, or anything."""
        for noun in self._nouns():
            if who is None or self.language.fits(who, noun):
                return noun
        return next(self._nouns(), None)

    def _nouns(self) -> Iterator[Noun]:
        for turn in reversed(self.thread):
            if (answer := _answer(turn)) is not None:
                yield answer.translated(self.language.code)
            for language in _languages(turn.question, turn.question):
                if noun := language.find(turn.question.strip(_END)):
                    yield noun.translated(self.language.code)
                    break


@cache
def _answer(turn: Turn) -> Noun | None:
    """What the answer names, where the question asked for a thing."""
    named = turn.answer.partition(",")[0].strip(_END)
    if not named or len(named.split()) > 3 or _NO_THING.fullmatch(named) or not _OPEN.search(turn.question):
        return None
    language = next(
        (one for one in (ENGLISH, GERMAN, FRENCH, CZECH, CHINESE) if named.lower() in things(one.code)), None
    )
    return Noun(language.code if language else "en", "", named)
