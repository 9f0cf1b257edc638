"""What it takes to index a number of photos: machines, hours, gigabytes and cost, worked out line by line.

The rates are measured (`indexer.rates`), prices and what is assumed come from a table that people edit.
"""

import math
import re
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlm.errors import AskpixError

EXAMPLES = Path(__file__).with_name("prices.toml")
A_WEEK = 168.0  # hours
MOST = 10**12  # photos
_HOURS_A_MONTH = 730

_COUNT = re.compile(r"(\d+(?:_\d+)*|\d{1,3}(?:,\d{3})+)(\.\d+)?([kmgb]?)", re.IGNORECASE)
_TIMES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


@dataclass(frozen=True)
class Rates:
    """What was measured on one machine, on so many `photos`.

    Photos a second with all its cores: to `decode`, `encode` and `caption` (None: no captions are written) by
    themselves; a run does the share `efficiency` of what they allow together. Bytes a photo: of the `original`, in the
    `catalog`, of the `vectors` on disk, of the `index` over them in memory, of `thumbnails`.
    """

    photos: int
    cores: int
    device: str
    gpu: bool
    decode: float
    encode: float
    caption: float | None
    efficiency: float
    original: float
    catalog: float
    vectors: float
    index: float
    thumbnails: float


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hour(_Table):
    """Prices of an hour: of a core, of a GPU, of a gigabyte of memory."""

    core: float = Field(ge=0)
    gpu: float = Field(ge=0)
    memory: float = Field(ge=0)


class Month(_Table):
    """Prices of a gigabyte for a month."""

    disk: float = Field(ge=0)
    object: float = Field(ge=0)


class Assumed(_Table):
    """What cannot be measured on one machine."""

    cluster: float = Field(gt=0, le=1)


class Prices(_Table):
    """The table of prices."""

    as_of: date
    currency: str = Field(max_length=20)
    hour: Hour
    month: Month
    assumed: Assumed


@dataclass(frozen=True)
class Line:
    """A step of the arithmetic."""

    name: str
    how: str
    result: str

    def __str__(self) -> str:
        return f"{self.name:<20}{self.how} = {self.result}" if self.how else f"{self.name:<20}{self.result}"


@dataclass(frozen=True)
class Planned:
    """What it takes; sizes in gigabytes (10^9 bytes), costs in the currency of the table."""

    photos: int
    photos_per_second: float
    machine_hours: float
    machines: int
    hours: float
    gigabytes: dict[str, float]
    cost: dict[str, float]
    lines: list[Line]

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {**vars(self), "lines": list(map(str, self.lines))}


def read_count(text: str) -> int:
    """A number of photos as people write it: 100M, 2.5k, 1_000_000 or 1,000,000.

    Raises AskpixError for what is none.
    """
    found = _COUNT.fullmatch(text.strip())
    wanted = "give --photos as in 100M, 2.5k or 1_000_000"
    if found is None:
        raise AskpixError(f"{text!r} is no number of photos; {wanted}")
    whole, part, unit = found.groups()
    count = float(re.sub("[_,]", "", whole) + (part or "")) * _TIMES[unit.lower()]
    if not 1 <= count <= MOST or count != round(count):
        raise AskpixError(f"{text} is no number of photos from 1 to {MOST:,}; {wanted}")
    return round(count)


def read_prices(path: Path) -> Prices:
    """A table of prices; raises AskpixError, with what is wrong, for a file that is none."""
    try:
        return Prices.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise AskpixError(f"the prices in {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise AskpixError(f"the prices in {path} are wrong at {where}: {first['msg']}; see {EXAMPLES}") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise AskpixError(f"the prices in {path} are no TOML: {error}; see {EXAMPLES}") from error


def plan(photos: int, rates: Rates, prices: Prices, *, hours: float = A_WEEK, machines: int | None = None) -> Planned:
    """What it takes to have them indexed by machines like that which was measured: within some `hours`, or by some
    `machines`."""
    rate, rate_line = _one_machine(rates)
    alone = photos / rate / 3600
    together = prices.assumed.cluster
    needed = machines if machines is not None else max(1, math.ceil(alone / hours))
    if needed > 1 and machines is None:
        needed = math.ceil(alone / together / hours)
    share = together if needed > 1 else 1.0
    taken = alone / needed / share
    sizes, size_lines = _sizes(photos, rates)
    cost, cost_lines = _cost(needed, taken, rates, sizes, prices)
    divided = f"{_figure(alone)} / {share} / " if share < 1 else f"{_figure(alone)} / "
    lines = [
        rate_line,
        Line("work", f"{photos:,} / {rate:,.2f} / 3600", f"{_figure(alone)} machine-hours"),
        *([] if machines is not None else [Line("machines", f"{divided}{hours:g} h, rounded up", f"{needed:,}")]),
        Line("hours", f"{divided}{needed:,}", f"{_figure(taken)} h ({_figure(taken / 24)} days)"),
        *size_lines,
        _reading(rates, rate * needed * share),
        *cost_lines,
    ]
    return Planned(photos, rate * needed * share, alone / share, needed, taken, sizes, cost, lines)


def _one_machine(rates: Rates) -> tuple[float, Line]:
    """Photos a second, and how that comes."""
    parts = {"decode": rates.decode, "encode": rates.encode, "caption": rates.caption}
    known = {name: rate for name, rate in parts.items() if rate is not None}
    if rates.gpu:  # the models' own processor works while the cores decode
        models = [rate for name, rate in known.items() if name != "decode"]
        allowed = min(rates.decode, 1 / sum(1 / rate for rate in models))
        how = f"min({rates.decode:,.1f}, 1 / ({' + '.join(f'1/{rate:,.1f}' for rate in models)}))"
    else:
        allowed = 1 / sum(1 / rate for rate in known.values())
        how = f"1 / ({' + '.join(f'1/{rate:,.1f}' for rate in known.values())})"
    rate = allowed * rates.efficiency
    return rate, Line("one machine", f"{how} x {rates.efficiency:.2f}", f"{rate:,.2f} photos/s")


def _sizes(photos: int, rates: Rates) -> tuple[dict[str, float], list[Line]]:
    """Gigabytes by what they hold."""
    each = {
        "originals": rates.original,
        "catalog": rates.catalog,
        "vectors": rates.vectors,
        "index in memory": rates.index,
        "thumbnails": rates.thumbnails,
    }
    sizes = {name: photos * size / 1e9 for name, size in each.items()}
    return sizes, [
        Line(name, f"{photos:,} x {size:,.0f} bytes", f"{_figure(sizes[name])} GB") for name, size in each.items()
    ]


def _reading(rates: Rates, a_second: float) -> Line:
    """What the place of the originals must give."""
    result = f"{_figure(a_second * rates.original / 1e6)} MB/s"
    return Line("to be read", f"{_figure(a_second)} photos/s x {rates.original:,.0f} bytes", result)


def _cost(
    machines: int, hours: float, rates: Rates, sizes: dict[str, float], prices: Prices
) -> tuple[dict[str, float], list[Line]]:
    """What indexing costs once, and what is kept costs a month."""
    money, hour, month = prices.currency, prices.hour, prices.month
    machine = rates.cores * hour.core + rates.gpu * hour.gpu
    on_disk = sizes["catalog"] + sizes["vectors"]
    cost = {
        "indexing": machines * hours * machine,
        "disk a month": on_disk * month.disk,
        "thumbnails a month": sizes["thumbnails"] * month.object,
        "memory a month": sizes["index in memory"] * hour.memory * _HOURS_A_MONTH,
    }
    gpu = f" + {hour.gpu:g}" if rates.gpu else ""
    how = {
        "indexing": f"{machines:,} x {_figure(hours)} h x ({rates.cores} cores x {hour.core:g}{gpu})",
        "disk a month": f"({_figure(sizes['catalog'])} + {_figure(sizes['vectors'])}) GB x {month.disk:g}",
        "thumbnails a month": f"{_figure(sizes['thumbnails'])} GB x {month.object:g}",
        "memory a month": f"{_figure(sizes['index in memory'])} GB x {hour.memory:g} x {_HOURS_A_MONTH} h",
    }
    return cost, [Line(name, how[name], f"{cost[name]:,.2f} {money}") for name in cost]


def _figure(number: float) -> str:
    """A number for people, small ones with three figures that count."""
    return f"{number:,.1f}" if number >= 100 else f"{number:.3g}"
