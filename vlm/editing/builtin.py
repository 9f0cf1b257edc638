"""The built-in editor: named operations with numbers, without a generative model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vlm.editing.operations import run
from vlm.editing.plan import Operation, check
from vlm.editing.turns import in_turn
from vlm.protocols import Edited, Find


@dataclass(frozen=True)
class BuiltinEditor:
    """Understands instructions in the model's languages, and does what can be done well by rule."""

    name: str = "builtin-1"

    def plan(self, instruction: str) -> tuple[Operation, ...]:
        """The operations that an instruction asks for.

        Raises AskpixError for what it does not understand, and for what it cannot do.
        """
        from vlm.editing.instructions import parse

        return parse(instruction)

    def edit(self, image: Image.Image, plan: Sequence[Operation], find: Find) -> Edited:
        """Do what the plan says to an RGB picture; raises AskpixError for what cannot be done to this one."""
        check(plan)
        return _do(image, plan[0], find) if len(plan) == 1 else in_turn(image, plan, _do, find)


def _do(image: Image.Image, operation: Operation, find: Find) -> Edited:
    done = run(operation, np.asarray(image), find)
    return Edited(Image.fromarray(done.pixels), done.mask, list(done.notes), carry=done.carry)
