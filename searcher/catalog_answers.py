"""Questions about the library, answered by the catalog: dates, places, counts, by query and never by guess.

What a question asks is told by its form (`searcher.catalog_questions`), of which photos by the query language: filters
hold exactly, and what photos are about is searched with the model's calibrated cutoff, which is said. Every number
comes with the query that leads to the photos behind it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from searcher import catalog_counts as counts
from searcher import database
from searcher.asking import check_question
from searcher.catalog_counts import MOST, MOST_DATES, Meant, narrowed
from searcher.catalog_phrases import BASIS, NAMES, SAYS, day, holds, label, photos
from searcher.catalog_questions import Asked, By, Kind, read
from searcher.library import MOST_SAVED, Library
from searcher.query import Plan
from searcher.results import photos as photos_of
from searcher.wording import About, Facts

SURE = 0.5  # a likelier photo is told of first
SHOWN = 24  # ids of photos behind an answer
TOLD = 5  # values of a table that its sentence names
_COLOURS = frozenset("black white brown red blue green yellow orange pink purple tan gray grey silver gold".split())


@dataclass(frozen=True)
class Row:
    """A number: of what, how many photos, and the query that leads to them; None if there is no such query."""

    label: str
    count: int
    query: str | None


@dataclass(frozen=True)
class CatalogAnswer:
    """An answer about the library: a sentence, and what is behind it.

    `query` leads to the photos that it is about, and `ids` are some of those that it names. `rows` are its numbers, a
    table where there are several; `basis` is how many photos say at all what was asked of them, None where all do.
    """

    kind: Kind
    sentence: str
    query: str
    rows: list[Row] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    basis: Row | None = None

    def as_json(self) -> dict[str, Any]:
        """The answer as the command line and the API print it."""
        return asdict(self)


def answer_from_catalog(library: Library, question: str) -> CatalogAnswer | None:
    """The answer to a question about the library; None if it is not about the library as a whole.

    Raises AskpixError for an empty question, and where what the photos are about cannot be searched for.
    """
    asked = read(check_question(question))
    if asked is None:
        return None
    with database.session(library.engine) as session:
        least = library.settings.min_confidence
        cutoff = library.encoder.cutoff if least is None else least
        return _Answering(session, asked, counts.meant(library, session, asked), cutoff).answer()


def facts(library: Library, answer: CatalogAnswer) -> Facts:
    """What a language model needs to word the answer: its sentence, its numbers and the photos that it names."""
    with database.session(library.engine) as session:
        named = photos_of(session, answer.ids, library.captions_by)
    return Facts(answer.sentence, [About.of(photo) for photo in named], [row.count for row in answer.rows])


@dataclass(frozen=True)
class _Answering:
    session: Session
    asked: Asked
    meant: Meant
    cutoff: float

    def answer(self) -> CatalogAnswer:
        """The answer, by what kind of question it is."""
        match self.asked.kind:
            case "last" | "first":
                return self._end(newest=self.asked.kind == "last", whole_day=True)
            case "newest" | "oldest":
                return self._end(newest=self.asked.kind == "newest", whole_day=False)
            case "when":
                return self._counted("month")
            case "number":
                return self._number()
        return self._counted(self.asked.by or "tag")

    # When

    def _end(self, *, newest: bool, whole_day: bool) -> CatalogAnswer:
        """The newest or the oldest photo, or all of its day."""
        plan, ids = narrowed(self.meant.plan, "is:dated"), self.meant.ids
        basis = self._basis("year")
        at_the_end = counts.end(self.session, ids, newest=newest)
        if at_the_end is None:
            sentence = f"No photo that says when it was taken {holds(self.meant.plan, 1)}{_after(basis)}."
            return CatalogAnswer(self.asked.kind, sentence, self._query(plan), basis=basis)
        shown = counts.end(self.session, self.meant.at_least(SURE), newest=newest) or at_the_end
        found = counts.taken_on(self.session, ids, shown[1]) if whole_day else [shown[0]]
        number = counts.count(self.session, ids, counts.has("year"))
        that = f" that {holds(self.meant.plan, number)}" if self.meant.plan.parts else ""
        sentence = f"The {'newest' if newest else 'oldest'} of the {photos(number)} with a date{that} is from "
        sentence += day(shown[1]) + (f" ({photos(len(found))} that day)" if len(found) > 1 else "")
        sentence += f", with a likelihood of {self.meant.likelihood(found):.0%}." if self.meant.likely else "."
        if shown[1] != at_the_end[1]:
            less = self.meant.likelihood([at_the_end[0]])
            sentence += f" A less likely one ({less:.0%}) is from {day(at_the_end[1])}."
        row = self._row(day(shown[1]), narrowed(plan, f"date:{shown[1]}"), len(found))
        return CatalogAnswer(self.asked.kind, sentence, self._query(plan), [row], found[:SHOWN], basis)

    # How many

    def _number(self) -> CatalogAnswer:
        plan, total = self.meant.plan, counts.count(self.session, counts.everything())
        number = counts.count(self.session, self.meant.ids)
        basis = self._basis("year") if _asks("date", plan) else self._basis("place") if _asks("place", plan) else None
        if not plan.parts:
            sentence = f"There {'is' if number == 1 else 'are'} {photos(number)} in the library."
        else:
            more = "at least " if self.meant.likely is not None and number == MOST_SAVED else ""
            sentence = f"{more}{number:,} of {photos(total)} {holds(plan, number)}"
            sentence += self._expected(number) + _after(basis) + "."
        if _asks("type:video", plan):
            some = counts.videos(self.session, self.meant.ids)
            of = f"{photos(number, 'moment')} of {photos(some, 'video')}" if number else "no videos"
            sentence = f"There are {of} in the library."
        query = self._query(plan)
        return CatalogAnswer("number", sentence, query, [Row("photos", number, query)], self._few(number), basis)

    def _expected(self, number: int) -> str:
        """How many of those that a search finds show it, by their calibrated likelihoods."""
        if self.meant.likely is None or not number:
            return ""
        expected = max(round(sum(self.meant.likely.values())), 1)
        do = "does" if expected == 1 else "do"
        return f" with a likelihood of at least {self.cutoff:.0%}; going by these, about {expected:,} of them {do}"

    def _few(self, number: int) -> list[int]:
        """The ids of the photos, where they are few, the likeliest first."""
        if number > SHOWN:
            return []
        ids = list(self.session.scalars(self.meant.ids))
        return sorted(ids, key=lambda i: -self.meant.likelihood([i]))

    # By what

    def _counted(self, by: By) -> CatalogAnswer:
        """A table of values, the most frequent first, or in their order where all of them are asked for."""
        found = counts.counted(self.session, by, self.meant.ids)
        if by == "tag" and self.asked.kind == "most":  # "what do I photograph?" asks for things
            found = [(value, number) for value, number in found if value not in _COLOURS]
        basis = None if by in ("tag", "type") else self._basis(by, among_all=not self.meant.plan.parts)
        query = self._query(self.meant.plan)
        if not found:
            which = f" that {holds(self.meant.plan, 2)}" if self.meant.plan.parts else ""
            return CatalogAnswer(self.asked.kind, f"No photos{which} say {SAYS[by]}.", query, basis=basis)
        values = [value for value, _ in found]
        in_order = self.asked.kind in ("per", "when") and by in ("year", "month", "day", "rating")
        shown = sorted(found[:MOST_DATES]) if in_order else found[:MOST]
        rows = [
            self._row(label(by, value), narrowed(self.meant.plan, *counts.terms(by, value, values)), number)
            for value, number in shown
        ]
        sentence = self._table(by, len(found), rows) + (f" {basis.label}." if basis else "")
        return CatalogAnswer(
            self.asked.kind, sentence, query, rows, self._few(counts.count(self.session, self.meant.ids)), basis
        )

    def _table(self, by: By, values: int, rows: Sequence[Row]) -> str:
        """The sentence over a table."""
        plan, (one, several) = self.meant.plan, NAMES[by]
        first, *others = sorted(rows, key=lambda row: -row.count)
        told = [f"{row.label} ({row.count:,})" for row in (first, *others[: TOLD - 1])]
        more = f" and {values - TOLD:,} more" if values > TOLD else ""
        that = f"Of the photos that {holds(plan, 2)}, the" if plan.parts else "The"
        if self.asked.kind == "most":
            then = f"; then {', '.join(told[1:])}" if others else ""
            return f"{that} {one} with the most photos is {first.label}: {photos(first.count)}{then}."
        if plan.parts:
            number = counts.count(self.session, self.meant.ids)
            return f"{photos(number)} {holds(plan, number)}: {', '.join(told)}{more}."
        if self.asked.kind == "per":
            return f"{values:,} {one if values == 1 else several}; the one with the most photos is {told[0]}."
        return f"{values:,} {one if values == 1 else several}: {', '.join(told)}{more}."

    # What they share

    def _row(self, label: str, plan: Plan, number: int) -> Row:
        return Row(label, number, self._query(plan))

    def _query(self, plan: Plan) -> str:
        return counts.query(self.session, plan)

    def _basis(self, by: By, *, among_all: bool = True) -> Row | None:
        """How many of all photos, or of those meant, say what is asked of them, in words; None if all do."""
        ids, plan = (counts.everything(), Plan()) if among_all else (self.meant.ids, self.meant.plan)
        said, total = counts.count(self.session, ids, counts.has(by)), counts.count(self.session, ids)
        if said == total:
            return None
        label = f"{said:,} of {'' if among_all else 'these '}{photos(total)} {'says' if said == 1 else 'say'}"
        query = self._query(narrowed(plan, BASIS[by])) if by in BASIS else None
        return Row(f"{label} {SAYS[by]}", said, query)


def _asks(term: str, plan: Plan) -> bool:
    return any(part.value.removeprefix("-").startswith(term) for part in plan.of("where"))


def _after(basis: Row | None) -> str:
    return f"; {basis.label}" if basis else ""
