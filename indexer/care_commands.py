"""The verbs that look after a library: whether it is whole, how it is mended, and copies of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from searcher.options import library_option, model_option
from vlm.console import emit, json_option, note, runtime_options, say

_BAR_AFTER_S = 1.0  # what takes no longer needs none


@click.command(epilog="Example: askpix doctor --library ~/photos.askpix")
@library_option
@model_option
@runtime_options
@click.option("--repair", is_flag=True, help="Mend the library from what is whole of it, and tell what is lost.")
@json_option
def doctor(library: Path | None, model: str | None, runtime: dict[str, Any], repair: bool, as_json: bool) -> None:
    """Say what is installed, which model and FAISS serve, whether a GPU is seen, and whether the library is whole.

    All of the library is read for that, which takes about a second for each gigabyte. With --repair what is damaged is
    forgotten, so that askpix index makes it again from the photos; a damaged catalog is kept under another name.
    """
    from searcher.doctor import examine
    from searcher.settings import load_settings

    settings = load_settings(library=library, model=model, **runtime)
    done = []
    if repair:
        from indexer.repair import repair as mend

        for line in mend(settings):
            done.append(line)
            note(line)
        if not done:
            note("nothing was damaged")
    findings = examine(settings)
    if as_json:
        told = {finding.name: {"value": finding.value, "ok": finding.ok} for finding in findings}
        emit(told | ({"repaired": done} if repair else {}))
    else:
        for finding in findings:
            say(f"{'ok   ' if finding.ok else 'WRONG'} {finding.name}: {finding.value}")
    if not all(finding.ok for finding in findings):
        raise SystemExit(2)


@click.command(epilog="Example: askpix backup /mnt/usb/photos-2024-06-01.tar")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@library_option
@json_option
def backup(output: Path, library: Path | None, as_json: bool) -> None:
    """Write the library to OUTPUT, a tar, as it is at this moment; it may be searched and filled meanwhile.

    That is the catalog (from PostgreSQL too), vectors, edits and settings, without the photos themselves. The file
    tells all that the library does: keep it as safe.
    """
    from searcher import Library
    from searcher.backup import back_up
    from searcher.settings import load_settings

    with Library(settings=load_settings(library=library)) as opened, _bar() as moved:
        made = back_up(opened, output, moved)
    if as_json:
        emit(made.as_json())
    else:
        say(f"{made.images:,} images and {made.vectors:,} vectors, {made.bytes / 1e6:,.1f} MB, in {made.path}")


@click.command(epilog="Example: askpix restore photos-2024-06-01.tar --library ~/photos.askpix")
@click.argument("backup", type=click.Path(dir_okay=False, path_type=Path))
@library_option
@json_option
def restore(backup: Path, library: Path | None, as_json: bool) -> None:
    """Make BACKUP, which askpix backup wrote, a library again, in a folder where there is none.

    Every checksum is compared first: the library is there whole in the end, or not at all.
    """
    from searcher.restore import restore as unpack
    from searcher.settings import load_settings

    folder = load_settings(library=library).library.expanduser().absolute()
    with _bar() as moved:
        images = unpack(backup, folder, moved)
    if as_json:
        emit({"library": str(folder), "images": images})
    else:
        say(f"{images:,} images are in {folder} again")


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A bar of the bytes that were moved."""
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, dynamic_ncols=True, leave=False, delay=_BAR_AFTER_S) as bar:

        def moved(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield moved
