"""The plan of a search: what was understood of a query, as data that is shown, changed and run again."""

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self, get_args

from vlm.errors import AskpixError

MOST_PARTS = 50
LONGEST_VALUE = 1_000
HEAVIEST = 10.0

Kind = Literal["text", "exact", "not", "like", "where"]

_TERM = re.compile(r"-?[a-z][a-z0-9_]*:.*\S.*", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Part:
    """One part of a plan: what was understood, how much it counts, and the words it was understood from.

    `value` is, for text, exact and not, the words; for like, the id of a photo, or the path of a picture
    file; for where, one term such as tag:dog or -date:2019..2021. `weight` is more than 0 and at most
    `HEAVIEST`, and as much below 0 for a picture that photos should be unlike; a where-part has none but 1.
    A part that is not `on` is left out of the search.
    """

    kind: Kind
    value: str
    weight: float = 1.0
    on: bool = True
    said: str = field(default="", compare=False)


@dataclass(frozen=True)
class Plan:
    """What a query asks for, part by part; without parts it asks for everything."""

    parts: tuple[Part, ...] = ()

    @property
    def on(self) -> tuple[Part, ...]:
        """The parts that are on."""
        return tuple(part for part in self.parts if part.on)

    def of(self, kind: Kind) -> tuple[Part, ...]:
        """The parts of a kind that are on."""
        return tuple(part for part in self.on if part.kind == kind)

    def with_changes(self, off: Collection[int] = (), weights: Mapping[int, float] | None = None) -> Self:
        """The plan with the parts at these places off, and with these weights by their places.

        Raises AskpixError for a place that no part has, or a weight that its part cannot have.
        """
        weights = weights or {}
        for place in (*off, *weights):
            if not 0 <= place < len(self.parts):
                raise AskpixError(f"the query has no part {place}; its parts are 0 to {len(self.parts) - 1}")
        parts = [
            replace(part, on=part.on and place not in off, weight=weights.get(place, part.weight))
            for place, part in enumerate(self.parts)
        ]
        for part in parts:
            _check(part)
        return replace(self, parts=tuple(parts))

    def as_json(self) -> list[dict[str, Any]]:
        """The parts as JSON has them: objects with kind, value, weight, on and said."""
        return [asdict(part) for part in self.parts]

    @classmethod
    def from_json(cls, parts: object) -> Self:
        """A plan from what `as_json` gave; weight, on and said may be missing.

        A like-part may name a picture file: who takes plans from strangers must look at that. Whether
        there is a where-part's field is for the filters to say. Raises AskpixError for what is no plan.
        """
        if not isinstance(parts, list):
            raise AskpixError("a plan is a list of parts, each with a kind and a value")
        check_count(len(parts))
        return cls(tuple(map(_part, parts)))


def check_count(parts: int) -> None:
    """Raise AskpixError if a query has too many parts."""
    if parts > MOST_PARTS:
        raise AskpixError(f"the query has {parts} parts, {MOST_PARTS} are the most; leave some out")


def _part(given: object) -> Part:
    if not isinstance(given, dict) or not {"kind", "value"} <= given.keys() <= Part.__dataclass_fields__.keys():
        raise AskpixError("each part of a plan has a kind and a value, and may have weight, on and said; nothing else")
    wanted = {"value": str, "on": bool, "said": str, "kind": str}
    for name, kind in wanted.items():
        if not isinstance(given.get(name, kind()), kind):
            raise AskpixError(f"{name} of a part of a plan must be {'true or false' if kind is bool else 'a text'}")
    weight = given.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise AskpixError("weight of a part of a plan must be a number")
    part = Part(given["kind"], given["value"], weight, given.get("on", True), given.get("said", ""))
    _check(part)
    return replace(part, value=cleaned(part.kind, part.value), weight=float(weight))


def _check(part: Part) -> None:
    if part.kind not in get_args(Kind):
        raise AskpixError(f"there is no kind of part {part.kind!r}; there are: {', '.join(get_args(Kind))}")
    if len(part.value) > LONGEST_VALUE or not cleaned(part.kind, part.value):
        raise AskpixError(f"a part of a plan has 1 to {LONGEST_VALUE:,} characters; {len(part.value):,} were given")
    if part.kind == "where" and not _TERM.fullmatch(part.value):
        raise AskpixError(f"{part.value!r} is no filter; write it as field:value, for example tag:dog")
    if part.kind == "where" and part.weight != 1:
        raise AskpixError(f"a filter such as {part.value} holds or does not: it takes no weight but 1")
    size = abs(part.weight) if part.kind == "like" else part.weight
    if not 0 < size <= HEAVIEST:
        raise AskpixError(
            f"a weight is more than 0 and at most {HEAVIEST:g}; to do without a part of the query switch it off"
        )


def cleaned(kind: Kind, value: str) -> str:
    """The value as parts have it: single spaces, and in text no parentheses, which set groups apart."""
    if kind in {"like", "where"}:
        return value.strip()
    return " ".join((re.sub(r"[()]", " ", value) if kind == "text" else value).split())
