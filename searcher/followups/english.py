"""Follow-up questions in English."""

import re

from searcher.followups.language import Language, Noun, added, ellipses, pattern, replace_noun

_ARTICLES = "the|an?|any|some|this|that|these|those|my|our"
# What ends the words of a thing: "the brown dog | on the left", "the man | holding".
_END = pattern(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|can|there|here|in|on|at|with|under|behind|near|next|beside|over"
    r"|above|below|to|from|for|by|and|or|that|who|which|looks?|like|made|called|visible|happy|sad|\w+ing)\b"
)
_NOT_THINGS = frozenset(
    "picture photo photograph image scene background foreground left right middle front top another other more".split()
)
_NAMED = pattern(rf"\b(?P<article>{_ARTICLES})\s+(?P<words>[^,;?.!]+)")
_BARE = pattern(r"\b(?P<article>)(?:how many|(?:are|is) there|(?:do|can) (?:you|i|we) see)\s+(?P<words>[^,;?.!]+)")
_PLACE = pattern(r"\b(?:in|on|at|under|behind|near|beside|next to|in front of)\s")
_IRREGULAR = {"man": "men", "woman": "women", "person": "people", "child": "children"}
_ANIMALS = frozenset("dog cat horse cow bird bear animal".split())


def _find(text: str) -> Noun | None:
    for found in (*_NAMED.finditer(text), *_BARE.finditer(text)):
        ended = _END.search(found["words"])
        words = " ".join((found["words"][: ended.start()] if ended else found["words"]).split()[:4])
        if words and words.lower().split()[-1] not in _NOT_THINGS:
            article = found["article"].lower()
            start = found.start("article" if article else "words")
            return Noun("en", article, words, start, found.start("words") + len(words))
    return None


def _several(noun: Noun) -> bool:
    return noun.several or (noun.thing is None and noun.article in ("", "any", "some", "these", "those"))


def _plural(noun: Noun) -> str:
    if _several(noun):
        return noun.words
    head, space, last = noun.words.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif re.search(r"(?:s|x|ch|sh)$", last):
        last += "es"
    else:
        last = re.sub(r"(?<=[^aeiou])y$", "ie", last) + "s"
    return f"{head}{space}{last}"


def _the(noun: Noun) -> str:
    return f"{noun.article} {noun.words}" if noun.article in ("my", "our") else f"the {noun.words}"


def _values(noun: Noun) -> dict[str, str]:
    return {"the": _the(noun), "counted": _plural(noun), "are": "are" if _several(noun) else "is"}


def _fits(who: str, noun: Noun) -> bool:
    if who in ("it", "its"):
        return not noun.human and not _several(noun)
    if who in ("they", "them", "their", "one", "ones"):
        return True
    return noun.human or noun.thing is None or noun.thing.forms["en"].one in _ANIMALS


def _instead(found: re.Match[str], noun: Noun) -> str:
    who, rest = found["who"].lower(), found.string[found.end() :]
    if who in ("one", "ones"):
        return noun.words
    the = f"the {_plural(noun)}" if who in ("they", "them", "their") and noun.thing else _the(noun)
    if who in ("its", "his", "their") or (who == "her" and re.match(r"\s+\w", rest)):
        return f"{the}'" if the.endswith("s") else f"{the}'s"
    return the


def _fill(question: str, noun: Noun, what: str) -> str:
    if _PLACE.match(what):
        return added(question, what, _PLACE)
    what = re.sub(r"\bones?\b", noun.words, what)
    bare = re.sub(rf"^(?:{_ARTICLES}) ", "", what, flags=re.IGNORECASE)
    if noun.article in ("a", "an"):  # "is there a dog": "and the cat" is meant as "a cat"
        what = bare if bare.endswith("s") else f"{'an' if bare[0] in 'aeiou' else 'a'} {bare}"
    elif noun.article in ("", "any", "some"):
        what = f"{noun.article} {bare}".strip()
    elif what == bare and not re.match(r"(?:his|her|its|their)\b", what):
        what = f"the {what}"
    return replace_noun(question, noun, what)


ENGLISH = Language(
    code="en",
    marks=frozenset("is are the what which who how many there where any does do it they on and about color".split()),
    lead=pattern(r"^(?:and|but|so|or|ok|okay|then|also|now)\b[\s,]*"),
    asks=pattern(r"(?:what|which|who|whose|how|where|when|why|is|are|was|were|do|does|did|has|have|can|could|will)\b"),
    about=pattern(rf"(?:(?:and|or|but) )?(?:what|how) about (.+)|(?:and|or|but) (.+)|((?:{_ARTICLES}) .+)"),
    empty=pattern(
        r"\bit (?:(?:raining|snowing|sunny|cloudy|windy|foggy|dark|bright|day|night|daytime|morning|evening|indoors"
        r"|outdoors|inside|outside|summer|winter|spring|autumn|cold|warm|hot|late|early)\b|an? (?:photo|picture|day))"
    ),
    ellipses=ellipses(
        r"""
        where(?: exactly| is that)? => where {are} {the}
        how many(?: of (?:them|those|these))?(?: are there| do you see)? => how many {counted} are there
        (?:of |in )?(?:what|which|the|its) colou?rs?(?: exactly)? => what colour {are} {the}
        how (big|old|tall|large|small|long|high|far) => how \1 {are} {the}
        (?:what|which) (kind|type|sort|breed|species|size|shape|make) => what \1 {are} {the}
        (?:doing what|what doing) => what {are} {the} doing
        (?:wearing what|what wearing) => what {are} {the} wearing
        who(?: exactly)? => who {are} {the}
        """
    ),
    pronouns=pattern(r"(?P<who>(?<=another )ones?|(?<=other )ones?|\b(?:its?|he|him|his|she|her|they|them|their))\b"),
    within=pattern(r"\b(?:in|on|at|with|under|behind|near|next to|beside|over|above|below|from|for|to|of)\s+$"),
    why=pattern(
        r"why(?: so| not| is that| do you (?:think|say)(?: so| that)?)?|how (?:do|can) you (?:know|tell)(?: that)?"
        r"|are you (?:sure|certain)"
    ),
    find=_find,
    values=_values,
    fits=_fits,
    instead=_instead,
    fill=_fill,
)
