"""The verb that fills a library."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from searcher.options import captioner_option, language_option, library_option, model_option
from vlm.console import emit, json_option, note, runtime_options, say, told
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from indexer.pipeline import IndexRun, Summary
    from searcher import Library

_NICE = 10  # a watcher is less urgent than what people do meanwhile


@click.command(epilog="Example: askpix index ~/Pictures")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@library_option
@model_option
@captioner_option
@language_option
@runtime_options
@click.option("--no-captions", is_flag=True, help="Encode for search only; captions can be written later.")
@click.option("--watch", is_flag=True, help="Then go on following changes, at low priority, until interrupted.")
@json_option
def index(
    paths: tuple[Path, ...],
    library: Path | None,
    model: str | None,
    captioner: str | None,
    caption_language: str | None,
    runtime: dict[str, Any],
    no_captions: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Index photos: PATHS are folders, searched with all below them, or picture files.

    Every photo is encoded, captioned and stored; the photos themselves are never changed. A run that
    is interrupted goes on where it stopped when it is started again; unchanged files are passed over.
    A file that cannot be read is refused with its reason, and the run goes on (exit status 3).
    """
    from indexer.pipeline import IndexRun
    from searcher import Library
    from searcher.settings import load_settings

    settings = load_settings(
        library=library, model=model, captioner=captioner, caption_language=caption_language, **runtime
    )
    with Library(settings=settings, create=True) as opened:
        if watch:
            _follow(opened, paths, not no_captions, as_json)
        elif _show(IndexRun(opened, paths, captions=not no_captions), as_json):
            raise SystemExit(3)


def _follow(library: "Library", paths: tuple[Path, ...], captions: bool, as_json: bool) -> None:
    """Index again after each change; what goes wrong once is told, and tried again after the next."""
    import os

    from indexer.watch import watch

    os.nice(_NICE)
    runs = watch(library, paths, captions=captions)
    for run in runs:
        try:
            _show(run, as_json)
        except AskpixError as error:
            note(f"askpix: {error}")
        note("waiting for changes (Ctrl-C ends)")


def _show(run: "IndexRun", as_json: bool) -> int:
    """Make a run go and tell how it does; how many files it refused."""
    from tqdm import tqdm

    for part, chosen in run.models.items():
        note(f"{part} by {chosen.name} on {chosen.runs_on}")
    with tqdm(total=run.count(), unit=" photos", desc="indexing", dynamic_ncols=True) as bar:
        for jobs in run:
            for job in jobs:
                if job.reason:
                    bar.clear()
                    note(f"refused {job.found.path}: {job.reason}")
                elif job.description and not as_json:
                    bar.clear()
                    say(f"{job.found.path}: {told(job.description)}")
            bar.update(run.summary.seen - bar.n)
        bar.update(run.summary.seen - bar.n)
    _tell(run.summary, as_json)
    return run.summary.refused


def _tell(summary: "Summary", as_json: bool) -> None:
    """The last lines of a run."""
    if as_json:
        emit(
            {
                "seen": summary.seen,
                "added": summary.added,
                "unchanged": summary.unchanged,
                "refused": summary.refused,
                "seconds": round(summary.seconds, 3),
                "stages": {stage: round(seconds, 3) for stage, seconds in summary.stages.items()},
            }
        )
        return
    spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in summary.stages.items())
    say(
        f"{summary.seen} files in {summary.seconds:.1f} s: {summary.added} added, "
        f"{summary.unchanged} unchanged, {summary.refused} refused"
    )
    note(f"time spent: {spent}")
    for reason, times in summary.reasons.most_common():
        note(f"{times} x {reason}")
