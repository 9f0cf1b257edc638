"""What one clause of an instruction says: a template's match becomes operations with places and amounts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from vlm.editing.folding import Folded
from vlm.editing.grammar import AMOUNTS, QUOTED, SHADES, Language, shades, slots
from vlm.editing.plan import OPERATIONS, Operation

REST = "the rest"  # of the picture, besides what was named before
_SHARES = {"bit": 0.5, "lot": 1.6}  # of the usual amount
_LONGEST_PLACE = 80  # characters
_NO_PLACE = re.compile(rf"(?!{QUOTED})[^\w\s'’.&·-]|_")
_AT_ONCE = ("crop", "keep")  # to crop to one thing and then to another leaves neither
_TOLD_BY_A_WORD = ("adjective", "verb", "noun")

Groups = Mapping[str, str]


@dataclass(frozen=True)
class Keep:
    """A place that is to stay as it is."""

    region: str


@dataclass(frozen=True)
class Place:
    """Where something is to be done: a region as named (None: everywhere), or all but that."""

    region: str | None = None
    outside: bool = False


Said = tuple[Operation, ...] | Keep


def read(clause: Folded, language: Language) -> Said | None:
    """What a clause says, None unless the language has a template for all of it."""
    for template in language.templates:
        filled = template.slots(clause.text)
        if filled is not None and (said := _said(template.means, filled, clause, language)):
            return said
    return None


def _said(means: str, filled: Mapping[str, slice], clause: Folded, language: Language) -> Said | None:
    parts = {name: clause[span].strip() for name, span in filled.items()}
    groups = {name: part.text.strip() for name, part in parts.items()}
    name, value = _meaning(means, groups, language)
    places = _places(parts["on"], language, name in _AT_ONCE) if "on" in parts else (Place(),)
    if name == "keep":
        return _keep(places)
    told = _caption(parts, language) if name == "caption" else _told(name, value, groups, language)
    if told is None or not places:
        return None
    return tuple(replace(told, region=place.region, outside=place.outside) for place in places)


def _meaning(means: str, groups: Groups, language: Language) -> tuple[str, str]:
    """The operation, and its direction or value."""
    kind, _, value = means.partition(" ")
    if kind in _TOLD_BY_A_WORD:
        name, _, told = language.meanings(kind)[groups[kind]].partition(" ")
        return name, value or told
    return kind, value


def _keep(places: tuple[Place, ...]) -> Keep | None:
    if len(places) != 1 or places[0].outside or places[0].region is None:
        return None
    return Keep(places[0].region)


def _caption(parts: Mapping[str, Folded], language: Language) -> Operation | None:
    written = parts.get("quoted") or parts["text"]
    sure = "quoted" in parts or _is_a_text(written, language)
    return Operation("caption", text=str(written).strip(" '\"")) if sure else None


def _told(name: str, value: str, groups: Groups, language: Language) -> Operation | None:
    """The operation without its place."""
    match name:
        case "colour":
            colour = _colour(groups, language)
            return Operation(name, text=colour) if colour else None
        case "crop" | "mirror":
            return Operation(name, text=value or _aspect(groups))
        case "resize":
            return _resize(value, groups)
        case "rotate" | "straighten":
            return _turn(name, value, groups)
    return _by_amount(name, value, groups)


def _by_amount(name: str, sign: str, groups: Groups) -> Operation | None:
    """What is done more or less strongly; None where no amount can be given, or no less."""
    kind = OPERATIONS[name]
    if not kind.numbered:
        return None if groups.keys() & {*AMOUNTS, "percent"} else Operation(name)
    usual = kind.usual or 0.0
    if "percent" in groups:
        amount = _number(groups["percent"])
    elif "most" in groups:
        amount = kind.high
    else:
        amount = min(usual * next((share for said, share in _SHARES.items() if said in groups), 1.0), kind.high)
    if sign == "-" and kind.low == 0:
        return None
    return Operation(name, amount=-amount if sign == "-" else amount)


def _turn(name: str, value: str, groups: Groups) -> Operation:
    """Degrees clockwise."""
    if value.isdecimal():
        return Operation(name, amount=float(value))
    degrees = _number(groups["degrees"]) if "degrees" in groups else OPERATIONS[name].usual
    return Operation(name, amount=-degrees if degrees is not None and value == "-" else degrees)


def _resize(value: str, groups: Groups) -> Operation | None:
    if "size" in groups:
        return Operation("resize", text="x".join(re.findall(r"\d+", groups["size"])))
    if "pixels" in groups:
        pixels = groups["pixels"]
        if not pixels.isdecimal():
            return None
        return Operation("resize", text={"width": f"{pixels}x", "height": f"x{pixels}"}.get(value, pixels))
    if value.isdecimal():
        return Operation("resize", amount=float(value))
    share = _number(groups["share"])
    return Operation("resize", amount={"-": 100 - share, "+": 100 + share}.get(value, share))


def _aspect(groups: Groups) -> str | None:
    return ":".join(re.findall(r"\d+(?:\.\d+)?", groups["aspect"])) if "aspect" in groups else None


def _colour(groups: Groups, language: Language) -> str | None:
    """The colour's name in English."""
    if "hex" in groups:
        return groups["hex"]
    colour = language.meanings("colour")[groups["colour"]]
    shade = next((shade for shade in SHADES if shade in groups), None)
    return shades(shade).get(colour) if shade else colour


def _number(written: str) -> float:
    return float(written.replace(",", "."))


def _is_a_text(words: Folded, language: Language) -> bool:
    """Whether words without quotation marks can be meant as they stand: "write a poem" asks for something else."""
    return str(words)[:1].isupper() or not language.words_for("articles").match(words.text)


def _places(part: Folded, language: Language, at_once: bool) -> tuple[Place, ...]:
    """The places that a part of a clause names; empty if those words name none."""
    whole = at_once or language.words_for("outside").fullmatch(part.text)
    found = [_place(piece, language) for piece in ([part] if whole else language.pieces(part))]
    return tuple(place for place in found if place) if all(found) else ()


def _place(part: Folded, language: Language) -> Place | None:
    whole = language.words_for("it")
    if whole.fullmatch(part.text):
        return Place()
    if language.words_for("rest").fullmatch(part.text):
        return Place(REST)
    if but := language.words_for("outside").fullmatch(part.text):
        inner = _place(part[slots(but)["on"]].strip(), language)
        return replace(inner, outside=True) if inner and inner.region and not inner.outside else None
    thing = _without_articles(_without_the_picture(part, language), language)
    return Place() if not thing.text or whole.fullmatch(thing.text) else _thing(thing, language)


def _thing(thing: Folded, language: Language) -> Place | None:
    """A thing in the user's words, but what regions are called in English."""
    name = thing.text.strip()
    if known := language.meanings("place").get(name):
        return Place(known)
    for template in language.names:
        if (filled := template.slots(thing.text)) is not None:
            return _composed(template.means, filled, thing, language)
    named = re.sub("['’]s$", "", str(thing))  # "the car's colour"
    if name in language.meanings("adjective") or language.words_for("joins").match(thing.text):
        return None
    if not language.deeds.isdisjoint(thing.text.split()):
        return None
    if len(named) > _LONGEST_PLACE or _NO_PLACE.search(named) or language.says(thing, "not_a_place"):
        return None
    return Place(named)


def _composed(means: str, filled: Mapping[str, slice], thing: Folded, language: Language) -> Place | None:
    """What a place is called in English, with the thing there in the user's words: "狗 on the left"."""
    if "on" not in filled:
        return Place(means)
    inner = _place(thing[filled["on"]].strip(), language)
    return Place(means.format(on=inner.region)) if inner and inner.region else None


def _without_articles(part: Folded, language: Language) -> Folded:
    while part.text and (article := language.words_for("articles").match(part.text)) and article.end() < len(part.text):
        part = part[article.end() :].strip()
    return part


def _without_the_picture(part: Folded, language: Language) -> Folded:
    """Without "in the picture" at its end."""
    trailing = language.words_for("trailing")
    ends = [place.end() for place in re.finditer(" ", part.text)] if language.spaced else range(1, len(part.text))
    cut = next((end for end in ends if end < len(part.text) and trailing.fullmatch(part.text, end)), len(part.text))
    return part[:cut].strip()
