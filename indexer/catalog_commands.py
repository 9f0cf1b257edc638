"""The verb that looks after the catalog's database: copied, upgraded, looked at."""

from contextlib import ExitStack
from pathlib import Path

import click

from searcher.options import library_option
from vlm.console import emit, json_option, note, say

_BUSY = "a run is at work on one of the two catalogs; wait until it has ended"


@click.group(epilog="Example: askpix db copy ~/photos.askpix postgresql://askpix@db.example.com/photos")
def db() -> None:
    """Look after the catalog: it is SQLite in the library folder, or PostgreSQL by its address (--catalog)."""


@db.command(epilog="Example: askpix db copy postgresql://askpix@db.example.com/photos ~/photos.askpix")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@json_option
def copy(source: str, target: str, as_json: bool) -> None:
    """Copy a catalog, from SQLite to PostgreSQL or back: all of it, or nothing if anything goes wrong.

    FROM and TO are library folders, or addresses such as postgresql://USER@HOST/NAME. There may be no catalog at TO
    yet, or an empty one. Every row is read again on both sides and compared. What lies in the library folder besides
    the catalog, vectors above all, stays there: go on with --library FOLDER --catalog ADDRESS.
    """
    from indexer.working import alone_at
    from searcher import copying

    def told(table: str, rows: int) -> None:
        if rows:
            note(f"{table}: {rows:,} rows, all equal")

    places = copying.place_of(source), copying.place_of(target)
    with ExitStack() as quiet:
        for place in places:
            quiet.enter_context(alone_at(place, _BUSY))
        rows = copying.copy(*places, told)
    if as_json:
        emit({"rows": rows, "total": sum(rows.values())})
    else:
        say(f"{sum(rows.values()):,} rows of {len(rows)} tables copied and found equal")


@db.command(epilog="Example: askpix db status --catalog postgresql://askpix@db.example.com/photos")
@library_option
@json_option
def status(library: Path | None, as_json: bool) -> None:
    """Say where the catalog is, of which version and how large, without changing it."""
    from searcher.catalog_status import look
    from searcher.library import catalog_of
    from searcher.settings import load_settings

    found = look(catalog_of(load_settings(library=library)))
    if as_json:
        emit(found.as_json())
    else:
        say(str(found))


@db.command(epilog="Example: askpix db upgrade --catalog postgresql://askpix@db.example.com/photos")
@library_option
@json_option
def upgrade(library: Path | None, as_json: bool) -> None:
    """Bring the catalog to this askpix's version, which is done anyhow when a library is opened."""
    from searcher import database
    from searcher.catalog import REVISION
    from searcher.catalog_status import look
    from searcher.library import catalog_of
    from searcher.settings import load_settings

    place = catalog_of(load_settings(library=library))
    before = look(place).revision
    database.open_catalog(place, create=False).dispose()
    if as_json:
        emit({"before": before, "revision": REVISION})
    else:
        say(f"the catalog is {REVISION}" + ("" if before == REVISION else f", and was {before or 'empty'}"))
