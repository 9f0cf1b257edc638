"""The hits of a search as one list, of which pages can be read without repeating or missing any."""

from dataclasses import dataclass, field

from searcher import Hit, Library
from searcher.arranging import diversify
from searcher.query import Plan

DEPTHS = (50, 200, 1_000, 10_000)
_VARIED = 200  # hits out of which varied ones are chosen


@dataclass(frozen=True)
class Page:
    """Hits of one page; `near` misses come with the last, after which there are no `more`."""

    hits: list[Hit]
    near: list[Hit] = field(default_factory=list)
    more: bool = False


def page(library: Library, plan: Plan, least: float | None, start: int, k: int) -> Page:
    """The k hits from a place on that are no less likely than `least`, as `Library.find` has them."""
    stop = start + k
    hits: list[Hit] = []
    near: list[Hit] = []
    # How deep a search looks can change its order; the hits of a less deep one keep their places here.
    for depth in DEPTHS:
        results = library.find(plan, k=depth, min_confidence=least)
        hits += _without(hits, results.hits)
        near = _without(hits, results.near)
        if len(results.hits) < depth or len(hits) > stop:
            break
    return _cut(hits, near, start, stop)


def varied_page(library: Library, plan: Plan, least: float | None, start: int, k: int) -> Page:
    """As `page`, of the best hits in an order in which each differs from those before it."""
    results = library.find(plan, k=_VARIED, min_confidence=least)
    return _cut(diversify(library, results.hits, len(results.hits)), results.near, start, start + k)


def _without(hits: list[Hit], found: list[Hit]) -> list[Hit]:
    """What was found that is not among hits already."""
    known = {hit.photo.id for hit in hits}
    return [hit for hit in found if hit.photo.id not in known]


def _cut(hits: list[Hit], near: list[Hit], start: int, stop: int) -> Page:
    more = len(hits) > stop
    return Page(hits[start:stop], [] if more else near, more)
