"""A plan run one operation after another, with its regions found once and carried along."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from PIL import Image

from vlm.editing.layers import Layer, widened
from vlm.editing.plan import Operation
from vlm.protocols import Edited, Find, Floats

Do = Callable[[Image.Image, Operation, Find], Edited]
See = Callable[[Operation, Image.Image, Edited], Any]
_RESAMPLED = 4  # pixels, of the coarser of two sizes, that resampling reaches beyond an edge


def in_turn(image: Image.Image, plan: Sequence[Operation], do: Do, find: Find, see: See | None = None) -> Edited:
    """Do each operation to what the one before it made of a picture.

    Regions are found in the picture as it came, since a thing that was blurred is found less well, and follow it when
    it is cropped, turned or resized. `see` is shown every operation with the picture before it and what it made.
    Raises AskpixError for what cannot be done to this picture.
    """
    before = image
    regions: dict[str, Floats] = {}

    def found(_: Image.Image, words: str) -> Floats:
        if words not in regions:
            regions[words] = find(before, words)
        return regions[words]

    for operation in plan:
        if operation.region is not None:
            found(image, operation.region)
    mask: Floats | None = _untouched(image)
    notes: list[str] = []
    carries: list[Callable[[Layer], Layer]] = []
    for operation in plan:
        edited = do(image, operation, found)
        if see is not None:
            see(operation, image, edited)
        if carry := edited.carry:
            carries.append(carry)
            regions = {words: carry(region) for words, region in regions.items()}
            if before is image:  # nothing else has been done yet
                before, mask = edited.image, _untouched(edited.image)
            else:
                before = Image.fromarray(carry(np.asarray(before)))
                mask = None if mask is None else widened(carry(mask), _reach(image, edited.image))
        elif mask is not None:
            mask = None if edited.mask is None else np.maximum(mask, edited.mask)
        image = edited.image
        notes += edited.notes
    return Edited(image, mask, notes, before, _one_after_another(carries) if carries else None)


def _one_after_another(carries: Sequence[Callable[[Layer], Layer]]) -> Callable[[Layer], Layer]:
    return lambda layer: reduce(lambda moved, carry: carry(moved), carries, layer)


def _untouched(image: Image.Image) -> Floats:
    return np.zeros((image.height, image.width), np.float32)


def _reach(before: Image.Image, after: Image.Image) -> int:
    """Pixels that resampling may have spread a change by."""
    return round(_RESAMPLED * max(1.0, after.width / before.width))
