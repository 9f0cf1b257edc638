"""Indexing by a Ray cluster of this machine beside the plain run, and what bounds a cluster of many workers.

    python -m benchmarks.ray [--photos 384] [--rounds 3] [--driver 8192]

Both sides index the same distinct photographs, with captions, into new libraries, in turn, the model of the plain run
loaded before. The seconds a photo are those of all photographs less those of the first 32, so that starting counts for
nothing: Ray starts its processes, which load the model, anew for each run. Aim: less than 10 % more with Ray.

The second part measures what no number of workers makes faster: this process, which alone takes in results, looks up
what is known, and writes. It is kept busy by workers that send made-up results (random embeddings, captions) at once,
while these take turns with it on the same processors; so it can do at least that. A picture that is decoded on one
machine and looked at on another goes over the network.
"""

import argparse
import pickle
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.photographs import make_photographs
from indexer import kinds
from indexer.cluster.joining import Cluster, join
from indexer.cluster.spreading import Waiting, write
from indexer.cluster.streams import Work, stream
from indexer.cluster.workers import Arrival, Look
from indexer.embedding import Embedding
from indexer.pipeline import IndexRun
from indexer.progress import Progress
from indexer.scan import Found
from indexer.stages import Stages
from indexer.store import Job, Store
from searcher import Library
from vlm.protocols import Description, Tag

FEW = 32
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
GIGABITS = 10  # of a cluster's network, a second


@dataclass(frozen=True)
class MadeUp:
    """Results of files that there are not, as a model would give them."""

    dim: int
    like: Arrival

    def __call__(self, files: list[Found], _: Any) -> Iterator[Arrival]:
        dice = np.random.default_rng()
        words = " ".join(f"word{i}" for i in dice.integers(0, 5000, 10))
        told = Description(words, 0.5, [Tag(f"tag{i}", 0.5) for i in dice.choice(1000, 4, replace=False)])
        for found in files:
            embedding = dice.normal(size=self.dim).astype(np.float32)
            job = replace(self.like.job, found=found, hash=dice.bytes(32).hex(), embedding=embedding)
            yield replace(self.like, job=job, told=told)


def unchanged(arrivals: list[Arrival], _: Any) -> list[Arrival]:
    return arrivals


def indexed(photos: Path, cluster: Cluster | None) -> float:
    """Seconds of one run into a new library."""
    with tempfile.TemporaryDirectory() as scratch, Library(scratch, create=True) as library:
        if not cluster:
            library.captioner.describe(library.captioner.look([stages_of(library).decode(_job(photos)).picture.image]))
        started = time.perf_counter()
        run = IndexRun(library, [photos], cluster=cluster)
        for _ in run:
            pass
        assert run.summary.captioned == run.summary.added
        return time.perf_counter() - started


def stages_of(library: Library) -> Stages:
    return Stages(library.encoder.image_size, library.settings.max_pixels, Progress().timed)


def _job(photos: Path) -> Job:
    path = next(photos.rglob("*.jpg"))
    return Job(Found(str(path.parent), path.name, path.stat().st_size, path.stat().st_mtime_ns), "0" * 64, embed=True)


def results(photos: Path) -> tuple[Arrival, Arrival]:
    """A photograph on its way to the model, and what comes back of it."""
    with tempfile.TemporaryDirectory() as scratch, Library(scratch, create=True) as library:
        decoded = Arrival(stages_of(library).decode(_job(photos)))
        return decoded, *Look(library.encoder, library.captioner, "en")([decoded], Progress().timed)


def driver(cluster: Cluster, like: Arrival, count: int) -> dict[str, float]:
    """Photos a second that this process takes in and writes, and that it writes when it does nothing else."""
    files = [Found(f"/{i // 1000:06d}", f"{i:09d}.jpg", 1_000_000, 1) for i in range(count)]
    with tempfile.TemporaryDirectory() as scratch, Library(scratch, create=True) as library:
        here = Embedding(library, Store(library), Progress())
        captions = kinds.captions(library, library.captioner, None)
        waiting, seen, rows = Waiting(), 0, []
        for arrivals in stream(cluster, files, Work(MadeUp(library.encoder.dim, like), unchanged, ""), Progress()):
            rows.append((time.perf_counter(), seen := seen + len(arrivals)))
            write(here, waiting.ready(arrivals, here.store), captions)
        rows.append((time.perf_counter(), seen))
        (start, before), (end, after) = rows[len(rows) // 8], rows[-1]
        return {"with Ray": (after - before) / (end - start), "alone": seen / here.progress.summary.stages["store"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=384, help="how many photographs of 640 x 480")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--driver", type=int, default=8192, help="how many made-up results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        photos, few = Path(scratch, "all"), Path(scratch, "few")
        make_photographs(photos, args.photos, (640, 480), distinct=True)
        make_photographs(few, FEW, (640, 480), distinct=True)
        decoded, result = results(photos)
        started = time.perf_counter()
        with join("local") as cluster:
            joined = time.perf_counter() - started
            print(f"{cluster}, started in {joined:.1f} s\n")
            indexed(few, cluster)  # the first run in a cluster starts what later ones share
            print("| round | plain, ms a photo | Ray, ms a photo | more | plain starts, s | Ray starts, s |")
            print("| --- | --- | --- | --- | --- | --- |")
            each = [round_of(photos, few, args.photos, cluster, number + 1) for number in range(args.rounds)]
            plain, ray = (float(np.median(column)) for column in zip(*each, strict=True))
            print(f"| median | {1000 * plain:.1f} | {1000 * ray:.1f} | {ray / plain - 1:+.1%} | | |\n")
            if min(plain, ray) <= 0:
                raise SystemExit("starting varies by more than the photos take: take more of them, on an idle machine")
            rates = driver(cluster, result, args.driver)
    bound(cluster, ray, rates, len(pickle.dumps(decoded, 5)), len(pickle.dumps(result, 5)))


def round_of(photos: Path, few: Path, count: int, cluster: Cluster, number: int) -> tuple[float, float]:
    """Seconds a photo of the plain run and of the cluster's."""
    each, starts = [], []
    for by in (None, cluster):
        short, long = indexed(few, by), indexed(photos, by)
        each.append((long - short) / (count - FEW))
        starts.append(short - FEW * each[-1])
    plain, ray = each
    print(
        f"| {number} | {1000 * plain:.1f} | {1000 * ray:.1f} | {ray / plain - 1:+.1%} | {starts[0]:.1f} "
        f"| {starts[1]:.1f} |",
        flush=True,
    )
    return plain, ray


def bound(cluster: Cluster, ray: float, rates: dict[str, float], sent: int, back: int) -> None:
    """Work out what many workers come to."""
    work, serial = ray * cluster.cpus, 1 / rates["with Ray"]
    print(f"A photo takes {1000 * work:.1f} ms of one worker: {cluster.cpus} processors x {1000 * ray:.1f} ms.")
    print(
        f"This process takes in and writes {rates['with Ray']:.0f} photos/s at least: {1000 * serial:.2f} ms each, of "
        f"which {1000 / rates['alone']:.2f} ms are for writing."
    )
    print(f"A decoded photo has {sent / 1000:.0f} kB on its way to the model, its result {back / 1000:.1f} kB.")
    print(f"It is busy at {work / serial:.0f} workers: {1000 * work:.1f} ms / {1000 * serial:.2f} ms.\n")
    print("| workers | photos/s | speed-up | with no overlap (Amdahl) | 10 million, h | network at most, Gbit/s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for workers in WORKERS:
        rate = min(workers / work, 1 / serial)
        amdahl = (work + serial) / (work / workers + serial)
        network = 8 * (sent + back) * rate / 1e9
        print(
            f"| {workers} | {rate:.0f} | {rate * work:.1f} | {amdahl:.1f} | {1e7 / rate / 3600:.1f} | {network:.2f} |"
        )
    most = GIGABITS * 1e9 / 8 / (sent + back)
    print(f"\nA network of {GIGABITS} Gbit/s bears {most:.0f} photos/s, if every picture is looked at elsewhere.")


if __name__ == "__main__":
    main()
