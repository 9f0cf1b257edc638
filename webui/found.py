"""What a view finds, as its page shows it: hits in sections, of duplicates the best alone, and near misses apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, or_, select

from searcher import Hit, Library, database
from searcher.arranging import diversify, group
from searcher.catalog import File, Image
from searcher.query import Plan
from webui.view import View

PAGE = 60  # photos on one page
_POOL = 5 * PAGE  # hits that varied ones are chosen from


@dataclass(frozen=True)
class Shown:
    """A hit, with how many others that show the same are folded behind it."""

    hit: Hit
    others: int = 0


@dataclass(frozen=True)
class Section:
    """Hits under a title, which is empty where there is nothing to say."""

    title: str
    photos: list[Shown]


@dataclass(frozen=True)
class Found:
    """A page of hits, in sections, and `near` misses.

    `more` says whether another page follows, and `ranked` whether hits are more and less likely.
    """

    sections: list[Section]
    near: list[Shown] = field(default_factory=list)
    more: bool = False
    ranked: bool = False

    @property
    def shown(self) -> list[Shown]:
        """The hits of all sections."""
        return [shown for section in self.sections for shown in section.photos]

    @property
    def hits(self) -> list[Hit]:
        """All that is on the page, in its order, near misses last."""
        return [shown.hit for shown in (*self.shown, *self.near)]


def look(library: Library, view: View) -> Found:
    """The page that a view asks for."""
    plan, start = view.plan, (view.page - 1) * PAGE
    size = _POOL if view.by == "diverse" else PAGE
    if not plan.on:
        hits = library.browse("-is:duplicate", k=size + 1, offset=start)
        return Found(_sections(library, view.by, fold(library, hits[:size])), more=len(hits) > size)
    results = library.find(plan, k=start + size + 1, min_confidence=0.0 if view.everything else None)
    before, hits = results.hits[:start], results.hits[start : start + size]
    ranked = bool(plan.of("text") or plan.of("like"))
    more = len(results.hits) > start + size and view.by != "diverse"
    if _wants_duplicates(plan):
        shown = [Shown(hit) for hit in hits]
        return Found(_sections(library, view.by, shown), [Shown(hit) for hit in results.near], more, ranked)
    shown = fold(library, hits, before)
    near = fold(library, results.near, results.hits)
    return Found(_sections(library, view.by, shown), near, more, ranked)


def _wants_duplicates(plan: Plan) -> bool:
    return any(part.value == "is:duplicate" for part in plan.of("where"))


def _sections(library: Library, by: str, shown: Sequence[Shown]) -> list[Section]:
    photos = {one.hit.photo.id: one for one in shown}
    return [
        Section(title, [photos[hit.photo.id] for hit in hits])
        for title, hits in _arranged(library, by, [one.hit for one in shown])
    ]


def _arranged(library: Library, by: str, hits: list[Hit]) -> Iterable[tuple[str, list[Hit]]]:
    if by == "diverse":
        return [("", diversify(library, hits, PAGE))]
    if by:
        return [(one.title, one.hits) for one in group(library, hits, by)]
    return [("", hits)]


def fold(library: Library, hits: Sequence[Hit], before: Sequence[Hit] = ()) -> list[Shown]:
    """Of hits that show the same the best alone, where the first of them stands; none of what came `before`."""
    known = {_best(hit) for hit in before}
    chosen: dict[int, Hit] = {}
    for hit in hits:
        best = _best(hit)
        if best not in known and (best not in chosen or hit.photo.id == best):
            chosen[best] = hit
    count = _count(library, chosen)
    return [Shown(hit, count.get(best, 1) - 1) for best, hit in chosen.items()]


def _best(hit: Hit) -> int:
    """The best of the photos that show the same."""
    return hit.photo.duplicate_of or hit.photo.id


def _count(library: Library, ids: Iterable[int]) -> dict[int, int]:
    """How many photos that are there show the same, by the best of them."""
    some = list(ids)
    best = func.coalesce(Image.duplicate_of, Image.id)
    same = or_(Image.id.in_(some), Image.duplicate_of.in_(some))  # each has an index, coalesce has none
    present = select(File.image_id).where(File.missing_since.is_(None))
    count = select(best, func.count()).where(same, Image.id.in_(present)).group_by(best)
    with database.session(library.engine) as session:
        return dict(session.execute(count).all())
