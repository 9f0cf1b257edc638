"""The verbs that fill a library, and tidy it."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from searcher.options import captioner_option, language_option, library_option, model_option
from vlm.console import emit, json_option, note, runtime_options, say
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from tqdm import tqdm

    from indexer.cluster.joining import Cluster
    from indexer.pipeline import IndexRun
    from indexer.progress import Progress, Summary
    from searcher import Library

_NICE = 10  # a watcher is less urgent than what people do meanwhile
_SLOWEST = 3  # stages shown beside the bar


@click.command(epilog="Example: askpix index ~/Pictures")
@click.argument("paths", nargs=-1, required=True)
@library_option
@model_option
@captioner_option
@language_option
@runtime_options
@click.option("--no-captions", is_flag=True, help="Encode for search only; captions can be written later.")
@click.option("--text/--no-text", default=None, help="Read the text in pictures too (needs askpix[ocr]; slow).")
@click.option("--watch", is_flag=True, help="Then go on following changes, at low priority, until interrupted.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done, and how long by a sample it should take.")
@click.option(
    "--ray",
    metavar="local|ADDRESS",
    help="Spread the work over the Ray cluster at HOST:PORT, or one on this machine (needs askpix[cluster]).",
)
@json_option
def index(
    paths: tuple[str, ...],
    library: Path | None,
    model: str | None,
    captioner: str | None,
    caption_language: str | None,
    runtime: dict[str, Any],
    no_captions: bool,
    text: bool | None,
    watch: bool,
    dry_run: bool,
    ray: str | None,
    as_json: bool,
) -> None:
    """Index photos: PATHS are folders, searched with all below them, picture files, URLs of buckets
    (s3://bucket/prefix), WebDataset .tar files, or .csv or .parquet lists with a column url.

    Every photo is encoded first, so that it can be found, and captioned then; the photos themselves are never
    changed. A run that is interrupted goes on where it stopped when it is started again; unchanged files are
    passed over. A file that cannot be read is refused with its reason, and the run goes on (exit status 3).
    """
    from indexer.pipeline import IndexRun
    from searcher import Library
    from searcher.settings import load_settings

    settings = load_settings(
        library=library, model=model, captioner=captioner, caption_language=caption_language, text=text, **runtime
    )
    if ray and (watch or dry_run):
        raise click.UsageError(f"--ray does not go with {'--watch' if watch else '--dry-run'}")
    with _cluster(ray) as cluster, Library(settings=settings, create=True) as opened:
        if watch:
            _follow(opened, paths, not no_captions, as_json)
            return
        run = IndexRun(opened, paths, captions=not no_captions, cluster=cluster)
        if dry_run:
            _foretell(run, as_json)
        elif _show(run, as_json):
            raise SystemExit(3)


@click.command(epilog="Example: askpix prune --dry-run")
@library_option
@click.option("--gone-folders", is_flag=True, help="Forget also what lies in folders that are gone as a whole.")
@click.option("--dry-run", is_flag=True, help="Only say what would be forgotten.")
@json_option
def prune(library: Path | None, gone_folders: bool, dry_run: bool, as_json: bool) -> None:
    """Forget photos whose files are gone, with their captions and answers. No file is ever deleted.

    Files that a run no longer finds are marked only, and come back with all that was written about them. A folder
    that is gone as a whole may be on a drive that is not there just now, so it is kept unless you say otherwise.
    """
    from indexer.prune import prune as forget
    from searcher import Library
    from searcher.settings import load_settings

    with Library(settings=load_settings(library=library)) as opened:
        pruned = forget(opened, gone_folders=gone_folders, dry_run=dry_run)
    if as_json:
        emit(pruned.as_json())
        return
    for folder, count in pruned.kept.items():
        note(f"kept {count} files of {folder}, which is gone as a whole; --gone-folders forgets them")
    say(f"{pruned.files} files and {pruned.images} images {'would be ' if dry_run else ''}forgotten")


@click.command(epilog="Example: askpix runs --json | jq .reasons")
@library_option
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1), help="How many, the latest first.")
@json_option
def runs(library: Path | None, count: int, as_json: bool) -> None:
    """Tell how indexing runs went, and how far the one at work is."""
    from indexer.runs import latest_runs
    from searcher import Library
    from searcher.settings import load_settings

    with Library(settings=load_settings(library=library)) as opened:
        for run in latest_runs(opened, count):
            if as_json:
                emit(run.as_json())
            else:
                say(str(run))


def _cluster(address: str | None) -> "AbstractContextManager[Cluster | None]":
    """The Ray cluster that is to do the work, if one is."""
    if address is None:
        return nullcontext()
    from indexer.cluster.joining import join

    return join(address)


def _follow(library: "Library", paths: tuple[str, ...], captions: bool, as_json: bool) -> None:
    """Index again after each change; what goes wrong once is told, and tried again after the next."""
    import os

    from indexer.watch import watch

    os.nice(_NICE)
    for run in watch(library, paths, captions=captions):
        try:
            _show(run, as_json)
        except AskpixError as error:
            note(f"askpix: {error}")
        note("waiting for changes (Ctrl-C ends)")


def _show(run: "IndexRun", as_json: bool) -> int:
    """Make a run go and tell how it does; how many files it refused."""
    from tqdm import tqdm

    from indexer.pipeline import WAITING
    from indexer.store import Job

    for part, chosen in run.models.items():
        note(f"{part} by {chosen.name} on {run.cluster or chosen.runs_on}")
    with tqdm(unit=" photos", dynamic_ncols=True) as bar:
        for done in run:
            for one in done:
                path = one.found.path if isinstance(one, Job) else one.path
                told = None if isinstance(one, Job) else one.text
                if one.reason:
                    bar.clear()
                    note(f"refused {path}: {one.reason}")
                elif told and not as_json:
                    bar.clear()
                    say(f"{path}: {told}")
            if run.progress.phase == WAITING and bar.desc != WAITING:
                note("another run is indexing this library; this one goes on when it has ended")
            _move(bar, run.progress)
        _move(bar, run.progress)
    _tell(run.summary, as_json)
    return run.summary.refused


def _move(bar: "tqdm[Any]", progress: "Progress") -> None:
    """Bring the bar to where the run is."""
    if not progress.phase:  # it has ended
        return
    if bar.desc != progress.phase:
        bar.set_description_str(progress.phase, refresh=False)
        bar.set_postfix_str("", refresh=False)
        bar.reset(progress.total)
    slowest = list(progress.each.items())[:_SLOWEST]
    bar.set_postfix_str(", ".join(f"{stage} {each:.1f} ms" for stage, each in slowest), refresh=False)
    bar.update(progress.done - bar.n)


def _tell(summary: "Summary", as_json: bool) -> None:
    """The last lines of a run."""
    if as_json:
        emit(summary.as_json())
        return
    read = f", {summary.read} read for text" if summary.read else ""
    asked = f", {summary.answered} asked standing questions" if summary.answered else ""
    say(
        f"{summary.seen} files in {summary.seconds:.1f} s: {summary.added} added, {summary.unchanged} unchanged, "
        f"{summary.refused} refused; {summary.captioned} captions written{read}{asked}"
    )
    note("time spent: " + ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in summary.stages.items()))
    for reason, times in summary.reasons.most_common():
        note(f"{times} x {reason}")


def _foretell(run: "IndexRun", as_json: bool) -> None:
    """Say what a run would do."""
    from indexer.foretell import foretell

    found = foretell(run)
    if as_json:
        emit(found.as_json())
    else:
        say(str(found))
