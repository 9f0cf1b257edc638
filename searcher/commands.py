"""The verbs that search a library, and look after it."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

import click

from searcher.options import library_option, model_option, where_option
from vlm.console import emit, json_option, note, runtime_options, say
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher.arranging import Group
    from searcher.facets import Facet
    from searcher.library import Library
    from searcher.query import Part, Plan
    from searcher.results import Hit
    from searcher.search import Results
    from vlm.protocols import Encoder

PICTURE = click.Path(path_type=Path)
POOL = 5  # times as many hits as wanted, out of which varied ones are chosen
MOST = 10_000  # hits
_count_option = click.option(
    "-k",
    "count",
    default=20,
    show_default=True,
    type=click.IntRange(1, MOST),
    help="How many hits at most.",
)
_confidence_option = click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    help="Leave out hits less likely to match (default: the model's calibrated cutoff; 0 shows all).",
)


@dataclass(frozen=True)
class _Wanted:
    """Which hits of a search are wanted, and how they are shown."""

    count: int
    where: str | None
    min_confidence: float | None
    diverse: bool
    by: str | None
    facets: bool
    sort: str | None
    as_json: bool

    @property
    def limits(self) -> dict[str, Any]:
        """The arguments of a search."""
        many = MOST if self.sort else POOL * self.count if self.diverse else self.count
        return {"where": self.where, "k": many, "min_confidence": self.min_confidence}


def _read_weights(_context: click.Context, _option: click.Parameter, given: Sequence[str]) -> dict[int, float]:
    try:
        return {int(place): float(weight) for place, _, weight in (one.partition("=") for one in given)}
    except ValueError as error:
        raise AskpixError(f"--weight {' '.join(given)} is to be a part and its weight, for example: 0=2") from error


@click.command(epilog='Example: askpix search "a dog on a beach last summer, without people"')
@click.argument("query", required=False)
@library_option
@model_option
@runtime_options
@_count_option
@where_option
@click.option("--like", type=PICTURE, help="A picture that hits should look like, with or without a query.")
@_confidence_option
@click.option("--off", type=int, multiple=True, metavar="N", help="Leave out part N of the query; may be repeated.")
@click.option(
    "--weight",
    "weights",
    multiple=True,
    metavar="N=W",
    callback=_read_weights,
    help="Have part N of the query count W times; may be repeated.",
)
@click.option("--diverse", is_flag=True, help="Hits that are unlike one another, rather than many of a kind.")
@click.option("--group-by", "by", type=click.Choice(["moment", "place", "likeness"]), help="Hits in groups.")
@click.option("--sort", metavar="COLUMN", help="Hits in the order of a column of answers, such as has_dog.")
@click.option(
    "--facets", is_flag=True, help="Count tags, years, places and more among all photos that the filters let through."
)
@click.option(
    "--plan",
    "plan_file",
    type=click.File(encoding="utf-8"),
    help="A query as --json printed it, instead of QUERY; - for standard input.",
)
@click.option(
    "--queries",
    type=click.File(encoding="utf-8"),
    help="A file of queries, one a line, instead of QUERY; - for standard input.",
)
@json_option
def search(
    query: str | None,
    library: Path | None,
    model: str | None,
    runtime: dict[str, Any],
    like: Path | None,
    off: tuple[int, ...],
    weights: dict[int, float],
    plan_file: IO[str] | None,
    queries: Iterable[str] | None,
    **how: Any,
) -> None:
    """Find photos by describing them, best first.

    QUERY is what they show, in any language, and beside it what else you know:

    \b
      "a dog on a beach -people"        no people on it, or: without people
      '"ice cream" (a red car)^2'       just these words; this counts twice
      "snow last winter in Lyon"        taken then and there
      "sunset tag:boat -path:old"       filters hold, or do not hold
      "like:12 -like:7"                 looks like photo 12, and not like 7

    How it was understood is told in numbered parts, which --off and --weight change. Hits that are unlikely to match
    are left out, so there may be none.
    """
    wanted = _Wanted(**how)
    if sum(given is not None for given in (query, plan_file, queries)) > 1:
        raise AskpixError("give one of QUERY, --plan and --queries, not several")
    if queries is not None and (like is not None or off or weights):
        raise AskpixError("--like, --off and --weight are for one QUERY, not for --queries")
    with open_library(library, model=model, **runtime) as opened:
        if queries is not None:
            _search_lines(opened, queries, wanted)
            return
        plan = _plan(opened, query, plan_file).with_changes(off, weights)
        results = opened.find(plan, like=like, **wanted.limits)
        said = query or (_typed(opened, plan) if plan_file else str(like or wanted.where))
        _print_wanted(opened, said, results, wanted)


def _plan(library: "Library", query: str | None, file: IO[str] | None) -> "Plan":
    from searcher.query import Plan

    if file is None:
        return Plan() if query is None else library.plan(query)
    try:
        said = json.load(file)
    except ValueError as error:
        raise AskpixError(f"{file.name} is no plan as --json prints it ({error})") from error
    return Plan.from_json(said.get("plan") if isinstance(said, dict) else said)


def _typed(library: "Library", plan: "Plan") -> str:
    from searcher import database, filters
    from searcher.query import typed

    with database.session(library.engine) as session:
        return typed(plan, filters.known(session))


def _search_lines(library: "Library", queries: Iterable[str], wanted: _Wanted) -> None:
    from searcher.query import Plan
    from searcher.search import Results
    from vlm.streams import batches

    refused = 0
    for lines in batches((line.rstrip("\r\n") for line in queries), 64):
        good = []
        faults: dict[str, str] = {}
        for line in lines:
            try:
                good.append(library.plan(line))
            except AskpixError as error:
                faults[line] = str(error)
        found = library.search_many(good, **wanted.limits)
        for line in lines:
            if line in faults:
                refused += 1
                note(faults[line])
                _print_results(line, Results(Plan(), []), wanted.as_json)
            else:
                _print_wanted(library, line, next(found), wanted)
    if refused:
        raise SystemExit(3)


@click.command(epilog="Example: askpix similar holiday.jpg -k 5")
@click.argument("image", type=PICTURE)
@library_option
@model_option
@runtime_options
@_count_option
@json_option
def similar(
    image: Path, library: Path | None, model: str | None, runtime: dict[str, Any], count: int, as_json: bool
) -> None:
    """Find photos that look like IMAGE, a picture file in the library or not."""
    from searcher.query import Plan
    from searcher.search import Results

    with open_library(library, model=model, **runtime) as opened:
        _print_results(str(image), Results(Plan(), opened.similar(image, k=count)), as_json)


@click.command(epilog="Example: askpix duplicates --json | jq -r '.files[1:][].path'")
@library_option
@model_option
@runtime_options
@json_option
def duplicates(library: Path | None, model: str | None, runtime: dict[str, Any], as_json: bool) -> None:
    """List photos of which there are several: copies, and those resized or saved anew, the best first.

    Nothing is deleted; what to keep is yours to say.
    """
    from searcher.duplicates import duplicates as groups

    with open_library(library, model=model, **runtime) as opened:
        count = 0
        for count, group in enumerate(groups(opened), 1):  # noqa: B007  told after the last
            if as_json:
                files = [
                    {"path": str(copy.path), "bytes": copy.size, "width": copy.width, "height": copy.height}
                    for copy in group
                ]
                emit({"files": files})
                continue
            for copy in group:
                say(f"{copy.path}  {copy.width} x {copy.height}, {copy.size / 1e6:.1f} MB")
            say("")
        note(f"{count} pictures of which there are several" if count else "every picture is there once")


def open_library(library: Path | None, **flags: Any) -> "Library":
    """The library with its encoder, which warms up in a thread; `flags` are settings."""
    import vlm
    from searcher.settings import load_settings

    settings = load_settings(library=library, **flags)
    encoder = vlm.load(settings.model, settings, "encode")
    # Native code loads the text encoder while Python imports the database's library, which takes as long.
    Thread(target=_warm, args=(encoder,)).start()
    from searcher.checkup import known_faults
    from searcher.library import Library

    opened = Library(settings=settings, encoder=encoder)
    for fault in known_faults(opened.folder):
        note(fault)
    return opened


def _warm(encoder: "Encoder") -> None:
    with suppress(AskpixError):  # raised again where the encoder is used
        encoder.encode_texts(["warm"])


def _print_wanted(library: "Library", query: str, results: "Results", wanted: _Wanted) -> None:
    """Print what a search found as it is wanted: varied, in groups, with facets."""
    from searcher.arranging import diversify, group
    from searcher.columns import sorted_by
    from searcher.facets import facets

    if wanted.diverse:
        hits = diversify(library, results.hits, wanted.count)
        results = replace(results, hits=hits, near=results.near if len(hits) < wanted.count else [])
    if wanted.sort:
        results = replace(results, hits=sorted_by(library, results.hits, wanted.sort)[: wanted.count])
    groups = group(library, results.hits, wanted.by) if wanted.by else None
    counted = facets(library, results.plan) if wanted.facets else None
    _print_results(query, results, wanted.as_json, groups, counted)


def _print_results(
    query: str,
    results: "Results",
    as_json: bool,
    groups: Sequence["Group"] | None = None,
    facets: Mapping[str, Sequence["Facet"]] | None = None,
) -> None:
    if as_json:
        more: dict[str, Any] = {}
        if groups is not None:
            more["groups"] = [{"title": one.title, "ids": [hit.photo.id for hit in one.hits]} for one in groups]
        if facets is not None:
            more["facets"] = {kind: [asdict(facet) for facet in some] for kind, some in facets.items()}
        emit({"query": query, **results.as_json(), **more})
        return
    _tell_plan(results.plan)
    if not results.hits:
        note(f"nothing here matches {query!r}; --min-confidence 0 shows the nearest all the same")
    for title, hits in [(one.title, one.hits) for one in groups] if groups else [("", results.hits)]:
        if title:
            note(f"{title}:")
        _say_hits(hits)
    if results.near and sys.stdout.isatty():
        note("less likely:")
        _say_hits(results.near)
    for kind, some in (facets or {}).items():
        if some:
            note(f"{kind}: " + ", ".join(f"{facet.value} ({facet.count})" for facet in some))


def _say_hits(hits: Iterable["Hit"]) -> None:
    for hit in hits:
        say(f"{hit.confidence:4.0%}  {hit.photo.path}  {hit.photo.caption or ''}".rstrip())


def _tell_plan(plan: "Plan") -> None:
    """Say how a query was understood, unless it is nothing but text."""
    if [(part.kind, part.on) for part in plan.parts] == [("text", True)]:
        return
    for place, part in enumerate(plan.parts):
        note(f"{place}  {part.kind:5}  {part.value}{_remarks(part)}")


def _remarks(part: "Part") -> str:
    weight = "" if part.weight == 1 else f" ^{part.weight:g}"
    said = "" if part.said in {"", part.value} else f"  (from “{part.said}”)"
    return weight + said + ("" if part.on else "  off")
