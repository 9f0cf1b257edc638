"""What a view finds, as its page shows it: hits in sections, of duplicates the best alone, and near misses apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from searcher import Hit, Library, database
from searcher.arranging import diversify, group
from searcher.catalog import File, Image
from searcher.query import Plan
from searcher.results import photos
from searcher.timeline import Listing, listing
from webui.months import month_title
from webui.view import View

PAGE = 60  # photos on one page
RANKED = 1_000  # hits of a search at most
_POOL = 5 * PAGE  # hits that varied ones are chosen from


@dataclass(frozen=True)
class Shown:
    """A hit, with how many others that show the same are folded behind it."""

    hit: Hit
    others: int = 0


@dataclass(frozen=True)
class Section:
    """Hits under a title, which is empty where there is nothing to say; `month`, such as 2019-05, is what it tells."""

    title: str
    photos: list[Shown]
    month: str | None = None


@dataclass(frozen=True)
class Found:
    """A page of hits, in sections, and `near` misses; `more` says whether another page follows.

    `total` is how many there are on all pages; None of hits that are more and less likely, of which nobody knows, and
    of all photos.
    """

    sections: list[Section]
    near: list[Shown] = field(default_factory=list)
    more: bool = False
    total: int | None = None

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
    if not view.ranked:
        return _listed(library, view)
    start = min(view.page - 1, RANKED // PAGE) * PAGE
    size = _POOL if view.by == "diverse" else PAGE
    results = library.find(view.plan, k=start + size + 1, min_confidence=0.0 if view.everything else None)
    before, hits = results.hits[:start], results.hits[start : start + size]
    more = len(results.hits) > start + size and view.by != "diverse" and start + size < RANKED
    if wants_duplicates(view.plan):
        return Found(_sections(library, view, [Shown(hit) for hit in hits]), [Shown(hit) for hit in results.near], more)
    shown = fold(library, hits, before)
    return Found(_sections(library, view, shown), fold(library, results.near, results.hits), more)


def deeper(library: Library, view: View) -> list[Shown]:
    """All the hits of a search, up to `RANKED`: those of the first page, and then the others."""
    first = look(library, view.first).shown
    # How deep a search looks can change its order, which is to stay what it was.
    known = {shown.hit.photo.id for shown in first}
    found = library.find(view.plan, k=RANKED, min_confidence=0.0 if view.everything else None).hits
    rest = [hit for hit in found if hit.photo.id not in known]
    if wants_duplicates(view.plan):
        return [*first, *map(Shown, rest)]
    return [*first, *fold(library, rest, [shown.hit for shown in first])]


def beside(library: Library, view: View, image_id: int) -> tuple[Hit | None, Hit | None, Hit | None]:
    """The hit that a photo is in a view, and those before and after it."""
    if view.by not in {"", "added"} or (view.ranked and _place(look(library, view).hits, image_id) is not None):
        hits = look(library, view).hits
    elif view.ranked:
        hits = [shown.hit for shown in deeper(library, view)]
    else:
        return _beside_in_list(library, view, image_id)
    place = _place(hits, image_id)
    if place is None:
        return None, None, None
    return hits[place], hits[place - 1] if place else None, hits[place + 1] if place + 1 < len(hits) else None


def shown_of(library: Library, ids: Sequence[int]) -> list[Shown]:
    """The photos with these ids, as a list shows them."""
    with database.session(library.engine) as session:
        found = photos(session, ids, library.captions_by)
    hits = [Hit(photo, 1.0, 1.0, {}) for photo in found]
    count = _count(library, map(_best, hits))
    return [Shown(hit, count.get(_best(hit), 1) - 1) for hit in hits]


def listed(library: Library, session: Session, view: View) -> Listing:
    """The list of the photos of a view that are meant or not, rather than more and less likely."""
    return listing(library, session, view.plan, by_date=view.by != "added")


def wants_duplicates(plan: Plan) -> bool:
    """Whether photos that show the same as others are asked for, rather than folded away."""
    return any(part.value == "is:duplicate" for part in plan.of("where"))


def _listed(library: Library, view: View) -> Found:
    size, start = _POOL if view.by == "diverse" else PAGE, (view.page - 1) * PAGE
    with database.session(library.engine) as session:
        in_order = listed(library, session, view)
        ids = in_order.ids(size + 1, start)
        hits = _held(library, session, view, ids[:size])
        more = len(ids) > size
        total = in_order.count() if view.searching else None
        dated = in_order.dated
    library.wish(hits)
    shown = [*map(Shown, hits)] if wants_duplicates(view.plan) else fold(library, hits)
    sections = _months(shown, dated) if view.by == "" else _sections(library, view, shown)
    return Found(sections, more=more and view.by != "diverse", total=total)


def _held(library: Library, session: Session, view: View, ids: Sequence[int]) -> list[Hit]:
    """The photos with these ids as hits of a view of which all holds."""
    why = {"parts": [{"holds": part.on} for part in view.plan.parts]}
    return [Hit(photo, 1.0, 1.0, why) for photo in photos(session, ids, library.captions_by)]


def _beside_in_list(library: Library, view: View, image_id: int) -> tuple[Hit | None, Hit | None, Hit | None]:
    with database.session(library.engine) as session:
        in_order = listed(library, session, view)
        if image_id not in in_order:
            return None, None, None
        around = in_order.beside(image_id)
        ids = [i for i in (image_id, *around) if i is not None]
        found = {hit.photo.id: hit for hit in _held(library, session, view, ids)}
    before, after = (None if i is None else found.get(i) for i in around)
    return found.get(image_id), before, after


def _place(hits: Sequence[Hit], image_id: int) -> int | None:
    return next((i for i, hit in enumerate(hits) if hit.photo.id == image_id), None)


def _sections(library: Library, view: View, shown: Sequence[Shown]) -> list[Section]:
    kept = {one.hit.photo.id: one for one in shown}
    return [
        Section(title, [kept[hit.photo.id] for hit in hits])
        for title, hits in _arranged(library, view.by, [one.hit for one in shown])
    ]


def _months(shown: Sequence[Shown], dated: bool) -> list[Section]:
    return [Section(month_title(month) if dated else "", list(some), month) for month, some in groupby(shown, _month)]


def _month(shown: Shown) -> str:
    said = shown.hit.photo.details
    return f"{said.taken_at:%Y-%m}" if said and said.taken_at else ""


def _arranged(library: Library, by: str, hits: list[Hit]) -> Iterable[tuple[str, list[Hit]]]:
    if by == "diverse":
        return [("", diversify(library, hits, PAGE))]
    if by in {"", "added"}:
        return [("", hits)]
    return [(one.title, one.hits) for one in group(library, hits, by)]


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
    if not (some := list(ids)):
        return {}
    best = func.coalesce(Image.duplicate_of, Image.id)
    same = or_(Image.id.in_(some), Image.duplicate_of.in_(some))  # each has an index, coalesce has none
    present = exists().where(File.image_id == Image.id, File.missing_since.is_(None))
    count = select(best, func.count()).where(same, present).group_by(best)
    with database.session(library.engine) as session:
        return dict(session.execute(count).all())
