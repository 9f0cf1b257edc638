"""The verb that works out what it takes to index a number of photos, and to serve them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from searcher.options import captioner_option, library_option, model_option
from vlm.console import emit, json_option, note, runtime_options, say
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from indexer.planning import Rates
    from searcher import Library, Photo


@click.command(epilog="Example: askpix plan --photos 100M --hours 72 ~/Pictures")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--photos", required=True, metavar="NUMBER", help="How many, as in 100M, 2.5k or 1_000_000.")
@click.option("--hours", type=float, help="In how many hours they are to be indexed; 168, a week, unless said.")
@click.option("--machines", type=int, help="By how many machines like this one, instead.")
@click.option("--prices", type=click.Path(path_type=Path), help="A table of prices; without, one of examples.")
@click.option("--no-captions", is_flag=True, help="Plan for encoding alone.")
@library_option
@model_option
@captioner_option
@runtime_options
@json_option
def plan(
    paths: tuple[Path, ...],
    photos: str,
    hours: float | None,
    machines: int | None,
    prices: Path | None,
    no_captions: bool,
    library: Path | None,
    model: str | None,
    captioner: str | None,
    runtime: dict[str, Any],
    as_json: bool,
) -> None:
    """Work out the machines, hours, gigabytes and cost of indexing so many photos, from what is measured here and now.

    It is measured on some photos in PATHS, or else on some of the library, which takes about a minute; nothing is
    changed. The whole arithmetic is shown. So run it on a machine like those that are to do the work, with photos like
    those that are to be indexed, and with your own prices: the table that comes with askpix has examples alone.
    """
    from indexer.planning import A_WEEK, EXAMPLES, read_count, read_prices
    from indexer.planning import plan as work_out

    count = read_count(photos)
    if hours is not None and machines is not None:
        raise AskpixError("give --hours or --machines, not both: one follows from the other")
    if (hours is not None and not 0 < hours < 1e6) or (machines is not None and not 0 < machines < 1e6):
        raise AskpixError("--hours and --machines are numbers above 0, and below a million")
    table = read_prices(prices or EXAMPLES)
    rates = _measured(paths, not no_captions, library=library, model=model, captioner=captioner, **runtime)
    planned = work_out(count, rates, table, hours=hours or A_WEEK, machines=machines)
    if as_json:
        emit({**planned.as_json(), "rates": vars(rates), "prices": table.model_dump(mode="json")})
        return
    for line in _told(rates):
        say(line)
    say(f"\n{count:,} photos, on machines like this one")
    for step in planned.lines:
        say(f"  {step}")
    kind = "prices of your table" if prices else f"EXAMPLE prices: put your own into a copy of {EXAMPLES}"
    say(f"\n{kind}, as of {table.as_of}")


def _measured(paths: tuple[Path, ...], captions: bool, **flags: Any) -> "Rates":
    from indexer.rates import files_below, files_of, measure
    from searcher import Library
    from searcher.settings import load_settings

    settings = load_settings(**flags)
    if paths:
        files = files_below(paths)
    else:
        with Library(settings=settings) as opened:
            files = files_of(opened)
    note(f"measuring on {len(files)} photos")
    return measure(settings, files, captions=captions, thumbnails=_thumbnails)


def _thumbnails(library: "Library", photo: "Photo") -> Iterator[Path]:
    """Those that the grid of the page shows."""
    from webui.renditions import rendition

    for size in ("thumb", "small"):
        if made := rendition(library, photo, size):
            yield made


def _told(rates: "Rates") -> Iterator[str]:
    """What was measured, for people."""
    yield f"Measured here on {rates.photos} photos, {rates.cores} cores, the model on {rates.device}"
    for name, rate in (("decode", rates.decode), ("encode", rates.encode), ("caption", rates.caption)):
        if rate is not None:
            yield f"  {name:<20}{rate:,.1f} photos/s by itself"
    yield f"  {'together':<20}a run does {rates.efficiency:.0%} of what these allow, as it also reads and writes"
