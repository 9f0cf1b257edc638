"""Milvus beside FAISS on the same vectors, each as askpix uses it.

    python -m benchmarks.milvus [--rows 1000000] [--queries 50] [--milvus http://HOST:19530]

Vectors and queries are drawn as in benchmarks.search, and measured as there: every line is a process of its own that
opens what was built before. Without --milvus it is Milvus Lite, which serves in the very process, so that its memory
counts there; with it that of a server does not. First: milliseconds from opening to the first answer. Memory: the
process's own, and what it has mapped from files, which the system may take back. The peak of what fills Milvus is told
beside the time that takes.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import vlm
from benchmarks.photographs import DEMO
from benchmarks.search import (
    CLASSES,
    FILTERS,
    QUERIES,
    Opened,
    Task,
    alone,
    askpix_exact,
    askpix_filtered,
    askpix_trained,
    measure,
    real,
    task,
    train,
)
from searcher import database
from searcher.milvus.filling import fill
from searcher.milvus.server import Milvus
from searcher.milvus.vectors import MilvusVectors
from vlm.pairing import background_captions


def vectors_in(given: Task, address: str) -> MilvusVectors:
    """The rows with Milvus as their index."""
    engine = database.open_catalog(given.folder / "catalog.sqlite")
    return MilvusVectors(given.folder, "drawn", given.queries.shape[1], Milvus(address), engine)


def write_catalog(given: Task) -> None:
    """Have a catalog know the rows, which are those of images with the ids from 0."""
    engine = database.open_catalog(given.folder / "catalog.sqlite")
    images = ((i, f"{i:064x}", "2025-01-01 00:00:00") for i in range(given.rows))
    rows = ((i, "drawn", i) for i in range(given.rows))
    into = {
        "images (id, hash, width, height, format, added_at) VALUES (?, ?, 1, 1, 'JPEG', ?)": images,
        "embeddings (image_id, model, position, compared) VALUES (?, ?, ?, 1)": rows,
    }
    with database.writing(engine) as session:
        driver = session.connection().connection.cursor()
        for table, values in into.items():
            driver.executemany(f"INSERT INTO {table}", values)


def written(given: Task, address: str) -> tuple[float, float]:
    """Seconds that filling Milvus takes, and the peak of the process's memory in MB."""
    started = time.perf_counter()
    vectors = vectors_in(given, address)
    for _ in fill(vectors, given.rows):
        pass
    seconds = time.perf_counter() - started
    vectors.server.close()
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def milvus(given: Task, address: str) -> Opened:
    vectors = vectors_in(given, address)
    return Opened(lambda _, query: vectors.search(query, given.best.shape[1], given.rows)[1].tolist())


def milvus_filtered(given: Task, address: str) -> Opened:
    vectors = vectors_in(given, address)
    k, filters = given.best.shape[1], given.filters
    return Opened(lambda i, query: vectors.search(query, k, given.rows, filters[i % FILTERS])[1].tolist())


def table(given: Task, address: str) -> None:
    """Measure everything and print it."""
    write_catalog(given)
    trained_s, about = alone(train, given)
    written_s, peak = alone(written, given, address)
    print(f"{given.rows:,} rows of {given.queries.shape[1]} numbers\n")
    print(f"FAISS: trained in {trained_s:.0f} s: {about}")
    rate = given.rows / written_s
    print(f"Milvus: filled in {written_s:.0f} s, {rate:,.0f} rows a second, at most {peak:,.0f} MB of memory\n")
    print("| search | build, s | first, ms | p50, ms | p99, ms | recall@10 | memory + mapped, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    lines: dict[str, Callable[[Task], Opened]] = {
        "FAISS, exact": askpix_exact,
        "FAISS, trained": askpix_trained,
        "Milvus": partial(milvus, address=address),
    }
    filtered: dict[str, Callable[[Task], Opened]] = {
        "FAISS, filter of 1 %": askpix_filtered,
        "Milvus, filter of 1 %": partial(milvus_filtered, address=address),
    }
    for name, open_it in lines.items():
        print(f"| {name} | {alone(measure, open_it, given)} |", flush=True)
    given = replace(given, best=given.best_filtered)
    for name, open_it in filtered.items():
        print(f"| {name} | {alone(measure, open_it, given)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=50, help="at most 200")
    parser.add_argument("--milvus", help="a server instead of Milvus Lite; what is written there stays")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        encoder = vlm.load(vlm.BUILTIN, task="encode")
        embeddings = real(encoder, DEMO, Path(scratch))
        names = CLASSES.read_text(encoding="utf-8").splitlines()[:: 1000 // QUERIES][: args.queries]
        queries = encoder.encode_texts([f"a photo of a {name}" for name in names])
        probes = encoder.encode_texts(background_captions())
        given = task(Path(scratch) / "library" / "vectors", args.rows, embeddings, queries, probes)
        table(given, args.milvus or str(Path(scratch) / "milvus.db"))


if __name__ == "__main__":
    main()
