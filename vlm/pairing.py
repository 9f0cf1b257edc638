"""How likely a text belongs to a picture, by encoders that were not calibrated by us.

Not calibrated on photos like yours: `askpix evaluate retrieval` measures how far these can be relied on.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from vlm.protocols import Floats

# Below these hits are left out: what SigLIP calls a match is rarely above a half, and CLIP always
# finds one of the texts the likeliest.
_WITH_BIAS, _WITHOUT = 0.05, 0.5


def background_captions() -> list[str]:
    """Captions of pictures of anything."""
    return (Path(__file__).parent / "background.txt").read_text(encoding="utf-8").splitlines()


def pairing(name: str, scale: float, bias: float | None, encode: Callable[[Sequence[str]], Floats]) -> "Pairing":
    """What the model called `name` learnt.

    The background, where it is needed, is kept in the user's cache: a large model would take seconds to
    encode it for every search from the command line.
    """
    captions = background_captions()
    if bias is not None:
        return Pairing(scale, bias, np.zeros((0, 0), np.float32))
    key = hashlib.sha256("\n".join([name, *captions]).encode()).hexdigest()[:16]
    path = user_cache_path("askpix") / f"background-{key}.npy"
    with suppress(OSError, ValueError):
        return Pairing(scale, bias, np.load(path, allow_pickle=False))
    background = encode(captions)
    with suppress(OSError):  # a cache that cannot be written costs time alone
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npy")
        np.save(part, background)
        part.replace(path)
    return Pairing(scale, bias, background)


@dataclass(frozen=True)
class Pairing:
    """What a contrastive loss learnt: the cosine's `scale` and, of SigLIP, its `bias`.

    `background` are the embeddings [b, dim] of captions of anything, of no use with a bias.
    """

    scale: float
    bias: float | None
    background: Floats

    @property
    def cutoff(self) -> float:
        """The confidence below which a hit is left out unless asked for."""
        return _WITHOUT if self.bias is None else _WITH_BIAS

    def confidence(self, query: Floats, pictures: Floats, among: int) -> Floats:  # noqa: ARG002
        """The probabilities [n] that a text [dim] belongs to pictures [n, dim].

        With a bias the sigmoid that it was trained with (SigLIP: Zhai et al., ICCV 2023), else the softmax
        (CLIP: Radford et al., ICML 2021) of the text against the background captions.
        """
        own = self.scale * (pictures @ query)
        if self.bias is not None:
            against = np.full_like(own, -self.bias)
        else:
            others = self.scale * (pictures @ self.background.T)
            against = np.logaddexp.reduce(others, axis=1)
        found: Floats = np.exp(-np.logaddexp(0, against - own)).astype(np.float32)
        return found
