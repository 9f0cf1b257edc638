"""What a vision-language model can do for askpix, as small protocols.

A model *looks* at pictures once; what it saw (`Seen`) then serves embedding, captions and answers
alike, so that no picture passes through a vision encoder twice. Some models do all three, some one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm.editing.plan import Operation

Floats = NDArray[np.float32]
Task = Literal["encode", "caption", "answer"]
CANNOT_TELL = "I can't tell"  # the answer to a question that the picture leaves open


@dataclass(frozen=True)
class Seen:
    """What a model saw in n pictures.

    `embeddings` is [n, dim], rows of unit length ([n, 0] from a model that is no encoder).
    `state` is the model's own, arrays or tensors of n rows (for the built-in one the feature grid and
    the class probabilities): only the model that made it reads them.
    """

    embeddings: Floats
    state: tuple[Any, ...] = ()

    def take(self, rows: Sequence[int]) -> "Seen":
        """The same for some of the pictures, in the order and as often as `rows` names them."""
        index = list(rows)
        return Seen(self.embeddings[index], tuple(part[index] for part in self.state))

    @staticmethod
    def join(parts: Sequence["Seen"]) -> "Seen":
        """What was seen in several lots of pictures by one model, as one."""
        columns = zip(*(part.state for part in parts), strict=True)
        return Seen(np.concatenate([part.embeddings for part in parts]), tuple(map(_joined, columns)))


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import torch

    return torch.cat(list(parts))


@dataclass(frozen=True)
class Tag:
    """A word for something in a picture, with its probability in 0..1."""

    name: str
    score: float


@dataclass(frozen=True)
class Description:
    """What the machine writes about one picture; `confidence` in 0..1."""

    caption: str
    confidence: float
    tags: list[Tag] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """An answer to a question about one picture.

    `confidence` in 0..1; `why` is data that can be written as JSON, for example the other answers
    considered: {"considered": [["chair", 0.31], ["table", 0.12]]}.
    """

    text: str
    confidence: float
    why: dict[str, Any] = field(default_factory=dict)


class Looker(Protocol):
    """Anything that sees."""

    @property
    def name(self) -> str:
        """Identity and version, stored beside everything the model makes ("builtin-1")."""

    @property
    def tasks(self) -> frozenset[Task]:
        """Which of the three below it is."""

    @property
    def batch(self) -> int:
        """How many pictures at a time suit it."""

    @property
    def runs_on(self) -> str:
        """Device and arithmetic, or the server, for people to read."""

    @property
    def image_size(self) -> int:
        """The side in pixels that the model resizes pictures to: decode no smaller than this."""

    def look(self, images: Sequence[Image.Image]) -> Seen:
        """Look at n RGB pictures of any size."""


class Encoder(Looker, Protocol):
    """Puts pictures and texts into one space."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Embed n texts: [n, dim], rows of unit length, in the space of `Seen.embeddings`."""

    def confidence(self, query: Floats, pictures: Floats, among: int) -> Floats:
        """The probabilities [n] that a text matches pictures, by their embeddings [dim] and [n, dim], and
        how many pictures it was sought among."""

    @property
    def cutoff(self) -> float:
        """The confidence below which a hit is left out unless asked for."""


class Captioner(Looker, Protocol):
    """Writes about pictures."""

    def describe(self, seen: Seen, language: str = "en") -> list[Description]:
        """Write a caption and tags for each of the n pictures that `look` saw.

        Raises AskpixError when the model does not write that language (its two-letter code).
        """


class Answerer(Looker, Protocol):
    """Answers questions about pictures."""

    def answer(self, seen: Seen, questions: Sequence[str]) -> list[Answer]:
        """Answer questions[i] about the i-th picture seen."""


# Where a thing named in words is in a picture: a mask [h, w] of the picture's size, 0..1, soft at its edges.
Find = Callable[[Image.Image, str], Floats]


@dataclass(frozen=True)
class Edited:
    """A picture after an edit.

    `mask` [h, w] in 0..1 is above 0 where something may have changed; None when the whole picture may. `notes` are
    sentences for people: what was found, what was left undone. Where the geometry changed, `before` is the picture
    before in the geometry after, to compare with, and `carry` takes any layer over it there, pixels [h, w, 3] or a
    mask [h, w]; an editor of one step may leave `before` out.
    """

    image: Image.Image
    mask: Floats | None = None
    notes: list[str] = field(default_factory=list)
    before: Image.Image | None = None
    carry: Callable[[NDArray[Any]], NDArray[Any]] | None = None


class Editor(Protocol):
    """Changes pictures as somebody says."""

    @property
    def name(self) -> str:
        """Identity and version, stored beside everything it makes ("builtin-1")."""

    def plan(self, instruction: str) -> tuple[Operation, ...]:
        """What to do for an instruction: named operations with numbers; a generative editor names one, "generate".

        Raises AskpixError, with what to do instead, for an instruction that it does not understand or cannot do.
        """

    def edit(self, image: Image.Image, plan: Sequence[Operation], find: Find) -> Edited:
        """Do what the plan says to an RGB picture; outside the regions that it names, no pixel changes.

        Raises AskpixError for what cannot be done to this picture.
        """
