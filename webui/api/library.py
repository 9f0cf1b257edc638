"""The library as a whole: what photos share, how indexing goes, and whether all is well."""

from importlib.metadata import version
from typing import Annotated, Literal

from flask import Response, abort
from pydantic import BaseModel, ConfigDict, Field

from indexer.runs import latest_runs
from indexer.working import indexing
from searcher import database, filters
from searcher.query import Part, Plan
from webui.api.arranged import FacetShown, facets_shown
from webui.api.texts import Moment, Shown, Text, told
from webui.api.topic import topic
from webui.library import current_library

_ALL = 100_000  # runs

blueprint = topic("library", "The library as a whole.")


class Narrowed(BaseModel):
    """Which photos are counted: those that the filters and the words in quotation marks let through."""

    model_config = ConfigDict(extra="forbid")

    q: Text | None = Field(default=None, description="A query.")
    where: Text | None = Field(default=None, description="Filters besides it, or alone.")


class Facets(BaseModel):
    """For each thing that photos share the most frequent values."""

    facets: dict[str, list[FacetShown]]


class Latest(BaseModel):
    """How many runs are wanted."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(default=20, ge=1, le=1_000)


class Path(BaseModel):
    """Which run."""

    run_id: Annotated[int, Field(ge=1, lt=2**63)] = Field(description="A run's id.")


class RunShown(BaseModel):
    """A run of the indexer."""

    id: int
    outcome: str = Field(description="running, done, interrupted, killed, or failed with the reason.")
    phase: str = Field(description="What it does, or did last; done and total count its files or photos.")
    done: int
    total: int
    started_at: Moment
    updated_at: Moment
    seconds: float
    roots: list[Shown]
    model: str
    captioner: str | None
    counts: dict[str, int]
    stages: dict[str, float] = Field(description="Seconds spent in each stage.")
    reasons: dict[str, int] = Field(description="Why files were refused, and how often.")


class Runs(BaseModel):
    """Runs, the latest first."""

    runs: list[RunShown]


class Health(BaseModel):
    """That the server answers, and for what."""

    status: Literal["ok"] = "ok"
    version: str
    photos: int
    model: str
    indexing: bool = Field(description="Whether a run is at work now.")


@blueprint.get("/facets", responses={200: Facets, 304: None})
def facets(query: Narrowed) -> Response:
    """Count what photos share: tags, years, cameras, places and more."""
    library = current_library()
    parts = list(library.plan(query.q).parts) if query.q is not None else []
    if query.where is not None:
        with database.session(library.engine) as session:
            parts += [Part("where", term) for term in filters.read_filter(session, query.where)]
    plan = Plan(tuple(parts)) if parts else None
    return told(Facets(facets=facets_shown(library, plan)))


@blueprint.get("/runs", responses={200: Runs})
def runs(query: Latest) -> Response:
    """The last runs of the indexer, and how far the one at work is."""
    found = latest_runs(current_library(), query.count)
    return _now(Runs(runs=[RunShown(**run.as_json()) for run in found]))


@blueprint.get("/runs/<int:run_id>", responses={200: RunShown})
def run(path: Path) -> Response:
    """One run of the indexer."""
    found = next((run for run in latest_runs(current_library(), _ALL) if run.id == path.run_id), None)
    return _now(RunShown(**(found or abort(404, f"there is no run {path.run_id} here")).as_json()))


@blueprint.get("/health", responses={200: Health})
def health() -> Response:
    """Whether the server answers."""
    library = current_library()
    return _now(
        Health(
            version=version("askpix"),
            photos=library.count_images(),
            model=library.settings.model,
            indexing=indexing(library),
        )
    )


def _now(said: BaseModel) -> Response:
    """An answer that is out of date at once."""
    response = told(said)
    response.cache_control.no_store = True
    return response
