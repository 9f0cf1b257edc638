"""Take a small thing away: what was behind it is guessed from what is around it."""

import numpy as np

from vlm.editing.layers import Pixels, extent, larger, size_at, smaller, widened
from vlm.errors import AskpixError
from vlm.protocols import Floats

LARGEST = 0.15  # of the picture; what is behind a larger thing cannot be guessed from its surroundings
_SIDE = 640  # pixels at which a hole is filled: the filling is smooth, and more would cost much and show nothing
_NEAR = 5  # pixels from which a filling is drawn
_SOME = 0.3  # of a mask: what belongs to the thing that much is taken away with it
_GROWN = 3  # pixels by which the mask is widened, to take the thing's edges and shade along


def remove(pixels: Pixels, mask: Floats, thing: str) -> tuple[Pixels, Floats]:
    """Pixels without what the mask [h, w] covers, and the mask that was filled, a little wider.

    Fills inwards from the rim (Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004).
    Raises AskpixError when the thing is too large for that.
    """
    import cv2

    covered = float((mask > 0.5).mean())
    if covered > LARGEST:
        raise AskpixError(
            f'this needs a generative editor: "{thing}" covers {100 * covered:.0f} % of the picture, and what is '
            f"behind more than {100 * LARGEST:.0f} % cannot be told from what is around; use --editor hf:NAME"
        )
    left, top, right, bottom = extent(mask > 0, 0.5, more=16)
    part, hole = pixels[top:bottom, left:right], (mask[top:bottom, left:right] > _SOME).astype(np.float32)
    whole = part.shape[1], part.shape[0]
    size = size_at(part, min(1.0, _SIDE / max(whole)))
    small_hole = widened((smaller(hole, size) > 0).astype(np.uint8), _GROWN)
    filled = cv2.inpaint(smaller(part, size), small_hole, _NEAR, cv2.INPAINT_TELEA)
    made, grown = pixels.copy(), np.zeros_like(mask)
    made[top:bottom, left:right] = cv2.resize(filled, whole, interpolation=cv2.INTER_CUBIC)
    soft = np.asarray(cv2.GaussianBlur(widened(small_hole, 1).astype(np.float32), (0, 0), 1.0), np.float32)
    grown[top:bottom, left:right] = larger(soft, whole)
    return made, grown
