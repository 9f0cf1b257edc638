"""The catalog's insert and search rate, on SQLite and on PostgreSQL side by side.

    python -m benchmarks.catalog [--photos 1000000] [--url postgresql://USER@HOST/NAME]

Photographs that do not exist are written as an indexing run writes them: image, file, details, caption, tags,
embedding row and the index of words, 500 photos a transaction, through the same models. Then, as a search asks it:
how many photos have each word of a query, the thirty most telling, a page of photos with all that is shown of them, a
filter, and the newest by date. Each is the median of fifty in the process. Without --url a server is started, with
the settings that it has by itself, so that what is committed reaches the disk there.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from benchmarks.postgres_server import serving
from benchmarks.search import CLASSES
from searcher import database, filters, wordsearch
from searcher.catalog import Base, Caption, Details, Embedding, File, Image, Tag, now
from searcher.overlap import FOUND, asked
from searcher.results import photos
from vlm.pairing import background_captions

BATCH, MODEL, ROUNDS, PAGE = 500, "builtin-2", 50, 20


def write(engine: Engine, count: int) -> None:
    """Write so many photographs, batch by batch."""
    captions, classes = background_captions(), CLASSES.read_text(encoding="utf-8").splitlines()
    dice = np.random.default_rng(1)
    for start in range(1, count + 1, BATCH):
        ids = range(start, min(start + BATCH, count + 1))
        pairs = dice.integers(0, len(captions), (len(ids), 2))
        texts = [f"{captions[one]} {captions[other].lower()}" for one, other in pairs]
        tags = [{classes[n] for n in some} for some in dice.integers(0, len(classes), (len(ids), 4))]
        of_all = {"model": MODEL, "created_at": now()}
        with database.writing(engine) as session:
            _add(session, Image, [{"id": i, "hash": f"{i:064x}", **_shape()} for i in ids])
            files = [{"folder": f"/photos/{i // 1000}", "name": f"{i}.jpg", "image_id": i} for i in ids]
            _add(session, File, [{**file, "size": 1, "mtime_ns": 1} for file in files])
            taken = datetime(2000, 1, 1)
            dated = [{"image_id": i, "taken_at": taken + timedelta(minutes=10 * i)} for i in ids]
            _add(session, Details, [{**one, "camera": f"Camera {one['image_id'] % 100:02}"} for one in dated])
            _add(session, Embedding, [{"image_id": i, "model": MODEL, "position": i - 1} for i in ids])
            written = zip(ids, texts, strict=True)
            _add(session, Caption, [{"image_id": i, "text": one, "confidence": 0.5, **of_all} for i, one in written])
            named = [(i, name) for i, names in zip(ids, tags, strict=True) for name in sorted(names)]
            _add(session, Tag, [{"image_id": i, "model": MODEL, "name": name, "score": 0.5} for i, name in named])
            wordsearch.refresh(session, ids)


def _shape() -> dict[str, object]:
    return {"width": 4000, "height": 3000, "format": "JPEG"}


def _add(session: Session, table: type[Base], rows: list[dict[str, object]]) -> None:
    session.execute(insert(table), rows)


def measured(engine: Engine, count: int) -> Iterator[tuple[str, float]]:
    """What a search asks of the catalog, and the milliseconds that it takes."""
    classes = CLASSES.read_text(encoding="utf-8").splitlines()
    queries = [f"a photo of a {name}" for name in classes[:: len(classes) // ROUNDS][:ROUNDS]]
    some = np.random.default_rng(2).integers(1, count + 1, (ROUNDS, PAGE)).tolist()

    def words(session: Session, row: int) -> None:
        asked(session, queries[row], count)

    def best(session: Session, row: int) -> None:
        wanted = wordsearch.any_of([queries[row].rpartition(" ")[2]])
        wordsearch.best(session, [wanted], FOUND)

    def page(session: Session, row: int) -> None:
        photos(session, some[row], MODEL)

    def by_filter(session: Session, row: int) -> None:
        terms = [f"camera:{row:02}", "date:2001-03"]
        session.scalars(filters.select_ids(session, terms, lambda _: []).limit(PAGE)).all()

    def newest(session: Session, _row: int) -> None:
        session.execute(select(Details.image_id).order_by(Details.taken_at.desc()).limit(100)).all()

    yield "words of a query counted", _median(engine, words)
    yield "thirty most telling of a rare word", _median(engine, best)
    yield "a page of twenty photos read", _median(engine, page)
    yield "twenty by camera and month", _median(engine, by_filter)
    yield "the hundred newest by date", _median(engine, newest)


def _median(engine: Engine, ask: Callable[[Session, int], None]) -> float:
    spent = []
    for row in range(ROUNDS):
        started = time.perf_counter()
        with database.session(engine) as session:
            ask(session, row)
        spent.append(time.perf_counter() - started)
    return 1000 * statistics.median(spent)


@contextmanager
def server() -> Iterator[str]:
    """The address of an empty database on a server of one's own, as safe as servers are by themselves."""
    with serving({}) as started:
        yield started.make()


def figures(place: Path | str, count: int) -> dict[str, str]:
    """All that is measured of one database, by what it is."""
    engine = database.open_catalog(place)
    started = time.perf_counter()
    write(engine, count)
    rate = count / (time.perf_counter() - started)
    if database.kind(engine) == "postgresql":  # which its own housekeeping does within a minute
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    found = {"photos written a second": f"{rate:,.0f}"}
    found |= {f"{what}, ms": f"{spent:.1f}" for what, spent in measured(engine, count)}
    engine.dispose()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--url", help="an empty database of a server that runs")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, nullcontext(args.url) if args.url else server() as url:
        ours, theirs = figures(Path(folder, database.CATALOG), args.photos), figures(url, args.photos)
    print(f"| {args.photos:,} photos | SQLite | PostgreSQL |\n| --- | --- | --- |")
    for what, figure in ours.items():
        print(f"| {what} | {figure} | {theirs[what]} |")


if __name__ == "__main__":
    main()
