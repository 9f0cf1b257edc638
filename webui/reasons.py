"""Why a photo was found, in words: what each part of the plan gave, and which words were written where."""

from dataclasses import dataclass

from searcher import Hit
from webui.chips import Chip

_PLACES = {
    "people": "in people's own words",
    "captions": "in the caption",
    "tags": "among the tags",
    "reading": "in the picture itself",
    "places": "in the place's name",
}


@dataclass(frozen=True)
class Reason:
    """What something gave to a hit: `share` of what the most telling thing gave, below 0 where it took away, and None
    where it is a condition that holds; `chip` is the part of the plan, if it is one."""

    words: str
    share: float | None = None
    chip: Chip | None = None


def reasons(hit: Hit, parts: list[Chip]) -> list[Reason]:
    """The reasons of a hit of a plan whose parts these are; those that are off gave nothing."""
    by_part = hit.why.get("parts", [{}] * len(parts))
    gave = [(_words(chip), part.get("gave"), chip) for chip, part in zip(parts, by_part, strict=True) if chip.part.on]
    written = [f"{_listed(words)} {_PLACES[column]}" for column, words in hit.why.get("written", {}).items()]
    most = max([abs(one) for _, one, _ in gave if one is not None] + [hit.why.get("words_gave", 0.0)], default=0.0)
    told = [Reason(words, None if one is None else _share(one, most), chip) for words, one, chip in gave]
    if written:
        told.append(Reason("has " + ", ".join(written), _share(hit.why["words_gave"], most)))
    return told


def _share(gave: float, most: float) -> float:
    return gave / most if most else 0.0


def _words(chip: Chip) -> str:
    match chip.part.kind:
        case "text":
            return f"looks like “{chip.part.value}”"
        case "exact":
            return f"“{chip.part.value}” is written of it"
        case "not":
            return f"may show {chip.part.value}, which is not wanted"
        case "like":
            return "looks unlike this picture" if chip.part.weight < 0 else "looks like this picture"
    return chip.label


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(f"“{word}”" for word in words[:-1]), f"“{words[-1]}”"]))
