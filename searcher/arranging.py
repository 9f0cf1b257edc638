"""Hits in another order, or in groups: varied, by moment, by place, by likeness. Only the hits given are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np
from sqlalchemy import select

from searcher import database
from searcher.catalog import Embedding
from searcher.library import Library
from searcher.portable import listed
from searcher.results import Hit
from vlm.errors import AskpixError
from vlm.protocols import Floats

VARIED = 0.4  # how much it counts to be unlike what was chosen before, the rest being how likely a hit is
UNLIKE = 0.5  # cosine up to which two pictures are just unlike
PAUSE = timedelta(hours=3)  # without a photo, after which another moment begins
ALIKE = 0.9  # cosine from which two pictures look alike

WAYS = ("moment", "place", "likeness")  # of grouping
Key = TypeVar("Key")


@dataclass(frozen=True)
class Group:
    """Hits that belong together, in the order they had."""

    title: str
    hits: list[Hit]


def diversify(library: Library, hits: Sequence[Hit], k: int) -> list[Hit]:
    """The k hits that are likely and unlike one another, the likeliest first.

    Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each next hit is the one whose confidence is
    largest when its largest cosine with those chosen before is taken off, weighed by `VARIED`; below `UNLIKE` cosines
    count the same, so that nothing is gained by having nothing to do with the search.
    """
    vectors = _embeddings(library, hits)
    match = (1 - VARIED) * np.array([hit.confidence for hit in hits], np.float32)
    likest = np.full(len(hits), UNLIKE, np.float32)
    chosen: list[int] = []
    while len(chosen) < min(k, len(hits)):
        best = int(np.argmax(match - VARIED * likest))
        chosen.append(best)
        match[best] = -np.inf
        likest = np.maximum(likest, vectors @ vectors[best])
    return [hits[i] for i in chosen]


def group(library: Library, hits: Sequence[Hit], by: str) -> list[Group]:
    """Hits in groups, those with the best hit first, and what cannot be told of last.

    By moment: taken with no pause longer than `PAUSE`; by place; or by likeness: duplicates, and those whose
    embeddings are near to that of the group's first. Raises AskpixError for anything else.
    """
    match by:
        case "moment":
            return [Group(_span(some) if told else "no date", some) for told, some in _gathered(hits, _moments(hits))]
        case "place":
            return [Group(place or "no place", some) for place, some in _gathered(hits, [*map(_place, hits)])]
        case "likeness":
            alike = _gathered(hits, _likenesses(library, hits))
            return [Group(some[0].photo.caption or some[0].photo.path.name, some) for _, some in alike]
    raise AskpixError(f"photos cannot be grouped by {by!r}; there are: {', '.join(WAYS)}")


def _gathered(hits: Sequence[Hit], keys: Sequence[Key | None]) -> list[tuple[Key | None, list[Hit]]]:
    """Hits by their keys, in the order in which these come first; those without one last."""
    found: dict[Key | None, list[Hit]] = {}
    for hit, key in zip(hits, keys, strict=True):
        found.setdefault(key, []).append(hit)
    return sorted(found.items(), key=lambda item: item[0] is None)


def _place(hit: Hit) -> str | None:
    return hit.photo.place or None


def _taken(hit: Hit) -> datetime | None:
    return hit.photo.details.taken_at if hit.photo.details else None


def _moments(hits: Sequence[Hit]) -> list[datetime | None]:
    """For each hit when its moment began; None without a date."""
    began: dict[datetime | None, datetime] = {}
    last = begin = datetime.min
    for taken in sorted(filter(None, map(_taken, hits))):
        if taken - last > PAUSE:
            begin = taken
        began[taken] = begin
        last = taken
    return [began.get(_taken(hit)) for hit in hits]


def _span(hits: Sequence[Hit]) -> str:
    """From when to when hits were taken, in words."""
    times = sorted(filter(None, map(_taken, hits)))
    first, last = times[0], times[-1]
    begun, ended = (f"{time.day} {time:%B %Y, %H:%M}" for time in (first, last))
    if begun == ended:
        return begun
    return f"{begun} to {last:%H:%M}" if first.date() == last.date() else f"{begun} to {ended}"


def _likenesses(library: Library, hits: Sequence[Hit]) -> list[int]:
    """For each hit the place of the first that it is like."""
    vectors = _embeddings(library, hits)
    firsts: list[int] = []
    likest = np.zeros_like(vectors)  # the embeddings of the firsts
    showing: dict[int, int] = {}  # the first that a hit is like, by the best of its duplicates
    found = []
    for place, hit in enumerate(hits):
        same = hit.photo.duplicate_of or hit.photo.id
        if same not in showing:
            cosines = likest[: len(firsts)] @ vectors[place]
            if firsts and cosines.max() >= ALIKE:
                showing[same] = firsts[int(cosines.argmax())]
            else:
                likest[len(firsts)] = vectors[place]
                firsts.append(place)
                showing[same] = place
        found.append(showing[same])
    return found


def _embeddings(library: Library, hits: Sequence[Hit]) -> Floats:
    """The embeddings of hits [n, dim]; zeros for those that the encoder has not seen."""
    ids = [hit.photo.id for hit in hits]
    seen = select(Embedding.image_id).where(
        Embedding.image_id.in_(listed(ids)), Embedding.model == library.encoder.name
    )
    with database.session(library.engine) as session:
        known = set(session.scalars(seen))
    vectors = np.zeros((len(ids), library.encoder.dim), np.float32)
    rows = [row for row, image_id in enumerate(ids) if image_id in known]
    if rows:
        vectors[rows] = library.vectors.get(np.array([ids[row] for row in rows]), library.count_vectors())
    return vectors
