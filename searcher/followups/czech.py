"""Follow-up questions in Czech, which as a rule leaves the pronoun out: "a jakou má barvu?"."""

import re

from searcher.followups.language import Language, Noun, added, ellipses, pattern, replace_noun
from vlm.things import Gender, things

_WORD = re.compile(r"[^\W\d]+")
_ON_IT = r"(?: (?:tam|tu|zde|vidět|na (?:té )?(?:fotce|fotografii|obrázku|snímku)|nějak[ýáéou]+))*"
_BARE = pattern(rf"\b(?:je|jsou|vidíš|vidíte|kolik|má|mají|dělá|dělají|barvy)\b{_ON_IT} (?P<words>[^\W\d]+)")
_NOT_THINGS = frozenset(
    "fotce fotografii obrázku snímku pozadí popředí to barva barvu barvy na v tam tu je jsou má co kde".split()
)
_PLACE = pattern(r"\b(?:na|v|ve|pod|za|před|vedle|u|nad|vlevo|vpravo)\b")
_PRONOUNS: dict[str, Gender] = {"on": "m", "ona": "f", "ono": "n"}
_ADJECTIVE = (
    r"(?:mal|velk|hněd|bíl|čern|červen|modr|zelen|žlut|šed|mokr|star|mlad|šťastn|smutn|otevřen|zavřen)[ýáéíě]"
    r"|venku|uvnitř|sám|sama|samo"
)
_ACTS = "sedí|stojí|leží|běží|spí|skáče|skáčou|plave|plavou|letí|jí|pije|hraje si|hrají si|usmívá se|usmívají se"


def _find(text: str) -> Noun | None:
    for found in _WORD.finditer(text):
        if found[0].lower() in things("cs"):
            return Noun("cs", "", found[0], found.start(), found.end())
    for found in _BARE.finditer(text):
        if found["words"].lower() not in _NOT_THINGS:
            return Noun("cs", "", found["words"], found.start("words"), found.end("words"))
    return None


def _gender(noun: Noun) -> Gender:
    return noun.thing.forms["cs"].gender if noun.thing else ""


def _the(noun: Noun, several: bool = False) -> str:
    """In the nominative, if its forms are known."""
    if noun.thing is None:
        return noun.words
    form = noun.thing.forms["cs"]
    return form.several if several or noun.several else form.one


def _values(noun: Noun) -> dict[str, str]:
    several = noun.several
    return {
        "the": _the(noun),
        "counted": noun.counted(),
        "are": "jsou" if several else "je",
        "have": "mají" if several else "má",
    }


def _fits(who: str, noun: Noun) -> bool:
    return who not in _PRONOUNS or _gender(noun) in (_PRONOUNS[who], "")


def _instead(found: re.Match[str], noun: Noun) -> str:
    return _the(noun, several=found["who"].lower() in ("oni", "ony"))


def _fill(question: str, noun: Noun, what: str) -> str:
    if _PLACE.match(what):
        return added(question, what, _PLACE)
    return replace_noun(question, noun, what)


CZECH = Language(
    code="cs",
    marks=frozenset("je jsou co kde kolik jakou jaká jaké barvu má na tam kdo v to dělá vidíš".split()),
    lead=pattern(r"^(?:a|ale|nebo|tak|a teď)\b[\s,]*"),
    asks=pattern(
        r"(?:co|kdo|kde|kam|kdy|kolik|jak|jak[ýáéou]+|který|která|které|čí|proč|je|jsou|má|mají|vidíš|vidíte|není)\b"
    ),
    about=pattern(r"(?:a )?co (?!má|mají|děl|drží|nese|jí|pije|je\b|jsou\b)(.+)|(?:a|nebo) (.+)"),
    empty=pattern(r"\b(?:prší|sněží)\b|\bje (?:to )?(?:den|noc|léto|zima|jaro|podzim|tma|světlo|teplo|venku nebo)\b"),
    ellipses=ellipses(
        rf"""
        kde(?: je| jsou| přesně)? => kde {{are}} {{the}}
        kolik(?: jich)?(?: je| jsou| tam je)?(?: tam)? => kolik je tam {{counted}}
        jakou(?: má| mají)? barvu(?: má| mají)? => jakou barvu {{have}} {{the}}
        jakou|jaká barva => jakou barvu {{have}} {{the}}
        jaké (?:je |jsou )?barvy(?: je| jsou)? => jakou barvu {{have}} {{the}}
        co (dělá|dělají|má na sobě|mají na sobě|drží|nese|jí|pije) => co \1 {{the}}
        co (?:to )?(?:je )?za (rasu|druh) => jaká rasa je {{the}}
        jak (?:je |jsou )?((?:velk|mal|star|vysok|dlouh)[ýáéí])(?: je| jsou)? => jak \1 {{are}} {{the}}
        kdo(?: to| přesně)?(?: je)? => kdo {{are}} {{the}}
        (je|jsou) ({_ADJECTIVE}) => \1 {{the}} \2
        ({_ACTS}) => \1 {{the}}
        """
    ),
    pronouns=pattern(r"\b(?P<who>on|ona|ono|oni|ony)\b"),
    within=pattern(r"\b(?:vedle|s|u|na|za|pod|před)\s+$"),
    why=pattern(r"proč(?: ne| to| tak| myslíš)?|jak to víš|(?:jsi si (?:tím )?)jist[ýá]"),
    find=_find,
    values=_values,
    fits=_fits,
    instead=_instead,
    fill=_fill,
)
