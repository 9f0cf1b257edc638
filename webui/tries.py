"""What to try where nothing matches: the query without each of its parts, and with words as they are spelled here."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from searcher import Library, database, wordsearch
from searcher.query import Part
from searcher.suggestions import spelled
from vlm.errors import AskpixError
from webui.chips import Chip
from webui.found import PAGE, listed
from webui.languages import gettext as _
from webui.view import View

_PARTS = 6  # that are tried


@dataclass(frozen=True)
class Try:
    """A view that finds something: `count` photos, or `more` than that."""

    said: str
    view: View
    count: int
    more: bool


def tries(library: Library, view: View, parts: list[Chip]) -> list[Try]:
    """Views a step away that find something, those that find the most first."""
    steps = [*_spelled(library, view), *_without(parts)]
    found = [one for said, other in steps if (one := _tried(library, said, other))]
    return sorted(found, key=lambda one: (one.more, one.count), reverse=True)


def _without(parts: list[Chip]) -> Iterator[tuple[str, View]]:
    on = [chip for chip in parts if chip.part.on]
    if len(on) > 1:
        for chip in on[:_PARTS]:
            yield _("Without “%(what)s”", what=chip.label), chip.toggled


def _spelled(library: Library, view: View) -> Iterator[tuple[str, View]]:
    """Queries in which a word or a value is one that photos here have, and looks much like what was typed."""
    with database.session(library.engine) as session:
        for part in view.plan.on:
            for field, wrong in _doubtful(session, part):
                for right in spelled(session, field, wrong):
                    q = view.q.replace(part.said, part.said.replace(wrong, right, 1), 1)
                    if q != view.q:
                        yield _("Did you mean “%(what)s”?", what=q), replace(view, q=q, page=1)


def _doubtful(session: Session, part: Part) -> list[tuple[str, str]]:
    """The value of a filter, or the words of a text that were written of no photo; with the field they are of."""
    if part.kind == "where":
        field, _colon, value = part.value.removeprefix("-").partition(":")
        return [(field, value)]
    if part.kind != "text":
        return []
    words = part.value.split()
    return [("tag", word) for word, count in zip(words, wordsearch.counts(session, words, 1), strict=True) if not count]


def _tried(library: Library, said: str, view: View) -> Try | None:
    with suppress(AskpixError):
        if view.ranked:
            count = len(library.search(view.plan, k=PAGE + 1))
        else:
            with database.session(library.engine) as session:
                count = listed(library, session, view).count()
        if count:
            return Try(said, view, min(count, PAGE) if view.ranked else count, view.ranked and count > PAGE)
    return None
