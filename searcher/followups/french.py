"""Follow-up questions in French."""

import re

from searcher.followups.language import Language, Noun, added, ellipses, pattern, replace_noun
from vlm.things import Gender

_ARTICLES = r"un |une |des |le |la |les |l'|du |ce |cet |cette |ces |d'autres |mon |ma |mes "
_NAMED = pattern(rf"(?<!\w)(?P<article>{_ARTICLES})(?P<words>[^\W\d][\w-]*(?: [^\W\d][\w-]*)?)")
_BARE = pattern(r"\b(?:combien|pas) (?P<article>de |d')(?P<words>[^\W\d][\w-]*)")
_NOT_THINGS = frozenset("photo image fond arrière-plan premier couleur gauche droite scène".split())
_BEFORE = frozenset(
    "petit petite petits petites grand grande grands grandes jeune jeunes vieux vieille beau belle".split()
)
_PLACE = pattern(r"(?<!\w)(?:dans|sur|sous|derrière|devant|à|au|près de|à côté d[eu])\s")
_GENDERS: dict[str, Gender] = {"un": "m", "le": "m", "du": "m", "ce": "m", "une": "f", "la": "f", "cette": "f"}
_PRONOUNS: dict[str, Gender] = {"il": "m", "ils": "m", "elle": "f", "elles": "f"}
_VOWEL = re.compile(r"[aeiouyéèêàâîôœh]", re.IGNORECASE)


def _find(text: str) -> Noun | None:
    for found in (*_NAMED.finditer(text), *_BARE.finditer(text)):
        first, *more = found["words"].split()
        words = found["words"] if more and first.lower() in _BEFORE else first
        if words.lower() not in _NOT_THINGS:
            article = found["article"].lower().strip()
            return Noun("fr", article, words, found.start("article"), found.start("words") + len(words))
    return None


def _gender(noun: Noun) -> Gender:
    return noun.thing.forms["fr"].gender if noun.thing else _GENDERS.get(noun.article, "")


def _several(noun: Noun) -> bool:
    return noun.several or noun.article in ("des", "les", "ces", "mes", "de", "d'", "d'autres")


def _the(noun: Noun, gender: Gender = "") -> str:
    if _several(noun):
        return f"les {noun.words}"
    if _VOWEL.match(noun.words):
        return f"l'{noun.words}"
    return f"{'la' if (gender or _gender(noun)) == 'f' else 'le'} {noun.words}"


def _of(words: str) -> str:
    return f"d'{words}" if _VOWEL.match(words) else f"de {words}"


def _values(noun: Noun) -> dict[str, str]:
    several = _several(noun)
    many = noun.words if several else noun.counted(f"{noun.words}s")
    return {"the": _the(noun), "counted": _of(many), "are": "sont" if several else "est"}


def _fits(who: str, noun: Noun) -> bool:
    if _several(noun) != who.endswith("s"):
        return who.endswith("s") and noun.thing is not None
    return _gender(noun) in (_PRONOUNS[who], "")


def _instead(found: re.Match[str], noun: Noun) -> str:
    who = found["who"].lower()
    the = _the(noun, _PRONOUNS[who])
    if who.endswith("s") and not _several(noun):
        the = f"les {noun.counted()}"
    if found["verb"]:  # "est-il": the thing follows its verb
        return f"{found['verb']} {the}"
    return f"que {the}" if found[0].lower().startswith("qu") else the


def _fill(question: str, noun: Noun, what: str) -> str:
    if _PLACE.match(what):
        return added(question, what, _PLACE)
    bare = re.sub(rf"^(?:{_ARTICLES}|de |d')", "", what, flags=re.IGNORECASE)
    if noun.article in ("de", "d'"):
        what = _of(bare)
    elif what == bare:
        what = _the(Noun("fr", "", bare))
    return replace_noun(question, noun, what)


FRENCH = Language(
    code="fr",
    marks=frozenset(
        "est le la les un une des quelle quel de combien où y que qui quoi et sont couleur dans sur".split()
    ),
    lead=pattern(r"^(?:et|mais|ou|alors|donc)\b[\s,]*"),
    asks=pattern(
        r"(?:qu'|que|quoi|quel(?:le)?s?|de quelle|qui|comment|combien|où|quand|pourquoi|est|sont|y a|il y a|a|ont"
        r"|porte|fait)(?!\w)"
    ),
    about=pattern(
        rf"(?:et |mais )?(?:qu'en est-il|quid) (?:de |d')?(.+)|et pour (.+)|(?:et|ou) (.+)|((?:{_ARTICLES}).+)"
    ),
    empty=pattern(
        r"\b(?:pleut-il|neige-t-il|il (?:pleut|neige)|fait-il|il fait (?:jour|nuit|beau|froid|chaud|sombre))"
        r"|\best-ce (?:le |la |l')?(?:jour|nuit|été|hiver|intérieur|extérieur)"
    ),
    ellipses=ellipses(
        r"""
        où(?: ça| exactement| donc)? => où {are} {the}
        combien(?: y en a-t-il| il y en a| sont-ils| sont-elles| en vois-tu)? => combien {counted} y a-t-il
        (?:de )?quelles? couleurs?(?: exactement)? => de quelle couleur {are} {the}
        (?:de )?quelle (taille|race|espèce|forme) => de quelle \1 {are} {the}
        (?:il|elle) fait quoi => que fait {the}
        qui(?: ça| exactement)? => qui {are} {the}
        """
    ),
    pronouns=pattern(r"(?:\b(?<!y )(?P<verb>(?!t-)\w+)(?:-t)?-|\bqu'|(?<![\w'-]))(?P<who>ils?|elles?)\b(?! y a)"),
    within=pattern(r"\b(?:avec|sur|sous|derrière|devant|de|à)\s+$"),
    why=pattern(r"pourquoi(?: ça| cela| pas| donc)?|comment (?:le )?sais-tu(?: ça| cela)?|(?:en )?es-tu sûr"),
    find=_find,
    values=_values,
    fits=_fits,
    instead=_instead,
    fill=_fill,
    mark=" ?",
)
