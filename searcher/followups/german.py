"""Follow-up questions in German."""

import re

from searcher.followups.language import Language, Noun, added, ellipses, pattern, replace_noun
from vlm.things import Gender, things

_ARTICLES = "der|die|das|den|dem|ein|eine|einen|einem|einer|kein|keine|keinen|diese[rsnm]?|mein|meine|meinen"
_NAMED = pattern(rf"\b(?P<article>{_ARTICLES}) (?P<words>[^\W\d]+(?: [^\W\d]+){{0,2}})")
_BARE = pattern(
    r"(?P<article>)\b(?:gibt es|wie viele|siehst du|sieht man|sind(?: da| dort| hier)?)"
    r" (?P<words>[^\W\d]+(?: [^\W\d]+){0,2})"
)
_NOT_THINGS = frozenset("bild foto hintergrund vordergrund aufnahme mitte".split())
_PLACE = pattern(r"\b(?:im|in|am|an|auf|unter|hinter|vor|neben|bei|über)\s")
# What articles tell of the gender of what is asked about, and the definite article of each.
_GENDERS: dict[str, Gender] = {
    "der": "m",
    "einen": "m",
    "den": "m",
    "keinen": "m",
    "die": "f",
    "eine": "f",
    "keine": "f",
    "das": "n",
}
_THE = {"m": "der", "f": "die", "n": "das", "": ""}
_PRONOUNS = {"er": "der", "sie": "die", "es": "das", "ihn": "den", "ihm": "dem", "ihr": "der", "ihnen": "den"}
_OF = {"er": "m", "ihn": "m", "ihm": "m", "sie": "f", "ihr": "f", "es": "n"}


def _find(text: str) -> Noun | None:
    for found in (*_NAMED.finditer(text), *_BARE.finditer(text)):
        words = _words(found["words"])
        if words and words.lower() not in _NOT_THINGS:
            article = found["article"].lower()
            start = found.start("article" if article else "words")
            return Noun("de", article, words, start, found.start("words") + len(words))
    return None


def _words(text: str) -> str:
    """Up to the first word that names something: one that is known, or has a capital; else the first."""
    words = text.split()
    ends = [i for i, word in enumerate(words) if word.lower() in things("de") or word[0].isupper()]
    return " ".join(words[: ends[0] + 1] if ends else words[:1])


def _gender(noun: Noun) -> Gender:
    return noun.thing.forms["de"].gender if noun.thing else _GENDERS.get(noun.article, "")


def _several(noun: Noun) -> bool:
    return noun.several or (noun.thing is None and not noun.article)


def _the(noun: Noun, article: str = "") -> str:
    """With its definite article, or that one, and the endings of the adjectives that go with it."""
    article = article or ("die" if _several(noun) else _THE[_gender(noun)])
    ending = "en" if _several(noun) or article in ("den", "dem") else "e"
    *adjectives, name = noun.words.split()
    adjectives = [re.sub(r"e[nrsm]?$", ending, word) for word in adjectives]
    return " ".join(filter(None, [article, *adjectives, name]))


def _values(noun: Noun) -> dict[str, str]:
    several = _several(noun)
    be, have = ("sind", "haben") if several else ("ist", "hat")
    return {"the": _the(noun), "counted": noun.words if several else noun.counted(), "are": be, "have": have}


def _fits(who: str, noun: Noun) -> bool:
    if _several(noun):
        return who in ("sie", "ihnen")
    return who not in _OF or _gender(noun) in (_OF[who], "")


def _instead(found: re.Match[str], noun: Noun) -> str:
    return _the(noun, _PRONOUNS[found["who"].lower()])


def _fill(question: str, noun: Noun, what: str) -> str:
    if _PLACE.match(what):
        return added(question, what, _PLACE)
    asked = _find(what) or Noun("de", "", what)
    if asked.thing and asked.article in ("dem", "der", "den", "") and asked.article != noun.article:
        what = _the(asked) if noun.article else asked.words  # "was ist mit dem Hund?" asks for "der Hund"
    return replace_noun(question, noun, what)


GERMAN = Language(
    code="de",
    marks=frozenset(
        "ist sind der die das was wie viele gibt es welche ein eine einen und wo hat haben wer auf im".split()
    ),
    lead=pattern(r"^(?:und|aber|oder|dann|also|jetzt)\b[\s,]*"),
    asks=pattern(
        r"(?:was|welche[rsnm]?|wer|wen|wem|wessen|wie|wo|wohin|wann|warum|wieso|ist|sind|gibt|hat|haben|kann|siehst"
        r"|sieht|trägt|steht|sitzt|liegt)\b"
    ),
    about=pattern(rf"(?:und )?(?:was|wie) ist (?:es )?mit (.+)|(?:und|oder) (.+)|((?:{_ARTICLES}) .+)"),
    empty=pattern(
        r"\b(?:ist|war) es (?:draußen|drinnen|tag|nacht|sommer|winter|frühling|herbst|hell|dunkel"
        r"|kalt|warm|sonnig|bewölkt|abend|morgen|ein (?:foto|bild))\b|\b(?:regnet|schneit) es\b"
    ),
    ellipses=ellipses(
        r"""
        wo(?: denn| genau)? => wo {are} {the}
        wie ?viele(?: davon| sind es| sind das| denn)? => wie viele {counted} gibt es
        (?:in |von )?(?:welche[rn]?|was für eine) farbe(?: denn)? => welche Farbe {have} {the}
        wie (groß|alt|hoch|lang|klein) => wie \1 {are} {the}
        (?:welche|was für eine) (rasse|art|form|größe) => welche \1 {have} {the}
        wer(?: denn| genau)? => wer {are} {the}
        """
    ),
    pronouns=pattern(r"\b(?P<who>er|sie|(?<!gibt )es(?! gibt)|ihn|ihm|ihr|ihnen)\b"),
    within=pattern(r"\b(?:neben|hinter|vor|auf|unter|bei|mit|an|in|über|von|für)\s+$"),
    why=pattern(
        r"(?:warum|wieso|weshalb)(?: das| denn| nicht| glaubst du das| meinst du)?|woher weißt du das"
        r"|(?:bist du (?:dir )?|)sicher"
    ),
    find=_find,
    values=_values,
    fits=_fits,
    instead=_instead,
    fill=_fill,
)
