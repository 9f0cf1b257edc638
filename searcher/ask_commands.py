"""The verbs that ask pictures, and keep what they answered."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from searcher.options import answerer_option, library_option, model_option, where_option
from vlm.console import emit, json_option, note, runtime_options, say
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher.catalog_answers import CatalogAnswer
    from searcher.columns import ColumnInfo
    from searcher.elsewhere import Where
    from searcher.library import Library
    from searcher.results import Reply
    from searcher.tallies import Tally
    from searcher.wording import About, Facts

FEW = 20  # hits that a question is put to, one by one, unless -k says how many
LISTED = 50  # photos whose paths are told
_SOON = 2  # seconds after which it is told how far it is


@dataclass(frozen=True)
class _Wanted:
    """Which photos are asked, and how it is told."""

    query: str | None
    where: str | None
    all_photos: bool
    count: int | None
    save_as: str | None
    sample: int | None
    seed: int
    each: bool
    summary: bool
    as_json: bool


@click.command(epilog='Example: askpix ask "how many of these are indoors?" --search "a birthday"')
@click.argument("question", required=False)
@library_option
@model_option
@answerer_option
@runtime_options
@click.option("--image", type=click.Path(path_type=Path), help="Ask about this picture file; needs no library.")
@click.option("--search", "query", help="Ask about the hits of this search.")
@where_option
@click.option("--all-photos", is_flag=True, help="Ask about every photo of the library.")
@click.option(
    "-k",
    "count",
    type=click.IntRange(1, 10_000),
    help=f"How many hits at most (default: {FEW} for a question to each, all of them for one about all).",
)
@click.option(
    "--sample",
    type=click.IntRange(0),
    metavar="N",
    help="Ask so many photos, drawn by chance (default: 400 of more than 2,000; 0 for all).",
)
@click.option("--seed", default=0, show_default=True, help="Another one draws others.")
@click.option("--save-as", metavar="NAME", help="Keep the answers as a column, for filters such as NAME:yes.")
@click.option("--wording", metavar="openai:URL#MODEL", help="A language model that words the answer and cites photos.")
@click.option("-v", "--each", is_flag=True, help="Print each photo's answer too.")
@click.option("--summary", is_flag=True, help="With --json, print what the answers come to as the last line.")
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
    questions: Iterable[str] | None,
    wording: str | None,
    **how: Any,
) -> None:
    """Ask a question about a picture, about all that a search finds, or about the library.

    \b
      "what is on the table?" --image photo.jpg   one picture
      "how many of these are indoors?"            a count, in any of the model's languages
      "which have a dog?"                         those photos
      "what colours are the cars?"                a table
      "which is the best for a cover?"            a ranking by measures that are shown
      "when was I last at the sea?"               the library: dates, places and counts, from its catalog

    Answers are kept, so that nothing is asked twice: see askpix columns.
    """
    wanted = _Wanted(**how)
    if questions is not None:
        _print_replies(_ask_file(questions, answerer or model, runtime), wanted.as_json)
        return
    if question is None:
        raise AskpixError('nothing is asked; write for example: askpix ask "is there a dog?" --image photo.jpg')
    if image is not None:
        reply = next(_ask_pairs([(image.absolute(), question)], answerer or model, runtime))
        if reply.refused:
            raise AskpixError(f"{image}: {reply.refused}" if question.strip() else reply.refused)
        _print_replies([reply], wanted.as_json)
        return
    some = wanted.query is not None or wanted.where is not None
    if some and wanted.all_photos:
        raise AskpixError("--all-photos asks all of them; leave out --search and --where, or --all-photos")
    from searcher.commands import open_library

    with open_library(library, model=model, answerer=answerer, wording=wording, **runtime) as opened:
        if some or wanted.all_photos:
            _ask_many(opened, question, wanted)
        else:
            _ask_catalog(opened, question, wanted.as_json)


def _ask_catalog(library: "Library", question: str, as_json: bool) -> None:
    """Answer a question about the library."""
    from searcher.catalog_answers import answer_from_catalog, facts

    found = answer_from_catalog(library, question)
    if found is None:
        raise AskpixError(
            "which pictures? Name one with --image, some with --search or --where, or all with --all-photos"
        )
    if as_json:
        emit(found.as_json())
        return
    say(_worded(library, question, facts(library, found)))
    _print_numbers(found)


def _print_numbers(found: "CatalogAnswer") -> None:
    """Print the numbers of an answer, each with the search that leads to its photos."""
    for row in found.rows:
        say(f"{row.count:>7,}  {row.label}" + (f"  (askpix search {row.query!r})" if row.query else ""))
    if found.query:
        note(f"the photos: askpix search {found.query!r}")


def _worded(library: "Library", question: str, facts: "Facts") -> str:
    """An answer in the words of a language model, if there is one, else in ours."""
    from searcher.wording import word

    worded = word(question, facts, library.settings)
    if worded.note:
        note(worded.note)
    return worded.text


def _ask_many(library: "Library", question: str, wanted: _Wanted) -> None:
    """Ask the photos that are wanted, and tell how far it is, each answer if so wished, and what they come to."""
    from tqdm import tqdm

    from searcher import survey
    from searcher.wording import MOST_PHOTOS, About

    meant: survey.Photos = None
    if not wanted.all_photos:
        meant = survey.chosen(library, question, wanted.query, wanted.where, wanted.count, FEW)
    steps = library.ask_all(
        question,
        meant,
        save_as=wanted.save_as,
        sample=wanted.sample,
        seed=wanted.seed,
    )
    tally: Tally | None = None
    about: list[About] = []
    try:
        with tqdm(unit=" photos", dynamic_ncols=True, delay=_SOON, leave=False) as bar:
            for step in steps:
                tally = step.tally
                about += [About.of(photo, reply.told) for photo, reply in step.replies[: MOST_PHOTOS - len(about)]]
                bar.total = tally.sample or tally.total
                bar.update(tally.asked - bar.n)
                if wanted.as_json or wanted.each:
                    bar.clear()
                    _print_lines((reply for _, reply in step.replies), wanted.as_json)
    finally:  # also when it is interrupted
        if tally is not None:
            _print_tally(library, question, tally, about, wanted)
    if tally is not None and tally.refused:
        raise SystemExit(3)


def _print_lines(replies: Iterable["Reply"], as_json: bool) -> int:
    """Print replies, one a line; how many were refused."""
    refused = 0
    for reply in replies:
        refused += reply.refused is not None
        if as_json:
            emit(reply.as_json())
        elif reply.refused:
            note(f"{reply.image}: {reply.refused}")
        else:
            say(f"{reply.told}  ({reply.confidence:.0%})  {reply.image}")
    return refused


def _print_replies(replies: Iterable["Reply"], as_json: bool) -> None:
    if _print_lines(replies, as_json):
        raise SystemExit(3)


def _print_tally(library: "Library", question: str, tally: "Tally", about: Sequence["About"], wanted: _Wanted) -> None:
    """Print what the answers come to: a sentence, then the numbers, then the photos where they are what was asked."""
    from searcher.wording import Facts

    if not tally.total:
        note("no photo matches, so there is nothing to ask about")
    if wanted.as_json:
        if wanted.summary:
            emit({"summary": tally.as_json()})
        return
    if tally.total:
        say(_worded(library, question, Facts(tally.sentence, about, [row.count for row in tally.rows])))
    if tally.kind == "best":
        paths = _paths(library, [row.ids[0] for row in tally.rows])
        for row in tally.rows:
            parts = "  ".join(f"{name} {part:.2f}" for name, part in row.parts.items())
            say(f"{row.share:4.2f}  {paths.get(row.ids[0], row.label)}  {parts}")
        return
    for row in (*tally.rows, *filter(None, [tally.unclear])):
        leads = f"  ({row.term})" if row.term else ""
        edges = row.interval and f"  {row.interval[0]:.0%} to {row.interval[1]:.0%}"
        say(f"{row.count:>7,}  {row.share:4.0%}{edges or ''}  {row.label}{leads}")
    if tally.kind == "which" and tally.rows and tally.rows[0].label == tally.wanted:
        ids = tally.rows[0].ids
        for path in _paths(library, ids[:LISTED]).values():
            say(str(path))
        if len(ids) > LISTED:
            note(f"and {len(ids) - LISTED:,} more: askpix search --where {tally.rows[0].term} -k {len(ids)}")
    for image_id, reason in tally.refused:
        note(f"photo {image_id}: {reason}")


def _paths(library: "Library", ids: Sequence[int]) -> dict[int, "Where"]:
    from searcher import database
    from searcher.results import paths_of

    with database.session(library.engine) as session:
        found = paths_of(session, ids)
    return {i: found[i] for i in ids if i in found}


@click.command(epilog="Example: askpix columns has_dog --standing")
@click.argument("name", required=False)
@library_option
@click.option(
    "--standing/--no-standing",
    default=None,
    help="Have new photos asked as they are indexed, or no longer.",
)
@click.option("--rename", "new", metavar="NEW", help="Give it another name.")
@click.option("--delete", is_flag=True, help="Forget the question and its answers, also people's.")
@json_option
def columns(
    name: str | None, library: Path | None, standing: bool | None, new: str | None, delete: bool, as_json: bool
) -> None:
    """List the questions whose answers are kept, or change the one called NAME.

    What was asked without a name is kept under one that begins with asked_; give it a better one with --rename. A
    column is searched by as NAME:yes, and corrected with: askpix correct IMAGE --answer NAME=yes
    """
    from searcher import columns as kept
    from searcher.library import Library
    from searcher.settings import load_settings

    changes = standing is not None or new is not None or delete
    if name is None and changes:
        raise AskpixError("which column? Name it, for example: askpix columns has_dog --standing")
    if delete and (standing is not None or new is not None):
        raise AskpixError("--delete goes alone: there is nothing else to change then")
    with Library(settings=load_settings(library=library)) as opened:
        if name is not None and delete:
            kept.delete_column(opened, name)
            emit({"deleted": name}) if as_json else note(f"{name} deleted")
            return
        if name is not None and standing is not None:
            kept.set_standing(opened, name, standing)
        if name is not None and new is not None:
            name = kept.rename_column(opened, name, new).name
        some = kept.columns(opened) if name is None else [kept.column(opened, name)]
    if not some:
        note('no answers are kept; ask for example: askpix ask "which have a dog?" --all-photos --save-as has_dog')
    for one in some:
        emit(one.as_json()) if as_json else say(_described(one))


def _described(column: "ColumnInfo") -> str:
    by = ", ".join([*column.models, *([f"people {column.by_people:,}"] if column.by_people else [])])
    standing = "  standing" if column.standing else ""
    return f"{column.name}  {column.question}  {column.photos:,} answered{standing}  ({by or 'nobody yet'})"


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
