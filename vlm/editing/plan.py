"""What can be done to a picture, as data: an instruction becomes a plan of named operations with numbers."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any

from vlm.errors import AskpixError

MOST = 20  # operations in one plan
LONGEST = 500  # characters of a text or a region


@dataclass(frozen=True)
class Operation:
    """One thing to do to a picture.

    `amount` is in the unit that `OPERATIONS` names (None: the usual one, or found in the picture), `region` the
    place named in words (None: the whole picture), `outside` everything but that place, and `text` what the
    operation needs besides: an aspect, a size, a direction, a colour, or what to write.
    """

    name: str
    amount: float | None = None
    region: str | None = None
    text: str | None = None
    outside: bool = False

    def as_json(self) -> dict[str, Any]:
        """What is set of it, as plain data."""
        return {key: value for key, value in asdict(self).items() if value is not None and value is not False}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Operation":
        """The operation that `as_json` wrote; raises AskpixError for anything else."""
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
            raise AskpixError('an operation of a plan is an object with a name, such as {"name": "blur", "amount": 50}')
        known = {field.name for field in fields(Operation)}
        if strange := sorted(set(data) - known):
            raise AskpixError(f'an operation has no "{strange[0]}": it has {", ".join(sorted(known))}')
        amount, outside = data.get("amount"), data.get("outside", False)
        if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int | float)):
            raise AskpixError(f"the amount of {data['name']} must be a number, not {amount!r}")
        if not isinstance(outside, bool):
            raise AskpixError(f"outside of {data['name']} must be true or false, not {outside!r}")
        for key in ("region", "text"):
            if data.get(key) is not None and not isinstance(data[key], str):
                raise AskpixError(f"the {key} of {data['name']} must be text, not {data[key]!r}")
        return Operation(
            data["name"], None if amount is None else float(amount), data.get("region"), data.get("text"), outside
        )

    def __str__(self) -> str:
        """For people to read: "blur 50 on everything but the dog"."""
        number = "" if self.amount is None else f" {self.amount:g}"
        said = "" if self.text is None else f' "{self.text}"'
        place = "" if self.region is None else f" on {'everything but ' if self.outside else ''}{self.region}"
        return f"{self.name}{number}{said}{place}"


@dataclass(frozen=True)
class Kind:
    """What an operation does and takes: `low` to `high` in `unit`, `usual` where no number is given.

    `region` and `text` are "no", "may" or "must"; `outside`: whether "everything but" makes sense for it.
    """

    does: str
    low: float = 0
    high: float = 0
    unit: str = ""
    usual: float | None = None
    region: str = "may"
    text: str = "no"
    outside: bool = True

    @property
    def numbered(self) -> bool:
        """Whether it takes an amount."""
        return self.low < self.high


OPERATIONS: dict[str, Kind] = {
    "brightness": Kind("make brighter, or darker below zero", -100, 100, "%", 30),
    "contrast": Kind("raise the contrast, or lower it below zero", -100, 100, "%", 30),
    "saturation": Kind("make colours stronger, or paler below zero", -100, 100, "%", 30),
    "warmth": Kind("make warmer, or cooler below zero", -100, 100, "%", 30),
    "grayscale": Kind("turn black and white"),
    "sepia": Kind("turn the brown of an old photograph", 0, 100, "%", 100),
    "blur": Kind("blur", 0, 100, "%", 50),
    "pixelate": Kind("show as coarse squares", 0, 100, "%", 50),
    "sharpen": Kind("sharpen", 0, 100, "%", 40),
    "vignette": Kind("darken towards the corners", 0, 100, "%", 50, region="no", outside=False),
    "crop": Kind("cut to a thing, or to an aspect such as 3:2", text="may", outside=False),
    "straighten": Kind("set the horizon level, clockwise", -45, 45, "degrees", None, region="no", outside=False),
    "rotate": Kind("turn clockwise", -360, 360, "degrees", 90, region="no", outside=False),
    "mirror": Kind("mirror, horizontal or vertical", region="no", text="may", outside=False),
    "resize": Kind("change the size, in percent or to 1024x768", 1, 1000, "%", None, region="no", text="may"),
    "remove": Kind("take a small thing away and fill in what is around it", region="must", outside=False),
    "colour": Kind("give a thing a colour", region="must", text="must"),
    "caption": Kind("write a text on it", region="no", text="must", outside=False),
    "generate": Kind("draw what the text says, with a generative editor", 1, 200, "steps", text="must"),
}
GEOMETRY = frozenset({"crop", "straighten", "rotate", "mirror", "resize"})
ASPECT = re.compile(r"\s*(\d{1,4}(?:\.\d+)?)\s*[:/]\s*(\d{1,4}(?:\.\d+)?)\s*")
SIZE = re.compile(r"\s*(\d{1,6})?\s*(?:([x×])\s*(\d{1,6})?\s*)?")


def check(plan: Sequence[Operation]) -> None:
    """Raises AskpixError, in one sentence, for a plan that cannot be run as it stands."""
    if not plan:
        raise AskpixError("the plan is empty: name at least one operation")
    if len(plan) > MOST:
        raise AskpixError(f"the plan has {len(plan)} operations, and at most {MOST} are run at once: split it")
    for operation in plan:
        _check_one(operation)


def from_json(data: Any) -> tuple[Operation, ...]:
    """The plan that was written as JSON: a list of operations, or an object with them as "operations".

    Raises AskpixError for what is no plan, or none that can be run.
    """
    listed = data.get("operations") if isinstance(data, Mapping) else data
    if not isinstance(listed, list):
        raise AskpixError('a plan is a list of operations, such as [{"name": "blur", "amount": 50}]')
    plan = tuple(Operation.from_json(one) for one in listed)
    check(plan)
    return plan


def amount(operation: Operation) -> float:
    """The amount to use: its own, or the usual one."""
    return operation.amount if operation.amount is not None else OPERATIONS[operation.name].usual or 0.0


def aspect(text: str) -> float:
    """Width by height of "3:2"; raises AskpixError for what is no aspect."""
    if text.strip().lower() == "square":
        return 1.0
    matched = ASPECT.fullmatch(text)
    if matched and float(matched[1]) > 0 and float(matched[2]) > 0:
        ratio = float(matched[1]) / float(matched[2])
        if 0.05 <= ratio <= 20:
            return ratio
    raise AskpixError(f'"{text}" is no aspect to crop to: write width:height, such as 3:2')


def size(text: str, width: int, height: int) -> tuple[int, int]:
    """The width and height that a picture of this width and height gets: by "1024x768" both, by "1024" its longer side,
    by "1024x" its width, by "x768" its height. Raises AskpixError for anything else."""
    matched = SIZE.fullmatch(text)
    across, down = (int(side) if side else None for side in matched.group(1, 3)) if matched else (None, None)
    if not matched or 0 in (across, down) or across is down is None:
        raise AskpixError(
            f'"{text}" is no size: write width x height in pixels, such as 1024x768, one of them, such as 1024x, '
            "or the longer side"
        )
    if not matched[2] and height > width:
        across, down = None, across  # the longer side
    scale = across / width if across else (down or 1) / height
    return across or max(1, round(width * scale)), down or max(1, round(height * scale))


def _check_one(operation: Operation) -> None:
    name, kind = operation.name, OPERATIONS.get(operation.name)
    if kind is None:
        near = get_close_matches(name, OPERATIONS, 1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(OPERATIONS)}"
        raise AskpixError(f'there is no operation "{name[:40]}": {meant}')
    _check_amount(operation, kind)
    for key in ("region", "text"):
        value: str | None = getattr(operation, key)
        if getattr(kind, key) == "must" and not (value or "").strip():
            raise AskpixError(f"{name} needs a {key}: {kind.does}")
        if getattr(kind, key) == "no" and value is not None:
            raise AskpixError(f"{name} takes no {key}: it {_does_what(key)}")
        if value is not None and (not value.strip() or len(value) > LONGEST):
            raise AskpixError(f"the {key} of {name} must have 1 to {LONGEST} characters")
    if operation.outside and (not kind.outside or operation.region is None):
        raise AskpixError(f'{name} cannot be done "outside": leave that out')
    _check_text(operation)


def _does_what(key: str) -> str:
    return "works on the whole picture" if key == "region" else "needs no more words"


def _check_amount(operation: Operation, kind: Kind) -> None:
    value = operation.amount
    if value is None:
        return
    if not kind.numbered:
        raise AskpixError(f"{operation.name} takes no amount: leave it out")
    if not math.isfinite(value) or not kind.low <= value <= kind.high:
        raise AskpixError(
            f"the amount of {operation.name} is {value:g}, and must be from {kind.low:g} to {kind.high:g} {kind.unit}"
        )


def _check_text(operation: Operation) -> None:
    """What the text of each operation must be."""
    name, text = operation.name, operation.text
    if name == "crop":
        if (text is None) == (operation.region is None):
            raise AskpixError("crop needs either a region or an aspect such as 3:2")
        if text is not None:
            aspect(text)
    elif name == "resize":
        if (text is None) == (operation.amount is None):
            raise AskpixError("resize needs either an amount in percent or a size such as 1024x768")
        if text is not None:
            size(text, 1, 1)
    elif name == "mirror" and text not in (None, "horizontal", "vertical"):
        raise AskpixError(f'mirror is horizontal or vertical, not "{text}"')
