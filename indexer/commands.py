"""The verb that fills a library."""

from pathlib import Path
from typing import Any

import click

from searcher.options import captioner_option, language_option, library_option, model_option
from vlm.console import emit, json_option, note, runtime_options, say, told


@click.command(epilog="Example: askpix index ~/Pictures")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@library_option
@model_option
@captioner_option
@language_option
@runtime_options
@click.option("--no-captions", is_flag=True, help="Encode for search only; captions can be written later.")
@json_option
def index(
    paths: tuple[Path, ...],
    library: Path | None,
    model: str | None,
    captioner: str | None,
    caption_language: str | None,
    runtime: dict[str, Any],
    no_captions: bool,
    as_json: bool,
) -> None:
    """Index photos: PATHS are folders, searched with all below them, or picture files.

    Every photo is encoded, captioned and stored; the photos themselves are never changed. A run that
    is interrupted goes on where it stopped when it is started again; unchanged files are passed over.
    A file that cannot be read is refused with its reason, and the run goes on (exit status 3).
    """
    from tqdm import tqdm

    from indexer.pipeline import IndexRun
    from searcher import Library
    from searcher.settings import load_settings

    settings = load_settings(
        library=library, model=model, captioner=captioner, caption_language=caption_language, **runtime
    )
    with Library(settings=settings, create=True) as opened:
        run = IndexRun(opened, paths, captions=not no_captions)
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
    summary = run.summary
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
    else:
        spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in summary.stages.items())
        say(
            f"{summary.seen} files in {summary.seconds:.1f} s: {summary.added} added, "
            f"{summary.unchanged} unchanged, {summary.refused} refused"
        )
        note(f"time spent: {spent}")
        for reason, times in summary.reasons.most_common():
            note(f"{times} x {reason}")
    if summary.refused:
        raise SystemExit(3)
