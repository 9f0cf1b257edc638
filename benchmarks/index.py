"""A trained FAISS index beside exact search: time of a search, share found, time to train.

    python -m benchmarks.index [--rows 1000000] [--dim 512]

Rows are drawn around ten thousand centres, as far from them as these lie from the middle;
queries lie near rows that are not in the index. Both searches go through `searcher.vectors`, one query at a time, as
a user's do, on the same files.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from searcher.index import TOP
from searcher.vectors import Vectors
from vlm.protocols import Floats

CENTRES = 10_000
BLOCK = 50_000


def drawn(count: int, dim: int, seed: int) -> Floats:
    """`count` points of unit length around the centres."""
    centres = np.random.default_rng(0).normal(size=(CENTRES, dim)).astype(np.float32)
    dice = np.random.default_rng(seed)
    points = centres[dice.integers(0, CENTRES, count)] + dice.normal(size=(count, dim)).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def searched(vectors: Vectors, queries: Floats, count: int) -> tuple[float, list[set[int]]]:
    """Milliseconds of a search, and what each found."""
    vectors.search(queries[0], TOP, count)
    started = time.perf_counter()
    found = [set(vectors.search(query, TOP, count)[1].tolist()) for query in queries]
    return 1000 * (time.perf_counter() - started) / len(queries), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        vectors = Vectors(Path(scratch), "drawn", args.dim, exact_rows=args.rows)
        for start in range(0, args.rows, BLOCK):
            size = min(BLOCK, args.rows - start)
            vectors.append(np.arange(start, start + size), drawn(size, args.dim, 1 + start))
        queries, probes = drawn(50, args.dim, -1 % 2**32), drawn(100, args.dim, -2 % 2**32)
        exact, wanted = searched(vectors, queries, args.rows)
        vectors.exact_rows = 0
        started = time.perf_counter()
        vectors.save_index(args.rows, lambda: probes)
        training = time.perf_counter() - started
        trained, found = searched(vectors, queries, args.rows)
        shared = float(np.mean([len(a & b) / TOP for a, b in zip(found, wanted, strict=True)]))
        print(f"{args.rows:,} rows of {args.dim} numbers; {vectors.about_index}")
        print("| search | ms | of the exact ten best | to train, s |\n| --- | --- | --- | --- |")
        print(f"| exact | {exact:.1f} | 1 | |\n| trained | {trained:.1f} | {shared:.3f} | {training:.0f} |")


if __name__ == "__main__":
    main()
