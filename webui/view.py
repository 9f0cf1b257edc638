"""What a request asks to see: read from its address, and written into the addresses of what is one step away."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from flask import request
from flask_babel import lazy_gettext

from searcher.query import Part, Plan
from vlm.errors import AskpixError
from webui.library import current_library
from webui.sought_pictures import kept

ARRANGED = {
    "": lazy_gettext("Best first"),
    "added": lazy_gettext("Last added first"),
    "diverse": lazy_gettext("Varied"),
    "moment": lazy_gettext("By moment"),
    "place": lazy_gettext("By place"),
    "likeness": lazy_gettext("By likeness"),
}
_LAST_PAGE = 100_000


@dataclass(frozen=True)
class View:
    """A query and what was changed about its plan, by the places of the parts: which are off, and other weights.

    `picture` is the hash of a picture that somebody brought, `by` how hits are arranged, one of `ARRANGED`;
    `everything` shows hits however unlikely, and `page` counts from 1.
    """

    q: str = ""
    picture: str = ""
    off: frozenset[int] = frozenset()
    weights: Mapping[int, float] = field(default_factory=dict)
    by: str = ""
    everything: bool = False
    page: int = 1

    @classmethod
    def of_request(cls) -> Self:
        """Read it from the address; raises AskpixError for what no page has put there."""
        said = request.args
        by = said.get("by", "")
        if by not in ARRANGED:
            raise AskpixError(f"photos cannot be arranged by {by!r}; by is {', '.join(filter(None, ARRANGED))}")
        return cls(
            q=said.get("q", "").strip(),
            picture=said.get("picture", ""),
            off=_places(said.get("off", "")),
            weights=_weights(said.get("w", "")),
            by=by,
            everything=said.get("all") == "1",
            page=min(max(1, said.get("page", 1, type=int)), _LAST_PAGE),
        )

    @property
    def searching(self) -> bool:
        """Whether anything is asked for, rather than everything shown."""
        return bool(self.q or self.picture)

    @property
    def ranked(self) -> bool:
        """Whether photos are more and less likely, rather than meant or not."""
        return bool(self.plan.of("text") or self.plan.of("like"))

    @cached_property
    def plan(self) -> Plan:
        """The plan that the query comes to, with what was changed about it; the picture's part is its last."""
        return self._understood.with_changes(self.off, self.weights)

    @cached_property
    def _understood(self) -> Plan:
        """The plan without the changes."""
        library = current_library()
        parts = list(library.plan(self.q).parts) if self.q else []
        if self.picture:
            parts.append(Part("like", str(kept(library, self.picture))))
        return Plan(tuple(parts))

    @property
    def first(self) -> Self:
        """Its first page."""
        return replace(self, page=1)

    def link(self, **changes: Any) -> dict[str, Any]:
        """The arguments of an address that shows this view, or the first page of one with some fields changed."""
        view = replace(self, **{"page": 1, **changes}) if changes else self
        said = {
            "q": view.q,
            "picture": view.picture,
            "off": ",".join(map(str, sorted(view.off))),
            "w": ",".join(f"{place}:{weight:g}" for place, weight in sorted(view.weights.items())),
            "by": view.by,
            "all": int(view.everything),
            "page": view.page if view.page > 1 else 0,
        }
        return {name: value for name, value in said.items() if value}

    def with_term(self, term: str) -> Self:
        """The view whose query has one more term, such as tag:dog or like:12^0.75."""
        after = self._seam
        return self.moved({place: place + (place >= after) for place in {*self.off, *self.weights}}, self._and(term))

    def after(self, q: str) -> Self:
        """The view with the changes that were made when its query was `q`, where its parts are still in this one."""
        before = replace(self, q=q)._understood.parts
        now = dict(reversed([(part, place) for place, part in enumerate(self._understood.parts)]))
        return self.moved({place: now[part] for place, part in enumerate(before) if part in now}, self.q)

    def moved(self, places: Mapping[int, int], q: str) -> Self:
        """The view of another query, in which the parts that are kept have other places."""
        off = frozenset(places[place] for place in self.off if place in places)
        weights = {places[place]: weight for place, weight in self.weights.items() if place in places}
        return replace(self, q=q, off=off, weights=weights, page=1)

    @cached_property
    def _seam(self) -> int:
        """The place that the part of one more term has: before what is understood of plain words."""
        if not (self.off or self.weights):
            return 0
        term = Part("like", "0")
        return current_library().plan(self._and("like:0")).parts.index(term)

    def _and(self, term: str) -> str:
        return f"{self.q} {term}".strip()


def _places(said: str) -> frozenset[int]:
    try:
        return frozenset(int(place) for place in said.split(",") if place)
    except ValueError as error:
        raise AskpixError(f"off={said} does not say which parts are off; write for example off=0,2") from error


def _weights(said: str) -> dict[int, float]:
    pairs = [pair.partition(":") for pair in said.split(",") if pair]
    try:
        return {int(place): float(weight) for place, _, weight in pairs}
    except ValueError as error:
        raise AskpixError(f"w={said} does not say what parts weigh; write for example w=1:0.5") from error
