"""The verbs that take what was written about photos out of a library, and back into one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from searcher.options import captioner_option, language_option, library_option
from vlm.console import emit, json_option, note
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher.export import Record
    from searcher.library import Library

FORMATS = ("csv", "jsonl", "coco", "xmp")


@click.command(epilog="Example: askpix export --format coco -o captions.json")
@library_option
@captioner_option
@language_option
@click.option("--format", "kind", type=click.Choice(FORMATS), default="csv", show_default=True, help="What to write.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write (default: standard output); for xmp a folder (default: beside the photos).",
)
@click.option("--where", help="Only what a filter lets through, for example: tag:dog date:2019")
@json_option
def export(
    library: Path | None,
    captioner: str | None,
    caption_language: str | None,
    kind: str,
    output: Path | None,
    where: str | None,
    as_json: bool,
) -> None:
    """Write captions and tags to a CSV, JSON lines, COCO-style JSON, or XMP sidecars that photo programs read.

    Photos are never changed, and a sidecar that another program has written into is left as it is.
    """
    from searcher.export import WRITERS, records

    if as_json and output is None and kind != "xmp":
        raise AskpixError("with --json only the summary goes to standard output; name a file with -o")
    left = 0
    with _open(library, captioner=captioner, caption_language=caption_language) as opened:
        found = records(opened, where)
        if kind == "xmp":
            written, left = _sidecars(found, output)
        elif output is None:
            with click.open_file("-", "w", encoding="utf-8", errors="surrogateescape") as file:
                written = WRITERS[kind](found, file)
        else:
            written = _whole_file(output, kind, found)
    if as_json:
        emit({"written": written, "left": left})
    note(f"{written} written{f', {left} left as they are' if left else ''}")
    if left:
        raise SystemExit(3)


@click.command("import", epilog="Example: askpix import captions.jsonl")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@library_option
@json_option
def import_(files: tuple[Path, ...], library: Path | None, as_json: bool) -> None:
    """Read captions and tags back into a library: FILES that askpix exported, or folders with XMP sidecars.

    Photos are known by their content, or else by their path; what is not in the library is left out (exit
    status 3). A CSV with the columns image and caption from elsewhere is read as well.
    """
    from searcher.export import read_export, write_records

    read, unknown = 0, 0
    with _open(library) as opened:
        for file in files:
            for record, known in write_records(opened, read_export(file)):
                read += known
                unknown += not known
                if not known:
                    note(f"not in the library: {record.image}")
    if as_json:
        emit({"read": read, "unknown": unknown})
    note(f"{read} read{f', {unknown} not in the library' if unknown else ''}")
    if unknown:
        raise SystemExit(3)


def _sidecars(found: Iterator["Record"], folder: Path | None) -> tuple[int, int]:
    from searcher.export import write_sidecars

    written, left = 0, 0
    for sidecar, reason in write_sidecars(found, folder and folder.absolute()):
        written += reason is None
        left += reason is not None
        if reason:
            note(f"{sidecar}: {reason}")
    return written, left


def _whole_file(output: Path, kind: str, found: Iterator["Record"]) -> int:
    """Write a file so that a run cut off leaves the one before."""
    from searcher.export import WRITERS

    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            written = WRITERS[kind](found, file)
        os.replace(part, output)
    except OSError as error:
        raise AskpixError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return written


def _open(library: Path | None, **flags: str | None) -> "Library":
    from searcher.library import Library
    from searcher.settings import load_settings

    return Library(settings=load_settings(library=library, **flags))
