"""Lists of addresses, in CSV or Parquet: a column `url`, and a column `caption` if there is one, in any case.

A list may have millions of rows, so it is read some rows at a time.
"""

import csv
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from indexer.found import Beside, Found, Refuse
from searcher import addresses, originals, ranges
from searcher.elsewhere import LIST, Elsewhere, Unreachable, split_location
from vlm.errors import first_line
from vlm.extras import need
from vlm.headers import plain
from vlm.streams import batches

ROWS = 500  # read together
LONGEST = 100_000  # characters of a cell

Row = tuple[str, str]  # address and caption


def listed(folder: str, refuse: Refuse) -> Iterator[list[Found]]:
    """The addresses in a list, some at a time, each once in these; that others have none goes to `refuse`.

    Raises Unreachable when the list cannot be read.
    """
    lacking = 0
    for rows in _rows(folder.removeprefix(LIST)):
        lacking += sum(not address for address, _ in rows)
        found = [_found(folder, address, caption) for address, caption in rows if address]
        yield list({one.name: one for one in found}.values())
    if lacking:
        refuse(f"{folder}/rows without a url", f"{lacking:,} of its rows have no url")


def _found(folder: str, address: str, caption: str) -> Found:
    """An address as a file; when its caption is changed, the file counts as changed."""
    said = plain(caption)
    stamp = int.from_bytes(hashlib.sha256(said.encode()).digest()[:7], "big") if said else None
    name, reason = addresses.permitted(address)
    return Found(folder, name, -1, 0, sidecar_ns=stamp, beside=Beside(said) if said else None, reason=reason)


def _rows(location: str) -> Iterator[list[Row]]:
    """The rows of a list, some at a time. Raises Unreachable when it cannot be read, or has no column `url`."""
    with _local(location) as path:
        yield from _of_parquet(path) if location.lower().endswith(".parquet") else _of_csv(path)


def _local(location: str) -> AbstractContextManager[Path]:
    if location.startswith("/"):
        return originals.local(Path(location))
    if location.startswith(("http://", "https://")):  # fetched anew each time, as nothing tells whether it changed
        return originals.local(Elsewhere(f"{LIST}{location}", location, stamp=time.time_ns()))
    about = ranges.look(location)
    return originals.local(Elsewhere(*split_location(location), about.size, about.stamp))


def _of_csv(path: Path) -> Iterator[list[Row]]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = csv.reader(file)
            url, caption = _columns(next(lines, []))
            cells = ([line[i] if 0 <= i < len(line) else "" for i in (url, caption)] for line in map(_short, lines))
            yield from batches(((address.strip(), said) for address, said in cells), ROWS)
    except (OSError, csv.Error) as error:
        raise Unreachable(f"the list cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _short(line: list[str]) -> list[str]:
    """A line whose cells are as long as any may be; other libraries change the limit that csv itself has."""
    if max(map(len, line), default=0) > LONGEST:
        raise csv.Error(f"a cell has more than {LONGEST:,} characters")
    return line


def _of_parquet(path: Path) -> Iterator[list[Row]]:
    need("cluster", "pyarrow")
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            names = file.schema_arrow.names
            url, caption = _columns(names)
            chosen = [names[i] for i in (url, caption) if i >= 0]
            for some in file.iter_batches(ROWS, columns=chosen):
                texts = [[str(cell or "") for cell in some.column(name).to_pylist()] for name in chosen]
                addresses, captions = texts[0], texts[1] if caption >= 0 else [""] * some.num_rows
                yield [(address.strip(), said) for address, said in zip(addresses, captions, strict=True)]
    except (OSError, pa.ArrowException) as error:
        raise Unreachable(f"the list cannot be read ({first_line(error)})") from error


def _columns(names: Sequence[str]) -> tuple[int, int]:
    """Which columns hold the addresses and the captions, the latter -1 if none does."""
    small = [name.strip().lower() for name in names]
    if "url" not in small:
        told = ", ".join(names[:10]) or "none"
        raise Unreachable(f"the list has no column url; its columns are: {told[:200]}")
    return small.index("url"), small.index("caption") if "caption" in small else -1
