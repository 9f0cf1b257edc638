"""Edits tried on a smaller copy of a photo, and kept in memory for as long as somebody looks at them."""

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar, cast

from PIL import Image

from searcher import Library, Photo
from searcher.originals import open_named
from vlm import editing
from vlm.editing.plan import Operation
from vlm.editing.regions import locate
from vlm.editing.verify import Verdict
from vlm.protocols import Encoder, Seen
from vlm.relevance import Relevance, overlay

LONGEST = 1600  # pixels of the longer side
_KEPT = 12  # previews
_PAIR = 2  # pictures that a check compares
T = TypeVar("T")


@dataclass(frozen=True)
class Preview:
    """An edit of a photo's smaller copy: a WebP of that size; `same_shape` when it can lie over what it was made of,
    and `inside` when something of it must not have changed."""

    webp: bytes
    width: int
    height: int
    same_shape: bool
    inside: bool
    verdict: Verdict
    notes: list[str]


@dataclass
class Previews:
    """The last previews of one library."""

    library: Library
    _made: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)
    _encoder: "_Remembering | None" = None

    def edit(self, photo: Photo, plan: Sequence[Operation]) -> Preview:
        """What a plan makes of a photo; raises AskpixError as `vlm.editing.edit` does."""
        return self._once((photo.hash, tuple(plan)), lambda: self._edit(photo, plan))

    def where(self, photo: Photo, words: str) -> bytes:
        """The photo, as a WebP, dimmed where a thing named in words is not found."""
        return self._once((photo.hash, words), lambda: self._where(photo, words))

    def _edit(self, photo: Photo, plan: Sequence[Operation]) -> Preview:
        image = self._copy(photo)
        made = editing.edit(image, plan, self._looking())
        shape = made.image.size
        made.image.thumbnail((LONGEST, LONGEST))
        return Preview(
            _webp(made.image),
            *made.image.size,
            same_shape=shape == image.size,
            inside=made.mask is not None,
            verdict=made.verdict,
            notes=made.notes,
        )

    def _where(self, photo: Photo, words: str) -> bytes:
        image = self._copy(photo)
        return _webp(overlay(image, Relevance(words, locate(self._looking(), image, words).mask)))

    def _copy(self, photo: Photo) -> Image.Image:
        shorter = round(LONGEST * min(photo.width, photo.height) / max(photo.width, photo.height))
        image = open_named(photo.path, max(1, shorter), self.library.settings.max_pixels).image
        image.thumbnail((LONGEST, LONGEST))
        return image

    def _looking(self) -> Encoder:
        if self._encoder is None:
            self._encoder = _Remembering(self.library.encoder)
        return cast(Encoder, self._encoder)

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Make it unless it is there; one after the other, as each takes all the processors that there are."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
                if len(self._made) > _KEPT:
                    self._made.popitem(last=False)
            self._made.move_to_end(key)
            return cast(T, self._made[key])


class _Remembering:
    """An encoder that remembers what it saw in the windows of the last pictures.

    Finding a region is slow for that alone, and who moves a slider has the same picture looked at again and again.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._seen: OrderedDict[str, Seen] = OrderedDict()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def look(self, images: Sequence[Image.Image]) -> Seen:
        """As the encoder's."""
        if len(images) <= _PAIR:  # other pixels each time
            return self._encoder.look(images)
        content = hashlib.sha256()
        for image in images:
            content.update(repr(image.size).encode())
            content.update(image.tobytes())
        key = content.hexdigest()
        if key not in self._seen:
            self._seen[key] = self._encoder.look(images)
            if len(self._seen) > _KEPT:
                self._seen.popitem(last=False)
        return self._seen[key]


def _webp(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=85, method=2)
    return file.getvalue()
