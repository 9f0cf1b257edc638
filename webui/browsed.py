"""Which captions a page of them shows: read from its address, and written into others; and its rows."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from flask import abort, request

from indexer.runs import RunStatus, latest_runs
from searcher import Library, Photo, database
from searcher.captions import Place, Wanted, Written
from searcher.catalog import PEOPLE, Caption, Run
from searcher.results import photos
from vlm.errors import AskpixError

RUNS = 50  # the latest, that are offered, and among which the one is looked for that wrote a caption


@dataclass(frozen=True)
class Browsed:
    """Captions with some `words`, `by` somebody, of one `run` or from one day to another, the least sure first or the
    `surest`; `after` is the place where the page before ended."""

    words: str = ""
    by: str = ""
    run: int | None = None
    since: str = ""
    until: str = ""
    surest: bool = False
    after: str = ""

    @classmethod
    def of_request(cls) -> Self:
        """Read it from the address."""
        said = request.args
        return cls(
            words=said.get("words", "").strip()[:1000],
            by=said.get("by", ""),
            run=said.get("run", type=int),
            since=said.get("since", ""),
            until=said.get("until", ""),
            surest=said.get("order") == "surest",
            after=said.get("after", ""),
        )

    def link(self, **others: Any) -> dict[str, Any]:
        """The arguments of an address that shows it, some of them others."""
        said = {**vars(self), "surest": None, "order": "surest" if self.surest else "", **others}
        return {name: value for name, value in said.items() if value}

    @property
    def narrowed(self) -> bool:
        """Whether some captions are left out."""
        return bool(self.words or self.by or self.run or self.since or self.until)

    @property
    def place(self) -> Place | None:
        """The place after which the page begins; raises AskpixError for what no page has put there."""
        if not self.after:
            return None
        confidence, _, image_id = self.after.partition(":")
        try:
            return float(confidence), int(image_id)
        except ValueError as error:
            raise AskpixError(f"after={self.after} is no place in the list; begin again at its first page") from error

    def from_after(self, caption: Written) -> dict[str, Any]:
        """The arguments of the address of the page that follows a caption."""
        return self.link(after=f"{caption.confidence!r}:{caption.image_id}")

    def wanted(self, library: Library) -> Wanted:
        """The captions that it is about; raises AskpixError for a day that is none."""
        since, until, by = _day(self.since), _day(self.until), self.by
        if until:
            until += timedelta(days=1)
        if self.run:
            with database.session(library.engine) as session:
                run = session.get(Run, self.run) or abort(404)
            since, until, by = run.started_at, run.finished_at, run.captioner or by
        return Wanted(library.captions_by, self.words, by, since, until)


@dataclass(frozen=True)
class Row:
    """A caption with its photo, and the run that wrote it, if that is among the latest."""

    photo: Photo
    caption: Written
    run: RunStatus | None = None

    @property
    def by_people(self) -> bool:
        """Whether people wrote it."""
        return self.caption.model == PEOPLE


def rows(library: Library, found: list[Written], runs: list[RunStatus]) -> list[Row]:
    """The captions with what is known about them."""
    with database.session(library.engine) as session:
        there = photos(session, [caption.image_id for caption in found], library.captions_by)
    by_id = {photo.id: photo for photo in there}
    return [
        Row(by_id[caption.image_id], caption, _wrote(runs, caption)) for caption in found if caption.image_id in by_id
    ]


def row(library: Library, image_id: int) -> Row | None:
    """The caption that a photo is shown with now, if it has one."""
    photo = library.photo(image_id)
    if photo is None or photo.captioner is None:
        return None
    with database.session(library.engine) as session:
        own = session.get_one(Caption, (image_id, photo.captioner))
    caption = Written(image_id, own.model, own.text, own.confidence, own.created_at)
    return Row(photo, caption, _wrote(writing_runs(library), caption))


def writing_runs(library: Library) -> list[RunStatus]:
    """The latest runs that wrote captions."""
    return [run for run in latest_runs(library, RUNS) if run.counts["captioned"]]


def _wrote(runs: list[RunStatus], caption: Written) -> RunStatus | None:
    at = caption.created_at.replace(tzinfo=UTC)
    its = (run for run in runs if run.captioner == caption.model and run.started_at <= at <= run.updated_at)
    return next(its, None)


def _day(said: str) -> datetime | None:
    try:
        return datetime.fromisoformat(said) if said else None
    except ValueError as error:
        raise AskpixError(f"{said!r} is no day; write it as 2026-05-31") from error
