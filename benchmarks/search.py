"""The vector part of a search: askpix beside FAISS itself, usearch, hnswlib and sqlite-vec on the same vectors.

    python -m benchmarks.search [--rows 1000000] [--peers-rows 100000] [--photos FOLDER]

Vectors are drawn from real ones: the built-in model looks at a thousand photographs (parts of the demo's, or all
in --photos), and each row is one of these embeddings, moved along the difference of two others and by noise, so
that neighbours lie as they do in a library. Queries are texts: "a photo of a ..." with the names of ImageNet's
classes. Lists are chosen by other texts, the model's background captions.

Every line is a process of its own, which opens what was built before, where it can be opened from a file, and
searches for each query's best ten, one query at a time. First: milliseconds from opening to the first answer, with
what is imported for it. p50 and p99: over the queries, each by the quickest of up to five rounds. Recall: of the
best ten of an exact search in 32 bits. Memory: of the process, its own and what it has mapped from files, which
the system may take back. Graphs (usearch, hnswlib) look as far as it takes to find the same share for the
background captions as askpix's lists must. Runs on Linux; usearch, hnswlib, and sqlite-vec with apsw are measured
where they are installed.
"""

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import vlm
from benchmarks.photographs import DEMO, make_photographs
from searcher.index import ENOUGH, TOP
from searcher.segments import Ids
from searcher.vectors import Vectors
from vlm.pairing import background_captions
from vlm.picture import Picture, open_ahead
from vlm.protocols import Encoder, Floats
from vlm.streams import batches

CLASSES = Path(vlm.__file__).parent / "training" / "imagenet_classes.txt"
PHOTOGRAPHS, QUERIES, FILTERS = 1_000, 200, 10
BLOCK = 20_000
ROUNDS, LONGEST = 5, 60  # seconds, after which no other round is begun


@dataclass(frozen=True)
class Task:
    """Rows in a folder, as askpix keeps them, and what is to be found: queries [q, dim] and their best [q, TOP] of
    all rows, and of those that one of several filters lets through."""

    folder: Path
    rows: int
    queries: Floats
    best: Ids
    probes: Floats
    best_of_probes: Ids
    filters: Ids
    best_filtered: Ids

    def vectors(self, exact: bool) -> Vectors:
        dim = self.queries.shape[1]
        return Vectors(self.folder, "drawn", dim, exact_rows=self.rows if exact else self.rows // 2)


Search = Callable[[int, Floats], Iterable[int]]  # the ids that the query of a number finds


@dataclass(frozen=True)
class Opened:
    """What is searched, and how long it took to build."""

    search: Search
    built: float | None = None


def real(encoder: Encoder, photos: Path, scratch: Path) -> Floats:
    """The model's embeddings of photographs."""
    if photos == DEMO:
        paths = make_photographs(scratch / "photographs", PHOTOGRAPHS, (320, 240), distinct=True)
    else:
        paths = sorted(path for path in photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    found = (picture for _, picture in open_ahead(paths, encoder.image_size) if isinstance(picture, Picture))
    return np.concatenate(
        [encoder.look([picture.image for picture in some]).embeddings for some in batches(found, encoder.batch)]
    )


def drawn(embeddings: Floats, count: int, seed: int) -> Floats:
    """`count` rows of unit length, [count, dim], like those given."""
    dice = np.random.default_rng(seed)
    one, two, three = embeddings[dice.integers(0, len(embeddings), (3, count))]
    along = dice.uniform(0, 0.7, (count, 1)).astype(np.float32)
    noise = dice.standard_normal(one.shape, np.float32) * np.float32(0.4 / np.sqrt(one.shape[1]))
    rows: Floats = one + along * (two - three) + noise
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def exact(vectors: Vectors, rows: int, queries: Floats, allowed: np.ndarray | None = None) -> Ids:
    """The ids [q, TOP] of each query's best rows; with `allowed` [q, rows] of those that may be found."""
    scores = np.full((len(queries), TOP), -np.inf, np.float32)
    best = np.full((len(queries), TOP), -1, np.int64)
    for ids, embeddings in vectors.read(0, rows):
        own = queries @ embeddings.T
        if allowed is not None:
            own[~allowed[:, ids]] = -np.inf
        both, numbers = np.concatenate([scores, own], 1), np.concatenate([best, np.tile(ids, (len(queries), 1))], 1)
        first = np.argpartition(-both, TOP - 1, axis=1)[:, :TOP]
        scores, best = np.take_along_axis(both, first, 1), np.take_along_axis(numbers, first, 1)
    return best


def task(folder: Path, rows: int, embeddings: Floats, queries: Floats, probes: Floats) -> Task:
    """Write the rows, their ids from 0, and find out what is to be found."""
    vectors = Vectors(folder, "drawn", embeddings.shape[1])
    for start in range(0, rows, BLOCK):
        size = min(BLOCK, rows - start)
        vectors.append(np.arange(start, start + size), drawn(embeddings, size, 1 + start))
    dice = np.random.default_rng(0)
    filters = np.stack([dice.permutation(rows)[: rows // 100] for _ in range(FILTERS)])
    allowed = np.zeros((FILTERS, rows), bool)
    np.put_along_axis(allowed, filters, True, axis=1)
    filtered = exact(vectors, rows, queries, allowed[np.arange(len(queries)) % FILTERS])
    best, best_of_probes = exact(vectors, rows, queries), exact(vectors, rows, probes)
    return Task(folder, rows, queries, best, probes, best_of_probes, filters, filtered)


def recall(found: Iterable[Iterable[int]], wanted: Ids) -> float:
    """Of what is wanted the share that was found."""
    return float(np.mean([len({*some} & {*best.tolist()}) / TOP for some, best in zip(found, wanted, strict=True)]))


# What is compared: each opens, and builds unless askpix did, what is searched


def askpix_exact(given: Task) -> Opened:
    vectors = given.vectors(exact=True)
    return Opened(lambda _, query: vectors.search(query, TOP, given.rows)[1].tolist())


def askpix_trained(given: Task) -> Opened:
    vectors = given.vectors(exact=False)
    return Opened(lambda _, query: vectors.search(query, TOP, given.rows)[1].tolist())


def askpix_filtered(given: Task) -> Opened:
    vectors = given.vectors(exact=False)
    return Opened(lambda i, query: vectors.search(query, TOP, given.rows, given.filters[i % FILTERS])[1].tolist())


def faiss_exact(given: Task) -> Opened:
    import faiss

    started = time.perf_counter()
    dim = given.queries.shape[1]
    index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    for _, embeddings in given.vectors(exact=True).read(0, given.rows):
        index.add(embeddings)
    return Opened(lambda _, query: index.search(query[None], TOP)[1][0].tolist(), time.perf_counter() - started)


def faiss_trained(given: Task) -> Opened:
    """The inverted file that askpix made, in memory, without ranking by the rows."""
    index, how = _inverted(given)
    return Opened(lambda _, query: index.search(query[None], TOP, params=how())[1][0].tolist())


def faiss_filtered(given: Task) -> Opened:
    import faiss

    index, how = _inverted(given)
    allowed = np.zeros((FILTERS, given.rows), bool)
    np.put_along_axis(allowed, given.filters, True, axis=1)
    filters: list[Any] = [faiss.IDSelectorBitmap(np.packbits(one, bitorder="little")) for one in allowed]  # type: ignore

    def search(i: int, query: Floats) -> list[int]:
        params = how(sel=filters[i % FILTERS], nprobe=index.nlist)
        found: list[int] = index.search(query[None], TOP, params=params)[1][0].tolist()
        return found

    return Opened(search)


def _inverted(given: Task) -> tuple[Any, Callable[..., Any]]:
    import faiss

    vectors = given.vectors(exact=False)
    trained = vectors.refresh(given.rows).trained
    assert trained is not None
    whole = faiss.read_index(str(vectors.folder / "index.faiss"))
    index: Any = faiss.extract_index_ivf(whole)
    index.referenced_objects = [whole]  # which it is a part of
    params: Any = faiss.SearchParametersIVF
    return index, lambda **more: params(**{"nprobe": trained.training.probed, **more})


def usearch(given: Task) -> Opened:
    started = time.perf_counter()
    index = import_module("usearch.index").Index(ndim=given.queries.shape[1], metric="ip", dtype="f16")
    for ids, embeddings in given.vectors(exact=True).read(0, given.rows):
        index.add(ids, embeddings)

    def search(_: int, query: Floats) -> list[int]:
        found: list[int] = index.search(query, TOP).keys.tolist()
        return found

    built = time.perf_counter() - started
    return Opened(_deep_enough(given, search, lambda far: setattr(index, "expansion_search", far)), built)


def hnswlib(given: Task) -> Opened:
    started = time.perf_counter()
    index = import_module("hnswlib").Index(space="ip", dim=given.queries.shape[1])
    index.init_index(max_elements=given.rows, M=16, ef_construction=200)
    for ids, embeddings in given.vectors(exact=True).read(0, given.rows):
        index.add_items(embeddings, ids)

    def search(_: int, query: Floats) -> list[int]:
        found: list[int] = index.knn_query(query, TOP)[0][0].tolist()
        return found

    built = time.perf_counter() - started
    return Opened(_deep_enough(given, search, index.set_ef), built)


def _deep_enough(given: Task, search: Search, look: Callable[[int], object]) -> Search:
    """A search in a graph that looks just so far that it finds enough."""
    far = 16
    while far < given.rows:
        look(far)
        if recall([search(0, probe) for probe in given.probes], given.best_of_probes) >= ENOUGH:
            break
        far = far * 5 // 4
    return search


def sqlite_vec(given: Task) -> Opened:
    """Through apsw, as not every Python's own sqlite3 loads extensions."""
    started = time.perf_counter()
    database = import_module("apsw").Connection(str(given.folder / "vec.sqlite"))
    database.enable_load_extension(True)
    database.load_extension(import_module("sqlite_vec").loadable_path())
    dim = given.queries.shape[1]
    database.execute(f"CREATE VIRTUAL TABLE rows USING vec0(embedding float[{dim}] distance_metric=cosine)")
    with database:
        for ids, embeddings in given.vectors(exact=True).read(0, given.rows):
            pairs = zip(ids.tolist(), map(bytes, embeddings), strict=True)
            database.executemany("INSERT INTO rows(rowid, embedding) VALUES (?, ?)", pairs)

    def search(_: int, query: Floats) -> list[int]:
        asked = "SELECT rowid FROM rows WHERE embedding MATCH ? AND k = ?"
        return [row for (row,) in database.execute(asked, (query.tobytes(), TOP))]

    return Opened(search, time.perf_counter() - started)


OURS = {
    "askpix, exact": askpix_exact,
    "FAISS, exact, 16 bits": faiss_exact,
    "askpix, trained": askpix_trained,
    "FAISS, the same lists": faiss_trained,
    "askpix, filter of 1 %": askpix_filtered,
    "FAISS, all lists, filter of 1 %": faiss_filtered,
}
PEERS = {"usearch": usearch, "hnswlib": hnswlib, "sqlite-vec apsw": sqlite_vec}  # by the packages they take


def measure(open_it: Callable[[Task], Opened], given: Task) -> str:
    """The cells of one line of the table."""
    started = time.perf_counter()
    opened = open_it(given)
    opened.search(0, given.queries[0])
    first = time.perf_counter() - started
    seconds = np.full((ROUNDS, len(given.queries)), np.inf)
    started_all = time.perf_counter()
    found: list[Iterable[int]] = []
    for own_round in seconds:
        if time.perf_counter() - started_all > LONGEST:
            break
        found = []
        for i, query in enumerate(given.queries):
            started = time.perf_counter()
            found.append(opened.search(i, query))
            own_round[i] = time.perf_counter() - started
    p50, p99 = 1000 * np.percentile(seconds.min(0), [50, 99])
    filtered = open_it in (askpix_filtered, faiss_filtered)
    share = recall(found, given.best_filtered if filtered else given.best)
    built = "" if opened.built is None else f"{opened.built:.0f}"
    own, mapped = (_status(name) for name in ("RssAnon", "RssFile"))
    opening = "" if opened.built is not None else f"{1000 * first:.0f}"
    return f"{built} | {opening} | {p50:.2f} | {p99:.2f} | {share:.4f} | {own:.0f} + {mapped:.0f}"


def _status(name: str) -> float:
    """A figure of this process's memory, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(name))


def train(given: Task) -> tuple[float, str]:
    """Let askpix train its index: seconds, and what it says about it."""
    vectors = given.vectors(exact=False)
    started = time.perf_counter()
    vectors.save_index(given.rows, lambda: given.probes)
    seconds = time.perf_counter() - started
    vectors.refresh(given.rows)
    return seconds, vectors.about_index


def alone(work: Callable[..., Any], *given: object) -> Any:
    """What a function returns, called in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def table(given: Task, peers: bool) -> None:
    """Measure everything on one task and print it."""
    seconds, about = alone(train, given)
    print(f"\n{given.rows:,} rows of {given.queries.shape[1]} numbers; trained in {seconds:.0f} s: {about}\n")
    print("| search | build, s | first, ms | p50, ms | p99, ms | recall@10 | memory + mapped, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, open_it in (OURS | PEERS if peers else OURS).items():
        needed = name.split() if name in PEERS else []
        if any(importlib.util.find_spec(package.replace("-", "_")) is None for package in needed):
            print(f"| {name} | not installed: pip install {name} | | | | | |")
        else:
            print(f"| {name} | {alone(measure, open_it, given)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument(
        "--peers-rows", type=int, default=100_000, help="rows to compare with the others at; 0: not at all"
    )
    parser.add_argument("--photos", type=Path, default=DEMO, help="a folder of photographs to draw vectors from")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        encoder = vlm.load(vlm.BUILTIN, task="encode")
        embeddings = real(encoder, args.photos, Path(scratch))
        names = CLASSES.read_text(encoding="utf-8").splitlines()[:: 1000 // QUERIES]
        queries = encoder.encode_texts([f"a photo of a {name}" for name in names])
        probes = encoder.encode_texts(background_captions())
        for rows in sorted({min(args.peers_rows, args.rows), args.rows} - {0}):
            given = task(Path(scratch) / str(rows), rows, embeddings, queries, probes)
            table(given, peers=rows <= args.peers_rows)


if __name__ == "__main__":
    main()
