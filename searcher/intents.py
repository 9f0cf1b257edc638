"""What a question about many photos wants, in the model's languages: to count them, those that it holds of, a table,
the best one, or simply an answer from each.

| asked | kind | put to each photo |
| --- | --- | --- |
| how many of these are indoors? auf wie vielen ist ein Hund? | count | is it indoors or outdoors? is there a dog? |
| how many dogs are there? combien de chiens ? | things | is there a dog? and if so: how many dogs are there? |
| which have a dog? které jsou v noci? | which | is there a dog? is it night? |
| what colours are the cars? 车都是什么颜色? | table | is there a car? and if so: what color is the car? |
| which is the best for a cover? die schärfste | best | nothing: they are measured (`searcher.best`) |
| anything else | plain | the question as it stands |

Questions are put in the words that the built-in answerer does best at: on dev pictures, "is there a dog?" is answered
rightly and surely as often as any other way to say it, and "is it indoors or outdoors?" in 94 % where "is it
indoors?" by the answerer alone was in 59 %.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from vlm.plain_english import in_english
from vlm.things import CODES, Code, Thing, things

Kind = Literal["count", "things", "which", "table", "best", "plain"]

YES, NO = "yes", "no"
INDOORS, OUTDOORS = "indoors", "outdoors"
PLACE = "is it indoors or outdoors?"
_JUDGED = {
    "indoors": (PLACE, INDOORS, "are indoors"),
    "outdoors": (PLACE, OUTDOORS, "are outdoors"),
    "night": ("is it night?", YES, "are taken at night"),
    "day": ("is it night?", NO, "are taken by day"),
}
_PREMISED = re.compile(
    r"what colou?r is the (.+)\?|what is the (.+) (?:doing|wearing|holding|riding)\?|how many (.+) are there\?"
)
_MASS = frozenset("snow water grass hair food bread fruit coffee wine fire sand glasses trousers".split())


@dataclass(frozen=True)
class Intent:
    """What is wanted: `question` is put to each photo whose answer to `premise`, if there is one, is yes.

    `wanted` is the answer that counts, and `said` how a sentence says of photos that they have it: "have a dog". For a
    table and for things `said` names what it is about: "car", "dogs". Of the best `said` is what it is to be best for,
    and `by` the only thing that counts, if there is one: sharpness, size, exposure.
    """

    kind: Kind
    question: str = ""
    premise: str | None = None
    wanted: str | None = None
    said: str = ""
    by: str | None = None


def understand(question: str) -> Intent:
    """What a question is to be taken for."""
    text = " ".join(question.lower().replace("’", "'").split()).strip(" \t?？!.。¿")
    english = in_english(question).strip(" ?.!")
    for form, put in _tables():
        if found := form.fullmatch(english):
            return _table(put, found.groupdict())
    for code in CODES:
        forms = _forms(code)
        if forms["best"].search(text):
            return _best(forms, text)
        for kind in ("count", "which"):
            if found := forms[kind].fullmatch(text):
                return _judged(kind, code, found)
        if found := forms["things"].fullmatch(text):
            return _counted(code, found["p"])
    return Intent("plain", question.strip())


# Best


def _best(forms: dict[str, re.Pattern[str]], text: str) -> Intent:
    by = next((name for name in ("sharpness", "size", "exposure") if forms[name].search(text)), None)
    found = forms["for"].search(text)
    wish = found["p"].strip() if found else ""
    return Intent("best", said=wish, by=None if wish else by)


# Counts, and which


def _judged(kind: Literal["count", "which"], code: Code, found: re.Match[str]) -> Intent:
    """Photos of which something holds, or does not hold."""
    words = found["p"].strip()
    without = _forms(code)["without"].match(words)
    if without:
        words = words[without.end() :].strip()
    question, wanted, said = _asked(code, words, are=bool(found.groupdict().get("are")))
    if without:
        wanted = {YES: NO, INDOORS: OUTDOORS, OUTDOORS: INDOORS}.get(wanted, YES)
        said = f"do not {said}" if said.startswith("have ") else said.replace("are ", "are not ", 1)
    return Intent(kind, question, wanted=wanted, said=said)


def _asked(code: Code, words: str, *, are: bool) -> tuple[str, str, str]:
    """The question whether something holds of a photo, the answer that it does, and how photos of which it does are
    spoken of; `are` where they were said to be so, rather than to have it."""
    forms = _forms(code)
    for name, asked in _JUDGED.items():
        if forms[name].fullmatch(words):
            return asked
    bare = forms["before"].sub("", words).strip().removesuffix("的")
    thing = _thing(code, bare)
    if code != "en":
        return _there(thing, bare), YES, f"have {_with_article(thing) if thing else bare}"
    if are and not thing and bare == words and not forms["article"].match(words):
        return f"is it {words}?", YES, f"are {words}"
    return _there(thing, bare), YES, f"are {words}" if are and bare != words else f"have {words}"


def _there(thing: Thing | None, words: str) -> str:
    """The question whether a thing is there that is known, or named by these words."""
    if thing:
        return f"is there {_with_article(thing)}?"
    bare = re.sub(r"^(?:an?|any|some|the) ", "", words)
    if bare.endswith("s") and not bare.endswith("ss"):
        return f"are there any {bare}?"
    return f"is there {'an' if bare[0] in 'aeiou' else 'a'} {bare}?"


def _thing(code: Code, words: str) -> Thing | None:
    """The everyday thing that words name whole, but for an article."""
    known = things(code)
    return known.get(words) or known.get(_forms(code)["article"].sub("", words))


def _with_article(thing: Thing) -> str:
    """A thing as English has it after "there is"."""
    own = thing.forms["en"]
    if own.one in _MASS:
        return own.one
    return f"an {own.one}" if own.one[0] in "aeiou" else f"a {own.one}"


# Things, and tables


def premise_of(question: str) -> str | None:
    """The question that must be answered with yes before this one makes sense: before that for the colour of the car,
    whether there is a car."""
    found = _PREMISED.fullmatch(question.lower())
    if not found:
        return None
    words = next(filter(None, found.groups()))
    return _there(_thing("en", words), words)


def _counted(code: Code, words: str) -> Intent:
    bare = _forms(code)["article"].sub("", words.strip())
    thing = _thing(code, bare)
    many = thing.forms["en"].several if thing else bare
    question = f"how many {many} are there?"
    return Intent("things", question, premise=premise_of(question), said=many)


def _table(put: str, said: Mapping[str, str]) -> Intent:
    if "p" not in said:
        return Intent("table", put)
    thing = _thing("en", said["p"])
    one = thing.forms["en"].one if thing else said["p"]
    question = put.format(**{**said, "p": one})
    return Intent("table", question, premise=premise_of(question), said=one)


# What is written in intents.toml


@cache
def _written() -> dict[str, Any]:
    return tomllib.loads(files("searcher").joinpath("intents.toml").read_text(encoding="utf-8"))


@cache
def _forms(code: Code) -> dict[str, re.Pattern[str]]:
    parts: dict[str, str] = {}
    for name, part in _written()[code]["parts"].items():
        parts[name] = _whole(part, parts)
    return {name: re.compile(_whole(form, parts)) for name, form in _written()[code]["forms"].items()}


@cache
def _tables() -> list[tuple[re.Pattern[str], str]]:
    tables = _written()["tables"]
    return [(re.compile(_whole(form, {"all": tables["all"]})), put) for form, put in tables["forms"]]


def _whole(form: str, parts: Mapping[str, str]) -> str:
    """A form with its parts in their places."""
    for name, part in parts.items():
        form = form.replace(f"<{name}>", part)
    return form
