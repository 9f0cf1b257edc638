"""Why a photo was found, in words: what each part of the plan gave, and which words were written where."""

from dataclasses import dataclass

from babel.lists import format_list
from flask_babel import get_locale
from flask_babel import lazy_gettext as later

from searcher import Hit
from webui.chips import Chip
from webui.languages import gettext as _

_PLACES = {
    "people": later("in people's own words"),
    "captions": later("in the caption"),
    "tags": later("among the tags"),
    "reading": later("in the picture itself"),
    "places": later("in the place's name"),
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
        told.append(Reason(_("has %(words)s", words=", ".join(written)), _share(hit.why["words_gave"], most)))
    return told


def _share(gave: float, most: float) -> float:
    return gave / most if most else 0.0


def _words(chip: Chip) -> str:
    match chip.part.kind:
        case "text":
            return _("looks like “%(words)s”", words=chip.part.value)
        case "exact":
            return _("“%(words)s” is written of it", words=chip.part.value)
        case "not":
            return _("may show %(words)s, which is not wanted", words=chip.part.value)
        case "like":
            return _("looks unlike this picture") if chip.part.weight < 0 else _("looks like this picture")
    return chip.label


def _listed(words: list[str]) -> str:
    return format_list([f"“{word}”" for word in words], locale=get_locale())
