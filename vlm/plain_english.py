"""Questions in German, French, Czech and Chinese, put into the English that an answerer learnt to answer.

The built-in answerer learnt from English questions; asked in another language it finds the words but seldom what is
asked of them. The usual questions are few: is there, how many, which colour, where, what does somebody do, wear or
hold. They are known by their forms (plain_english.toml), and their nouns by the names of everyday things
(`vlm.things`); any other noun stays as it is, since the text encoder knows it in all the languages.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from vlm.things import CODES, Code, things

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_END = " \t?？!.。"
_FOREIGN = CODES[1:]


def in_english(question: str) -> str:
    """The question in English, in small letters; one of no known form, or in English, as it is but for its case."""
    text = " ".join(question.lower().replace("’", "'").split()).strip(_END)
    for code, form, english in _forms():
        if (found := form.fullmatch(text)) and (put := _put(code, found, english)):
            return put
    return question.lower()


@cache
def _forms() -> list[tuple[Code, re.Pattern[str], str]]:
    found = []
    for code in _FOREIGN:
        told = _table()["languages"][code]
        for line in told["forms"].strip().splitlines():
            form, english = line.split(" => ")
            found.append((code, re.compile(f"(?:{form.replace('<the>', told['the'])}){told['tail']}"), english))
    return found


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _put(code: Code, found: re.Match[str], english: str) -> str | None:
    """The form in English; None where what is said of a thing is not known, and so neither that it is a question."""
    said = found.groupdict()
    if "s" in said and not (said["s"] and (state := _state(code, said["s"]))):
        return None
    values = _noun(code, said["n"]) if said.get("n") else {}
    if "s" in said:
        values["s"] = state
    if said.get("o"):
        values["o"] = _noun(code, said["o"])["a"]
    if said.get("p"):
        values["p"] = _table()["places"][said["p"]]
    return english.format(**values)


def _noun(code: Code, words: str) -> dict[str, str]:
    """A thing with what may stand before it in English, in the singular, but where it was not."""
    known = things(code)
    parts = [words] if code == "zh" else _WORD.findall(words)
    thing = next((known[part] for part in (words, *reversed(parts)) if part in known), None)
    if thing is None:
        return {"a": f"a {words}", "the": f"the {words}", "many": words, "are": "is", "there": f"is there {words}"}
    form, own = thing.forms["en"], thing.forms[code]
    colours = [state for part in parts if part not in known and (state := _state(code, part))]
    several = own.several.lower() in parts and own.several != own.one
    one = " ".join([*colours, form.one])
    many = " ".join([*colours, form.several])
    a = f"an {one}" if one[0] in "aeiou" else f"a {one}"
    mass = form.one == form.several
    there = f"are there any {many}" if several else f"is there {one}" if mass else f"is there {a}"
    the, are = (f"the {many}", "are") if several else (f"the {one}", "is")
    return {"a": a, "the": the, "many": many, "are": are, "there": there}


def _state(code: Code, word: str) -> str:
    """A colour, or what is done, in English; empty if it is not known."""
    return next((english for start, english in _states(code) if word.startswith(start)), "")


@cache
def _states(code: Code) -> list[tuple[str, str]]:
    rows = [line.split("|") for line in _table()["said"].strip().splitlines()]
    return [(start, row[0]) for row in rows for start in row[CODES.index(code)].split()]
