"""A question put to all that a search finds, or to some photos: answers as they come, and what they come to.

With JavaScript the page comes at once, and the answers after it; without it the page has the answers of the first
hits. A question about the library as a whole is answered by the catalog.
"""

import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug import Response

from searcher import Library, Photo, Reply
from searcher.answers import AUTOMATIC, open_column
from searcher.asking import check_question
from searcher.catalog_answers import CatalogAnswer, answer_from_catalog, facts
from searcher.columns import column, set_standing
from searcher.intents import understand
from searcher.survey import MOST_FOUND, Photos
from searcher.tallies import Row, Step, Tally
from searcher.wording import MOST_PHOTOS, About, Facts, Worded, word
from vlm.errors import AskpixError
from vlm.protocols import CANNOT_TELL
from webui.chips import chips
from webui.chosen_ids import MOST_IDS, chosen_ids
from webui.events import stream
from webui.found import PAGE, look, shown_of
from webui.library import current_library
from webui.pace import Pace
from webui.view import View

blueprint = Blueprint("ask", __name__)

MOST_SHOWN = 2_000  # photos that are shown with their answers
_EVERY_S = 0.5  # between two tallies that are sent
_LATELY = 20  # tallies by which the rate is reckoned
_CITED = re.compile(r"\[(\d{1,18})\]")

Answers = Sequence[tuple[Photo, Reply]]


@dataclass(frozen=True)
class Asking:
    """A question as the address has it: to the photos of a view, or to those with some `ids`.

    `every` asks all where a sample would do; `photos` asks them even what the catalog could answer; `only` shows the
    photos of one row of the tally alone.
    """

    question: str
    view: View
    ids: tuple[int, ...] = ()
    every: bool = False
    photos: bool = False
    only: str = ""

    @classmethod
    def of_request(cls) -> Self:
        """Read it from the address; raises AskpixError for a question that is none, and for what no page put there."""
        said = request.args
        return cls(
            check_question(said.get("question", "")),
            View.of_request(),
            tuple(chosen_ids(said)),
            "every" in said,
            "photos" in said,
            said.get("only", ""),
        )

    def link(self, **more: Any) -> dict[str, Any]:
        """The arguments of an address that asks this, with others."""
        own = {"ids": ",".join(map(str, self.ids)), "every": int(self.every), "photos": int(self.photos)}
        said = {"question": self.question, **self.view.link(), **own, **more}
        return {name: value for name, value in said.items() if value}

    def chosen(self, library: Library, *, page: bool) -> Photos:
        """The photos to ask; with `page` those that a page of the search shows."""
        if self.ids:
            return self.ids[:PAGE] if page else self.ids
        if page:
            return [shown.hit.photo for shown in look(library, self.view).shown]
        if self.view.everything and self.view.ranked:
            return [hit.photo for hit in library.find(self.view.plan, k=MOST_FOUND, min_confidence=0.0).hits]
        return self.view.plan if self.view.searching else None


@blueprint.get("/ask")
def show() -> str:
    """The question and, unless they are to come after the page, its answers."""
    library, asking = current_library(), Asking.of_request()
    if not asking.photos and not asking.ids and (found := answer_from_catalog(library, asking.question)):
        worded = word(asking.question, facts(library, found), library.settings)
        return _page(library, asking, found=found, worded=worded, named=_named(library, found))
    now = request.args.get("now")
    if now is None:
        return _page(library, asking)
    step, answers = _whole(library, asking, page=now == "page")
    worded = _word(library, asking, step.tally, answers)
    answers = in_order(step.tally, answers)
    row = next((row for row in _rows(step.tally) if row.label == asking.only), None)
    if row is not None:
        answers = [(photo, reply) for photo, reply in answers if photo.id in set(row.ids)]
    return _page(library, asking, now=now, row=row, answers=answers, **_told(library, step.tally, worded))


@blueprint.get("/ask/events")
def events() -> Response:
    """The answers and their tally as they come; who no longer listens stops it, and what was answered is kept."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        abort(403, "This was asked for by a page of another site.")  # it works for long, and keeps what it found
    return stream(_live(current_library(), Asking.of_request()))


@blueprint.post("/ask/keep")
def keep() -> Response:
    """Keep the answers as a column with a name, and have new photos asked as well, or no longer."""
    library, asking, form = current_library(), Asking.of_request(), request.form
    intent = understand(asking.question)
    if intent.kind == "best":
        raise AskpixError("a ranking is measured anew each time and cannot be kept as a column; keep it as an album")
    kept = open_column(library.engine, intent.question, form.get("name", "").strip())
    set_standing(library, str(kept.name), "standing" in form)
    return redirect(url_for(".show", **asking.link(now=request.args.get("now"))), 303)


def _page(library: Library, asking: Asking, **told: Any) -> str:
    # The photos of ids are no search, which nothing of the query could be taken out of.
    parts = [] if asking.ids else chips(library, asking.view)
    return render_template("ask.html", asking=asking, view=asking.view, chips=parts, most=MOST_IDS, **told)


def _whole(library: Library, asking: Asking, *, page: bool) -> tuple[Step, Answers]:
    """The last step of the asking, and the answers that are shown."""
    answers: list[tuple[Photo, Reply]] = []
    for step in library.ask_all(asking.question, asking.chosen(library, page=page), sample=_sample(asking)):
        answers += step.replies[: MOST_SHOWN - len(answers)]
    return step, answers


def _live(library: Library, asking: Asking) -> Iterator[dict[str, Any]]:
    """The tally as the page shows it, and the photos that were answered since the one before."""
    shown: list[tuple[Photo, Reply]] = []
    sent, last = 0, 0.0
    lately: deque[tuple[float, int]] = deque(maxlen=_LATELY)
    steps = library.ask_all(asking.question, asking.chosen(library, page=False), sample=_sample(asking))
    with closing(steps):  # type: ignore[type-var]
        for step in steps:
            shown += step.replies[: MOST_SHOWN - len(shown)]
            tally, now = step.tally, time.monotonic()
            if not tally.finished and now - last < _EVERY_S:
                continue
            lately.append((now, tally.asked))
            worded = _word(library, asking, tally, shown) if tally.finished else None
            fresh, sent, last = shown[sent:], len(shown), now
            yield {
                "html": render_template(
                    "_tally.html",
                    asking=asking,
                    view=asking.view,
                    pace=_pace(tally, lately),
                    **_told(library, tally, worded),
                ),
                "figures": render_template("_answers.html", answers=fresh, view=asking.view, cannot_tell=CANNOT_TELL),
                "asked": tally.asked,
                "meant": _meant(tally),
                "order": [row.ids[0] for row in tally.rows] if tally.kind == "best" else [],
                "finished": tally.finished,
            }


def _told(library: Library, tally: Tally, worded: Worded | None) -> dict[str, Any]:
    """What a template needs to show a tally."""
    named = tally.column if tally.column and not tally.column.startswith(AUTOMATIC) else None
    return {
        "tally": tally,
        "rows": _rows(tally),
        "meant": _meant(tally),
        "worded": worded or Worded(tally.sentence),
        "kept": column(library, named) if named else None,
        "cannot_tell": CANNOT_TELL,
    }


def _rows(tally: Tally) -> list[Row]:
    """All rows: of the answers, of those that cannot be told, and of the photos that could not be read."""
    refused = tuple(i for i, _ in tally.refused)
    unread = [Row("could not be read", len(refused), refused, len(refused) / tally.asked)] if refused else []
    return [*tally.rows, *([tally.unclear] if tally.unclear else []), *unread]


def in_order(tally: Tally, answers: Answers) -> Answers:
    """The answers, of a ranking the best first."""
    place = {row.ids[0]: i for i, row in enumerate(tally.rows)} if tally.kind == "best" else {}
    return sorted(answers, key=lambda one: place.get(one[0].id, len(place)))


def _meant(tally: Tally) -> int:
    """How many photos are asked in the end."""
    return tally.sample or tally.total


def _pace(tally: Tally, lately: Sequence[tuple[float, int]]) -> Pace:
    """By what was answered lately: answers that were kept before come much faster than others."""
    (then, before), (now, asked) = lately[0], lately[-1]
    if asked <= before or now <= then:
        return Pace()
    rate = (asked - before) / (now - then)
    return Pace(rate, (_meant(tally) - asked) / rate)


def _word(library: Library, asking: Asking, tally: Tally, answers: Answers) -> Worded:
    """The sentence of a tally, in the words of a language model if there is one."""
    about = [About.of(photo, reply.told) for photo, reply in in_order(tally, answers)[:MOST_PHOTOS]]
    return word(asking.question, Facts(tally.sentence, about, [row.count for row in _rows(tally)]), library.settings)


def _named(library: Library, found: CatalogAnswer) -> list[Photo]:
    """The photos that an answer of the catalog names."""
    return [shown.hit.photo for shown in shown_of(library, found.ids)]


@blueprint.app_template_filter("citations")
def citations(text: str) -> list[str]:
    """A text and the ids that it cites in square brackets, in turn."""
    return _CITED.split(text)


def _sample(asking: Asking) -> int | None:
    return 0 if asking.every else None
