"""Questions about a photo that its file answers, not its pixels: when, where and with what it was taken, and what
text was read in it (photo_facts.toml)."""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from searcher.results import Photo

_PRICE = re.compile(r"[$€£¥]\s?\d|\d\s?(?:€|kč|eur|usd|元|円|fr\.)", re.IGNORECASE)
_LONGEST_TEXT = 500  # characters of a reading that are told

Source = Literal["picture", "details", "text", "nothing"]


class Fact(NamedTuple):
    """What a photo's file, or a reading of it, says: None where it says nothing; `source` is details or text."""

    answer: str | None
    source: Source
    note: str


def fact(photo: Photo | None, question: str) -> Fact | None:
    """The answer from what is known about a photo; None if the question is not about that.

    Without a photo of a library nothing is known. "Where is this?" is about the picture where the file is silent.
    """
    text = " ".join(question.replace("’", "'").lower().split()).strip(" ?？!.。")
    kind = next((kind for kind, pattern in _kinds().items() if pattern.search(text)), None)
    if kind is None:
        return None
    if kind == "text":
        return _text(photo)
    said = _said(photo, kind) if photo else None
    if said is None and kind == "where":
        return None
    if photo is None:
        return Fact(None, "details", "the file is not in a library, which would know what it says about itself")
    note = "from what the file says about itself" if said else f"the file does not say {_MISSING[kind]}"
    return Fact(said, "details", note)


@cache
def _kinds() -> dict[str, re.Pattern[str]]:
    table = tomllib.loads(files("searcher").joinpath("photo_facts.toml").read_text(encoding="utf-8"))
    its = table.pop("its")
    return {kind: re.compile("|".join(lines.split("\n")[:-1]).replace("<its>", its)) for kind, lines in table.items()}


def price(photo: Photo | None) -> Fact | None:
    """The text in a photo if a price stands there, for questions that nothing else in a picture answers."""
    return _text(photo) if photo and _PRICE.search(photo.text) else None


_MISSING = {
    "when": "when it was taken",
    "where": "where it was taken",
    "camera": "with which camera it was taken",
    "lens": "with which lens it was taken",
    "size": "how large it is",
}


def _said(photo: Photo, kind: str) -> str | None:
    said = photo.details
    if kind == "size":
        return f"{photo.width} x {photo.height} pixels ({photo.width * photo.height / 1e6:.1f} megapixels)"
    if said is None:
        return None
    match kind:
        case "when":
            taken = said.taken_at
            return f"{taken.day} {taken:%B %Y, %H:%M}" if taken else None
        case "where":
            point = f"{said.latitude:.5f}, {said.longitude:.5f}" if said.latitude and said.longitude else None
            return photo.place or point
        case "camera":
            return said.camera
    return said.lens


def _text(photo: Photo | None) -> Fact | None:
    """What was read in it; None where nothing was, since a model may still see it."""
    if photo is None or not photo.text:
        return None
    lines = " / ".join(line.strip() for line in photo.text.splitlines() if line.strip())
    return Fact(lines[:_LONGEST_TEXT], "text", "from the text that was read in it")
