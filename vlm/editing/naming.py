"""What the name of a region asks for: a thing, a place, what is around it, or what the picture is of."""

import re
from dataclasses import dataclass

Place = tuple[float, float, float, float]  # left, top, right and bottom as shares of the picture

PERSON = "a person"
WHOLE: Place = (0.0, 0.0, 1.0, 1.0)
_ARTICLE = re.compile(r"^(?:the|a|an|my|this|that|all|every)\s+")
_ALL = frozenset({"everything", "all", "picture", "image", "photo", "whole picture", "whole image", "whole photo"})
_AROUND = frozenset({"background", "backdrop", "surroundings", "rest"})
_SUBJECT = frozenset({"subject", "main subject", "main thing", "foreground"})
_FACE = re.compile(r"(?:(?P<owner>.+?)(?:'s|s') )?(?P<face>faces?)(?: of (?P<of>.+))?")
_HALF = re.compile(
    r"(left|right|top|upper|bottom|lower)(?: (half|side|part|third|quarter))?(?: of (?:the )?(?:picture|image|photo))?"
)
_AT = re.compile(r"(?P<thing>.+?),? (?:on|at|in|to) the (?P<side>left|right|top|bottom)(?: (?:side|half))?")
_SIDED = re.compile(r"(?P<side>left|right|upper|lower|leftmost|rightmost|topmost) (?P<thing>.+)")
_SHARES = {"third": 1 / 3, "quarter": 1 / 4}
# Where a thing is as a rule.
_USUAL: dict[str, Place] = {"sky": (0, 0, 1, 0.7), "ground": (0, 0.35, 1, 1), "floor": (0, 0.35, 1, 1)}


@dataclass(frozen=True)
class Sought:
    """What to look for: `thing` in words ("" for a place alone), somewhere in `place`.

    `subject`: what the picture is of; `around`: everything but it; `owner`: what the thing is a part of.
    """

    thing: str = ""
    place: Place = WHOLE
    subject: bool = False
    around: bool = False
    owner: str = ""


def sought(words: str) -> Sought:
    """What a name asks for."""
    name = _bare(words.lower())
    if name in _ALL:
        return Sought()
    if name in _AROUND | _SUBJECT:
        return Sought(name, subject=True, around=name in _AROUND)
    if half := _HALF.fullmatch(name):
        return Sought(place=_side(half[1], _SHARES.get(half[2] or "", 0.5)))
    if at := _AT.fullmatch(name) or _SIDED.fullmatch(name):
        found = sought(at["thing"])
        return Sought(found.thing, _side(at["side"], 0.5), found.subject, found.around, found.owner)
    if face := _FACE.fullmatch(name):
        owner = _bare(face["owner"] or face["of"] or "")
        # A face is found within a person, where it is larger.
        return Sought("a person's face", owner=f"a {owner}" if owner else PERSON)
    return Sought(words.strip(), _USUAL.get(name, WHOLE))


def _bare(name: str) -> str:
    return _ARTICLE.sub("", " ".join(name.split()).strip(" .,;!"))


def _side(name: str, share: float) -> Place:
    """The left, right, upper or lower share of the picture."""
    match name:
        case "left" | "leftmost":
            return (0.0, 0.0, share, 1.0)
        case "right" | "rightmost":
            return (1 - share, 0.0, 1.0, 1.0)
        case "top" | "upper" | "topmost":
            return (0.0, 0.0, 1.0, share)
        case _:
            return (0.0, 1 - share, 1.0, 1.0)
