"""The plan of a search as chips: each part with the words it was understood from, and views a step away from it."""

from contextlib import suppress
from dataclasses import dataclass, replace

from searcher import Library, Photo, database, filters
from searcher.query import Known, Part, Plan, parse, typed
from vlm.errors import AskpixError
from webui.view import View

_STEPS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
_WEIGHED = {"text", "like", "not"}


@dataclass(frozen=True)
class Chip:
    """A part of the plan; `photo` is what it is to be like, if that is one of the library.

    `toggled` is the view with the part switched, `dropped` that without it in the query, and `less` and `more`
    those where it counts less and more, if it can.
    """

    part: Part
    toggled: View
    dropped: View
    photo: Photo | None = None
    less: View | None = None
    more: View | None = None

    @property
    def label(self) -> str:
        """The part in words."""
        match self.part.kind:
            case "text":
                return self.part.value
            case "exact":
                return f"“{self.part.value}”"
            case "not":
                return f"without {self.part.value}"
            case "like":
                return "unlike this picture" if self.part.weight < 0 else "like this picture"
        field, _, value = self.part.value.removeprefix("-").partition(":")
        no = "not " if self.part.value.startswith("-") else ""
        return f"{no}{field.replace('_', ' ')} {value.replace('..', ' – ')}"

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
                less=_weighed(view, place, part, -1) if weighed else None,
                more=_weighed(view, place, part, 1) if weighed else None,
            )
            for place, part in enumerate(parts)
        ]


def changed_query(library: Library, view: View) -> str:
    """The query that says all that the view does, pictures from outside aside: as it was typed, if that is so."""
    if not (view.off or view.weights):
        return view.q
    with database.session(library.engine) as session:
        return typed(view.plan, filters.known(session))


def _weighed(view: View, place: int, part: Part, step: int) -> View | None:
    """The view in which a part counts one step more or less; None where that would change nothing."""
    if part.kind not in _WEIGHED or not part.on:
        return None
    most = 1.0 if part.kind == "not" else _STEPS[-1]
    size = abs(part.weight)
    if step > 0:
        others = [one for one in _STEPS if size < one <= most]
        chosen = others[0] if others else None
    else:
        others = [one for one in _STEPS if one < size]
        chosen = others[-1] if others else None
    if chosen is None:
        return None
    weight = -chosen if part.weight < 0 else chosen
    return replace(view, weights={**view.weights, place: weight}, page=1)


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
