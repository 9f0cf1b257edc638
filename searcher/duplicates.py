"""Photos that are the same, or nearly: by content, then by embedding and perceptual hash together."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image as Pictures
from sqlalchemy import select

from searcher import database
from searcher.catalog import File, Image
from searcher.library import Library
from vlm.picture import UnreadablePicture, open_picture

NEIGHBOURS = 16  # photos that each one is compared with
COSINE = 0.9  # from which two embeddings may be of one picture
BITS = 12  # of 64, in which the perceptual hashes of one picture may differ


@dataclass(frozen=True)
class Copy:
    """One file of a group: its size in bytes, and its picture's in pixels."""

    path: Path
    size: int
    width: int
    height: int


def duplicates(library: Library) -> Iterator[list[Copy]]:
    """Groups of two files and more that show one picture, best first: most pixels, then most bytes.

    Files of one content are copies; of others, those whose embeddings are near and whose perceptual
    hashes (difference hash: rows of brighter-than-the-next) agree. Nothing is changed or deleted.
    """
    with database.session(library.engine) as session:
        rows = session.execute(select(File, Image).join(Image).where(File.missing_since.is_(None)).order_by(File.id))
        files: dict[int, list[Copy]] = defaultdict(list)
        for file, image in rows:
            files[image.id].append(Copy(file.path, file.size, image.width, image.height))
    for group in _groups(library, files):
        copies = [copy for image in group for copy in files[image]]
        if len(copies) > 1:
            yield sorted(copies, key=lambda copy: (-copy.width * copy.height, -copy.size, str(copy.path)))


def _groups(library: Library, files: dict[int, list[Copy]]) -> list[list[int]]:
    """Ids of the images with files, those that are alike together."""
    leader = {image: image for image in files}

    def lead(image: int) -> int:
        while leader[image] != image:
            leader[image] = image = leader[leader[image]]
        return image

    @lru_cache(10_000)
    def bits(image: int) -> int | None:
        try:
            return _hash(open_picture(files[image][0].path, 64, library.settings.max_pixels).image)
        except UnreadablePicture:
            return None

    for one, other in _near(library):
        if one in leader and other in leader and lead(one) != lead(other):
            first, second = bits(one), bits(other)
            if first is not None and second is not None and (first ^ second).bit_count() <= BITS:
                leader[max(lead(one), lead(other))] = min(lead(one), lead(other))
    groups: dict[int, list[int]] = defaultdict(list)
    for image in files:
        groups[lead(image)].append(image)
    return list(groups.values())


def _near(library: Library) -> Iterator[tuple[int, int]]:
    """Pairs of images with embeddings near each other, each once."""
    count = library.count_vectors()
    for ids, embeddings in library.vectors.read(0, count):
        scores, found = library.vectors.search_many(embeddings, NEIGHBOURS, count)
        for image, row, others in zip(ids.tolist(), scores, found.tolist(), strict=True):
            yield from (
                (image, other) for score, other in zip(row, others, strict=True) if score >= COSINE and other > image
            )


def _hash(image: Pictures.Image) -> int:
    """64 bits: in eight rows, which of nine patches are brighter than their left neighbour."""
    grey = np.asarray(image.convert("L").resize((9, 8), Pictures.Resampling.BOX), np.int16)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")
