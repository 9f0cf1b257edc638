"""How instructions are said in one language: the templates and words of `instructions.toml`, as patterns.

A template is words with `[may be left out]`, `(one|or the other)`, `<other words of the language>` and `{slots}`.
It is matched against text in small letters without accents, each word followed by a space; no repetition is
nested in another, so that no text takes long.
"""

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from vlm.editing.folding import Folded, fold

_TOKEN = re.compile(r"\[\{on\}\]|<\w+>|\{\w+\}|[\[\]()|]|[^\s\[\]()|<>{}]+")
_MAYBE_A_PLACE = "[{on}]"  # left out where what follows may be an amount, or the place would swallow that
_MARKS = {"(": "(?:", ")": ")", "[": "(?:", "]": ")?", "|": "|"}
_NUMBER = r"[+-]?\d{1,6}(?:[.,]\d{1,2})?"
_SIZE = r"\d{1,6} ?[x×*] ?\d{1,6}"
_ASPECT = r"\d{1,3}(?:\.\d{1,2})? ?[:/] ?\d{1,3}(?:\.\d{1,2})?|\d{1,2} ?[x×] ?\d{1,2}(?!\d)"
AMOUNTS = ("bit", "lot", "most")
SHADES = ("dark", "light")
QUOTED = "[\ue000-\uf8ff]"  # stands for what was in quotation marks
_WORDS = f"[^{QUOTED[1:]}+?"
# What each slot holds, besides the words that have a meaning.
_SLOTS = {
    "on": r"(?P<on>.+?)",
    "text": rf"(?P<text>{_WORDS})",
    "quoted": rf"(?P<quoted>{QUOTED})",
    "any": _WORDS,
    "size": rf"(?P<size>{_SIZE})",
    "aspect": rf"(?P<aspect>{_ASPECT})",
}
_UNITS = {"percent": "percent", "share": "percent", "degrees": "degrees", "pixels": "pixels"}
_NEEDS_A_UNIT = "share"
_PUNCTUATION = r"[;!?。、] ?|(?<!\d), ?|,(?!\d) ?|\.(?=[ ;]|$) ?"


@dataclass(frozen=True)
class Template:
    """One way to say something; `means` is an operation with what it takes, or the kind of word that tells."""

    means: str
    expression: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when it is first tried: most are only for what is said in a rare way."""
        return _pattern(self.expression)

    def slots(self, text: str) -> dict[str, slice] | None:
        """Where a text has what fills the slots, None where it is said in another way."""
        matched = self.pattern.fullmatch(text)
        return matched and slots(matched)


@dataclass(frozen=True, eq=False)
class Language:
    """The words and templates of one language."""

    code: str
    table: Mapping[str, Any]

    @property
    def spaced(self) -> bool:
        """Whether spaces stand between its words."""
        return self.code != "zh"

    @property
    def at_a_word(self) -> str:
        """What a pattern begins with to match whole words."""
        return "(?:^|(?<= ))" if self.spaced else ""

    @cached_property
    def templates(self) -> tuple[Template, ...]:
        """What it understands, in the order to try."""
        return tuple(self._templates("says"))

    @cached_property
    def new_things(self) -> tuple[Template, ...]:
        """What asks for something that is not in the picture."""
        return tuple(self._templates("generates"))

    @cached_property
    def names(self) -> tuple[Template, ...]:
        """What it calls parts of a picture and things by their side, with what that is in English."""
        return tuple(self._templates("named"))

    @cached_property
    def words(self) -> frozenset[str]:
        """All words that it has, to guess the language of a text."""
        return frozenset(word for text in _texts(self.table) for word in re.findall(r"\w+", fold(text).text))

    @cached_property
    def deeds(self) -> frozenset[str]:
        """Its verbs, but for those that may say what a thing is like: "warm"."""
        return frozenset(self.meanings("verb")) - frozenset(self.meanings("adjective"))

    def meanings(self, kind: str) -> Mapping[str, str]:
        """What its adjectives, verbs, nouns, colours or places mean, by the folded word."""
        return _meanings(self, kind)

    def words_for(self, name: str) -> re.Pattern[str]:
        """The pattern of some of its words, such as its articles."""
        return _words_for(self, name)

    def clauses(self, text: str) -> list[tuple[int, int]]:
        """Where the clauses of a folded text begin and end: it is cut at punctuation, "and", and before "except"."""
        return _between(_seams(self), text)

    def pieces(self, places: Folded) -> list[Folded]:
        """The places of a list: "the dog and the cat" are two, "the face of the man and the woman" is left whole."""
        if self.says(places, "of"):
            return [places]
        cut = [places[start:end].strip() for start, end in _between(_commas(self), places.text)]
        named = all(not self.spaced or self.words_for("articles").match(piece.text) for piece in cut[1:])
        return cut if named and len(cut) > 1 and all(piece.text for piece in cut) else [places]

    def says(self, text: Folded, name: str) -> bool:
        """Whether some of its words stand anywhere in a text."""
        return _anywhere(self, name).search(text.text) is not None

    def compiled(self, template: str) -> str:
        """A template as a regular expression."""
        return "(?:" + "".join(self._token(token) for token in _TOKEN.findall(template)) + ")"

    def _templates(self, table: str) -> Iterator[Template]:
        for means, templates in self.table[table].items():
            for template in templates:
                yield Template(means, self.compiled(template))

    def _token(self, token: str) -> str:
        if token in _MARKS:
            return _MARKS[token]
        if token == _MAYBE_A_PLACE:
            return f"(?:{self._slot('on')})??"
        if token[0] == "<":
            return self.compiled(self.table[token[1:-1]])
        if token[0] == "{":
            return self._slot(token[1:-1])
        return re.escape(fold(token).text) + ("" if token.endswith("'") else self._gap)

    @property
    def _gap(self) -> str:
        return " " if self.spaced else " ?"

    def _slot(self, name: str) -> str:
        if name in _SLOTS:
            return _SLOTS[name] + self._gap
        if name == "much":
            said = "|".join(f"(?P<{amount}>{self.compiled(self.table[amount])})" for amount in AMOUNTS)
            return f"(?:{said}|{self.compiled('[<by>]')}{self._number('percent')})"
        if name in _UNITS:
            return self._number(name)
        phrases = sorted(self.meanings(name), key=len, reverse=True)
        said = f"(?P<{name}>" + "|".join(self.compiled(phrase) for phrase in phrases) + ")"
        if name != "colour":
            return said
        shade = "|".join(f"(?P<{shade}>{self.compiled(self.table[shade])})" for shade in SHADES)
        return rf"(?:(?P<hex>#[0-9a-f]{{6}}) |(?:{shade})?{said})"

    def _number(self, name: str) -> str:
        unit = self.compiled(self.table[_UNITS[name]])
        bare = "" if name == _NEEDS_A_UNIT else r"|(?![a-z\d.,:])" + " ?"
        return rf"(?P<{name}>{_NUMBER})(?: ?{unit}{bare})"


@cache
def languages() -> tuple[Language, ...]:
    """The languages of instructions.toml."""
    return tuple(Language(code, table) for code, table in _data().items() if "says" in table)


def shades(shade: str) -> Mapping[str, str]:
    """What CSS calls the "dark" or the "light" ones of the colours."""
    return dict(pair.split("=") for pair in _data()["shades"][shade].split("|"))


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "instructions.toml").read_text(encoding="utf-8"))


def _texts(table: Mapping[str, Any]) -> Iterator[str]:
    """All phrases and templates of a table and of those in it."""
    for value in table.values():
        yield from _texts(value) if isinstance(value, dict) else [value] if isinstance(value, str) else value


@cache
def _meanings(language: Language, kind: str) -> Mapping[str, str]:
    table: Mapping[str, str] = language.table[kind]
    return {fold(phrase.strip()).text: means for means, phrases in table.items() for phrase in phrases.split("|")}


@cache
def _anywhere(language: Language, name: str) -> re.Pattern[str]:
    return re.compile(language.at_a_word + language.compiled(language.table[name]))


@cache
def _seams(language: Language) -> re.Pattern[str]:
    """What is between two clauses; what must stay together is matched too, as "kept"."""
    start, table = language.at_a_word, language.table
    ands = [rf"{start}{language.compiled(table['and'])}", rf"{start}(?={language.compiled(table['splits'])})"]
    if "and_before" in table:
        ands.append(f"{language.compiled(table['and_before'])}(?={language.compiled(table['begins'])})")
    return re.compile(rf"(?P<kept>{start}{language.compiled(table['together'])})|{_PUNCTUATION}|{'|'.join(ands)}")


@cache
def _commas(language: Language) -> re.Pattern[str]:
    """What is between two places of a list."""
    words = language.compiled(language.table["and_also"])
    kept = language.compiled(language.table["together"])
    return re.compile(rf"(?P<kept>{language.at_a_word}{kept})|[,、] ?|{language.at_a_word}{words}")


def _between(seams: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    """The stretches of a text that are left between the seams."""
    cuts = [found.span() for found in seams.finditer(text) if found["kept"] is None]
    edges = [0, *(edge for cut in cuts for edge in cut), len(text)]
    return list(zip(edges[::2], edges[1::2], strict=True))


@cache
def _words_for(language: Language, name: str) -> re.Pattern[str]:
    return _pattern(language.compiled(language.table[name]))


def _pattern(expression: str) -> re.Pattern[str]:
    """The expression compiled, its groups numbered: a slot may stand in several alternatives."""
    count = itertools.count()
    return re.compile(re.sub(r"\(\?P<(\w+)>", lambda found: f"(?P<{found[1]}_{next(count)}>", expression))


def slots(matched: re.Match[str]) -> dict[str, slice]:
    """Where the slots of a template were filled."""
    filled = {name: matched.span(name) for name, text in matched.groupdict().items() if text is not None}
    return {name.rpartition("_")[0]: slice(*span) for name, span in filled.items()}
