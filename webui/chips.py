"""The plan of a search as chips: each part with the words it was understood from, and views a step away from it."""

from contextlib import suppress
from dataclasses import dataclass, field, replace

from searcher import Library, Photo, database, filters
from searcher.query import Known, Part, Plan, parse, typed
from vlm.errors import AskpixError
from webui.languages import gettext as _
from webui.view import View

_WEIGHTS = (0.5, 1.0, 2.0)
_WEIGHED = {"text", "like", "not"}


@dataclass(frozen=True)
class Chip:
    """A part of the plan; `photo` is what it is to be like, if that is one of the library.

    `toggled` is the view with the part switched, `dropped` that without it in the query, and `weighed` those where it
    counts so much, its own weight among them; empty where that would change nothing.
    """

    part: Part
    toggled: View
    dropped: View
    photo: Photo | None = None
    weighed: dict[float, View] = field(default_factory=dict)

    @property
    def weight(self) -> float:
        """How much it counts, whether for or against."""
        return abs(self.part.weight)

    @property
    def label(self) -> str:
        """The part in words."""
        match self.part.kind:
            case "text":
                return self.part.value
            case "exact":
                return f"“{self.part.value}”"
            case "not":
                return _("without %(what)s", what=self.part.value)
            case "like":
                return _("unlike this picture") if self.part.weight < 0 else _("like this picture")
        name, value = self.part.value.removeprefix("-").split(":", 1)
        said = f"{name.replace('_', ' ')} {value.replace('..', ' – ')}"
        return _("not %(what)s", what=said) if self.part.value.startswith("-") else said

    @property
    def understood_from(self) -> str:
        """The words that were typed, where they are others than the part's own."""
        said = self.part.said
        return said if self.part.kind == "where" and said.replace('"', "") != self.part.value else ""

    @property
    def brought(self) -> bool:
        """Whether it is a picture that was brought, not one of the library."""
        return self.part.kind == "like" and not self.part.value.isdigit()


def chips(library: Library, view: View) -> list[Chip]:
    """One a part of the view's plan, in its order."""
    parts = view.plan.parts
    weighed = sum(part.kind in _WEIGHED for part in parts) > 1
    with database.session(library.engine) as session:
        known = filters.known(session)
        return [
            Chip(
                part,
                toggled=replace(view, off=view.off ^ {place}, page=1),
                dropped=_without(view, place, known),
                photo=library.photo(int(part.value)) if part.kind == "like" and part.value.isdigit() else None,
                weighed=_weighed(view, place, part) if weighed or abs(part.weight) != 1 else {},
            )
            for place, part in enumerate(parts)
        ]


def marked(parts: list[Chip]) -> dict[int, Chip]:
    """Of a plan's chips those of photos that others are to be like or unlike, by their ids."""
    return {chip.photo.id: chip for chip in parts if chip.photo}


def changed_query(library: Library, view: View) -> str:
    """The query that says all that the view does, pictures from outside aside: as it was typed, if that is so."""
    if not (view.off or view.weights):
        return view.q
    with database.session(library.engine) as session:
        return typed(view.plan, filters.known(session))


def _weighed(view: View, place: int, part: Part) -> dict[float, View]:
    """Views in which a part has other weights, and its own."""
    if part.kind not in _WEIGHED or not part.on:
        return {}
    most = 1.0 if part.kind == "not" else _WEIGHTS[-1]
    sizes = sorted({abs(part.weight), *(size for size in _WEIGHTS if size <= most)})
    sign = -1 if part.weight < 0 else 1
    return {size: replace(view, weights={**view.weights, place: sign * size}, page=1) for size in sizes}


def _without(view: View, place: int, known: Known) -> View:
    """The view without a part; what else was typed is left as it is, if that still says the same."""
    parts = parse(view.q, known).parts if view.q else ()
    moved = {i: i - (i > place) for i in range(len(view.plan.parts)) if i != place}
    if place == len(parts):
        return replace(view.moved(moved, view.q), picture="")
    rest = (*parts[:place], *parts[place + 1 :])
    left = " ".join(view.q.replace(parts[place].said, " ", 1).split())
    return view.moved(moved, left if _says(left, rest, known) else typed(Plan(rest), known))


def _says(q: str, parts: tuple[Part, ...], known: Known) -> bool:
    with suppress(AskpixError):
        return parse(q, known).parts == parts
    return False
