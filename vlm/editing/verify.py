"""Whether an edit did what it should: measured in the pixels, and asked of the encoder where only sight can tell."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from vlm.editing.checks import Check, checks
from vlm.editing.plan import Operation
from vlm.protocols import Edited, Encoder, Floats

_ROWS = 512  # compared at a time


@dataclass(frozen=True)
class Verdict:
    """What came of an edit.

    `outside_changed` is the largest difference of any value, 0..255, where nothing may have changed; `checks` are what
    was measured, ready to be written as JSON; `verified` when all of it is as it must be.
    """

    verified: bool
    outside_changed: float
    checks: list[dict[str, Any]] = field(default_factory=list)

    @staticmethod
    def of(checks: Sequence[Check], outside_changed: float) -> "Verdict":
        """The verdict that checks and a leak come to."""
        done = outside_changed == 0 and all(check.done for check in checks)
        return Verdict(done, outside_changed, [asdict(check) for check in checks])

    def against(self) -> list[str]:
        """What is not as it must be, a sentence each."""
        leaked = f"outside the region, values changed by up to {self.outside_changed:g} of 255"
        missing = [
            f"{check['operation']}: {check['measured']} was {check['before']:g} and is {check['after']:g}"
            for check in self.checks
            if not check["done"]
        ]
        return [leaked, *missing] if self.outside_changed else missing


def verify(
    before: Image.Image, after: Image.Image, plan: Sequence[Operation], mask: Floats | None, encoder: Encoder
) -> Verdict:
    """Measure an edit by a plan of one operation, or of several that do not undo each other.

    Outside the mask [h, w] (None: there is no outside) not one value may differ, unless the geometry changed; each
    operation must have had its effect inside.
    """
    found = [check for operation in plan for check in checks(operation, before, Edited(after, mask), encoder)]
    return Verdict.of(found, leak(before, after, mask) if mask is not None else 0.0)


def leak(before: Image.Image, after: Image.Image, mask: Floats) -> float:
    """The largest difference of any value, 0..255, between two pictures of one size, where the mask [h, w] is 0."""
    worst = 0
    if before is after:
        return 0.0
    for top in range(0, before.height, _ROWS):
        rows = (0, top, before.width, min(top + _ROWS, before.height))
        one, other = (np.asarray(image.crop(rows), np.int16) for image in (before, after))
        worst = max(worst, int(np.abs(one - other)[mask[top : rows[3]] == 0].max(initial=0)))
    return float(worst)
