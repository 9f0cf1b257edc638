"""The verbs that ask a library."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from searcher.options import answerer_option, library_option, model_option
from vlm.console import emit, json_option, note, runtime_options, say
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher.library import Library
    from searcher.results import Reply
    from searcher.search import Results
    from vlm.protocols import Encoder

PICTURE = click.Path(path_type=Path)
_count_option = click.option(
    "-k",
    "count",
    default=20,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="How many hits at most.",
)
_where_option = click.option("--where", help="Keep only what a filter lets through, for example: tag:dog -path:2019")
_confidence_option = click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    help="Leave out hits less likely to match (default: the model's calibrated cutoff; 0 shows all).",
)


@click.command(epilog='Example: askpix search "a dog running on a beach"')
@click.argument("query", required=False)
@library_option
@model_option
@runtime_options
@_count_option
@_where_option
@click.option("--like", type=PICTURE, help="A picture that hits should look like, with or without a query.")
@_confidence_option
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
    count: int,
    where: str | None,
    like: Path | None,
    min_confidence: float | None,
    queries: Iterable[str] | None,
    as_json: bool,
) -> None:
    """Find photos by describing them, best first.

    Hits that are unlikely to match are left out, so there may be none.
    """
    with _open(library, model=model, **runtime) as opened:
        if queries is not None:
            if query is not None or like is not None:
                raise AskpixError("give either a QUERY or --queries, not both")
            _search_lines(opened, queries, count, where, min_confidence, as_json)
            return
        results = opened.find(query, like=like, where=where, k=count, min_confidence=min_confidence)
        _print_results(query or str(like or where), results, as_json)


def _search_lines(
    library: "Library",
    queries: Iterable[str],
    count: int,
    where: str | None,
    min_confidence: float | None,
    as_json: bool,
) -> None:
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
        found = library.search_many(good, where=where, k=count, min_confidence=min_confidence)
        for line in lines:
            if line in faults:
                refused += 1
                note(faults[line])
            _print_results(line, Results(Plan(), []) if line in faults else next(found), as_json)
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

    with _open(library, model=model, **runtime) as opened:
        _print_results(str(image), Results(Plan(), opened.similar(image, k=count)), as_json)


@click.command(epilog='Example: askpix ask "is there a dog?" --search beach --save-as has_dog')
@click.argument("question", required=False)
@library_option
@model_option
@answerer_option
@runtime_options
@click.option("--image", type=PICTURE, help="Ask about this picture file; needs no library.")
@click.option("--search", "query", help="Ask about each hit of this search.")
@_where_option
@_count_option
@click.option("--save-as", metavar="NAME", help="Keep the answers as a column, for filters such as NAME:yes.")
@click.option(
    "--questions",
    type=click.File(encoding="utf-8", errors="surrogateescape"),
    help="A CSV with the columns image and question, instead of QUESTION; needs no library.",
)
@json_option
def ask(
    question: str | None,
    library: Path | None,
    model: str | None,
    answerer: str | None,
    runtime: dict[str, Any],
    image: Path | None,
    query: str | None,
    where: str | None,
    count: int,
    save_as: str | None,
    questions: Iterable[str] | None,
    as_json: bool,
) -> None:
    """Ask a question about a picture, or about every hit of a search."""
    if questions is not None:
        _print_replies(_ask_file(questions, answerer or model, runtime), as_json)
        return
    if question is None:
        raise AskpixError('nothing is asked; write for example: askpix ask "is there a dog?" --image photo.jpg')
    if image is not None:
        reply = next(_ask_pairs([(image.absolute(), question)], answerer or model, runtime))
        if reply.refused:
            raise AskpixError(f"{image}: {reply.refused}" if question.strip() else reply.refused)
        _print_replies([reply], as_json)
        return
    if query is None and where is None:
        raise AskpixError("which pictures? Name one with --image, or some with --search or --where")
    with _open(library, model=model, answerer=answerer, **runtime) as opened:
        photos = [hit.photo for hit in opened.search(query, where=where, k=count)]
        if not photos:
            note("no photo matches, so there is nothing to ask about")
        _print_replies(opened.ask(question, photos, save_as=save_as), as_json)


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

    with _open(library, model=model, **runtime) as opened:
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


@click.command(epilog="Example: askpix doctor --library ~/photos.askpix")
@library_option
@model_option
@runtime_options
@json_option
def doctor(library: Path | None, model: str | None, runtime: dict[str, Any], as_json: bool) -> None:
    """Say what is installed, which model and FAISS serve, whether a GPU is seen, and whether the library is whole."""
    from searcher.doctor import examine
    from searcher.settings import load_settings

    findings = examine(load_settings(library=library, model=model, **runtime))
    if as_json:
        emit({finding.name: {"value": finding.value, "ok": finding.ok} for finding in findings})
    else:
        for finding in findings:
            say(f"{'ok   ' if finding.ok else 'WRONG'} {finding.name}: {finding.value}")
    if not all(finding.ok for finding in findings):
        raise SystemExit(2)


def _open(library: Path | None, **flags: Any) -> "Library":
    import vlm
    from searcher.settings import load_settings

    settings = load_settings(library=library, **flags)
    encoder = vlm.load(settings.model, settings, "encode")
    # Native code loads the text encoder while Python imports the database's library, which takes as long.
    Thread(target=_warm, args=(encoder,)).start()
    from searcher.library import Library

    return Library(settings=settings, encoder=encoder)


def _warm(encoder: "Encoder") -> None:
    with suppress(AskpixError):  # raised again where the encoder is used
        encoder.encode_texts(["warm"])


def _ask_file(questions: Iterable[str], model: str | None, runtime: dict[str, Any]) -> Iterator["Reply"]:
    rows = csv.DictReader(questions)
    if not {"image", "question"} <= set(rows.fieldnames or ()):
        raise AskpixError("the questions file needs a first line that names the columns image and question")
    return _ask_pairs(((Path(row["image"] or "").absolute(), row["question"] or "") for row in rows), model, runtime)


def _ask_pairs(pairs: Iterable[tuple[Path, str]], model: str | None, runtime: dict[str, Any]) -> Iterator["Reply"]:
    import vlm
    from searcher.asking import ask_pictures
    from searcher.settings import load_settings

    settings = load_settings(answerer=model, **runtime)
    if settings.answerer:
        answerer = vlm.load(settings.answerer, settings, "answer")
    else:  # as in a library: an encoder that answers nothing leaves that to the built-in model
        encoder = vlm.load(settings.model, settings)
        answerer = encoder if "answer" in encoder.tasks else vlm.load(vlm.BUILTIN, settings)
    return ask_pictures(answerer, pairs, settings.max_pixels)


def _print_results(query: str, results: "Results", as_json: bool) -> None:
    if as_json:
        emit({"query": query, **results.as_json()})
        return
    for part in results.plan.on:
        if part.kind != "text":
            note(f"{part.kind} {part.value}" + (f" (from “{part.said}”)" if part.said not in ("", part.value) else ""))
    if not results.hits:
        note(f"nothing here matches {query!r}; --min-confidence 0 shows the nearest all the same")
    for hit in results.hits:
        say(f"{hit.confidence:4.0%}  {hit.photo.path}  {hit.photo.caption or ''}".rstrip())


def _print_replies(replies: Iterable["Reply"], as_json: bool) -> None:
    refused = 0
    for reply in replies:
        refused += reply.refused is not None
        if as_json:
            emit(reply.as_json())
        elif reply.refused:
            note(f"{reply.image}: {reply.refused}")
        else:
            say(f"{reply.told}  ({reply.confidence:.0%})  {reply.image}")
    if refused:
        raise SystemExit(3)
