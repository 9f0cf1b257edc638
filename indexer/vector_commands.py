"""The verbs by which Milvus serves a library's vectors instead of FAISS."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from searcher.options import library_option, model_option
from vlm.console import emit, json_option, note, runtime_options, say
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from searcher import Library
    from searcher.milvus.vectors import MilvusVectors


@click.group(epilog="Example: askpix vectors fill --milvus http://localhost:19530")
def vectors() -> None:
    """Have Milvus search the vectors, which the library folder keeps all the same.

    Milvus is named with --milvus or ASKPIX_MILVUS: a server's URL, or a file ending in .db for Milvus Lite, which only
    one process at a time can use. A token, or user:password, is taken from ASKPIX_MILVUS_TOKEN alone. Without --milvus
    FAISS searches as ever.
    """


@vectors.command(epilog="Example: askpix vectors fill --milvus http://localhost:19530")
@library_option
@model_option
@runtime_options
@click.option("--anew", is_flag=True, help="Write all rows again, also those that are in Milvus already.")
@json_option
def fill(library: Path | None, model: str | None, runtime: dict[str, Any], anew: bool, as_json: bool) -> None:
    """Write to Milvus what it lacks, and remove photos that were forgotten.

    Interrupted, it goes on from there when it is started again. Searches meanwhile find everything. Indexing does this
    by itself.
    """
    from searcher.milvus.filling import fill as write

    started = time.monotonic()
    with _opened(library, model, runtime) as (opened, own):
        count = opened.count_vectors()
        steps = write(own, count, anew=anew)
        before = next(steps)
        _show(steps, before, count)
    seconds = time.monotonic() - started
    if as_json:
        emit({"rows": count, "added": count - before, "seconds": round(seconds, 3)})
    else:
        say(f"{count:,} vectors in Milvus, {count - before:,} of them new, {seconds:.1f} s")


@vectors.command(epilog="Example: askpix vectors status --milvus photos-vectors.db")
@library_option
@model_option
@runtime_options
@json_option
def status(library: Path | None, model: str | None, runtime: dict[str, Any], as_json: bool) -> None:
    """Say how many of the vectors are in Milvus, and how they are searched there."""
    from searcher.milvus.status import status as ask

    with _opened(library, model, runtime) as (opened, own):
        found = ask(opened, own)
        if as_json:
            emit(found.as_json())
        else:
            say(str(found))


@vectors.command(epilog="Example: askpix vectors restore --milvus http://localhost:19530")
@library_option
@model_option
@runtime_options
@click.option("--collection", metavar="NAME", help="The collection, where the library folder does not say which.")
@json_option
def restore(
    library: Path | None, model: str | None, runtime: dict[str, Any], collection: str | None, as_json: bool
) -> None:
    """Make vectors that the library folder lost again from Milvus.

    What Milvus lacks is encoded again by the next askpix index.
    """
    from indexer.working import alone
    from searcher.milvus.restoring import restore as read

    with _opened(library, model, runtime) as (opened, own):
        count = opened.count_vectors()
        with alone(opened, f"a run is indexing {opened.folder}; wait until it has ended"):
            steps = read(own, count, collection)
            rows = _show(steps, next(steps), count)
        if as_json:
            emit({"rows": rows})
        else:
            say(f"{rows:,} vectors restored")
            if rows < count:
                note(f"{count - rows:,} were not in Milvus, or of photos that are forgotten; askpix index makes them")


def _show(steps: Iterator[int], before: int, count: int) -> int:
    """Go through steps, each of which says how many rows are done, and show how far they are; the last one."""
    from tqdm import tqdm

    done = before
    with tqdm(total=count, initial=before, unit=" vectors", unit_scale=True, dynamic_ncols=True) as bar:
        for done in steps:
            bar.update(done - bar.n)
    return done


@contextmanager
def _opened(
    folder: Path | None, model: str | None, runtime: dict[str, Any]
) -> Iterator[tuple["Library", "MilvusVectors"]]:
    from searcher import Library
    from searcher.milvus.vectors import MilvusVectors
    from searcher.settings import load_settings

    with Library(settings=load_settings(library=folder, model=model, **runtime)) as library:
        if not isinstance(library.vectors, MilvusVectors):
            raise AskpixError("no Milvus is named: give --milvus http://HOST:19530, or a file ending in .db")
        yield library, library.vectors
