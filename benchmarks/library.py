"""A whole search in a large library: text encoding, filters, vectors, words and the catalog, end to end.

    python -m benchmarks.library [--photos 1000000] [--folder FOLDER]

The library's photographs do not exist; their embeddings are drawn from real ones (as in benchmarks.search), and their
captions, tags, cameras and dates from what the built-in model wrote about photographs and from lists. Queries are
texts: "a photo of a ..." with the names of ImageNet's classes. In the process: p50 and p99 of `Library.find` for
plain queries, with a filter that keeps 1 %, and with a rare word that people wrote. As whole processes: cold
`askpix search`, the fastest of five. Over HTTP: p95 with 16 clients.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import waitress

from benchmarks.photographs import DEMO
from benchmarks.search import BLOCK, CLASSES, drawn, real
from searcher import Library, database
from vlm.pairing import background_captions
from webui.app import create_app

QUERIES, CLIENTS, REQUESTS = 200, 16, 400
CAMERAS, RARE = 100, 10_000  # one photo in a hundred of each camera; one in so many has a rare word


def fill(library: Library, count: int, embeddings: np.ndarray) -> None:
    """Write so many photographs into the library, block by block, by the database's own driver, which is quickest."""
    captions, classes = background_captions(), CLASSES.read_text(encoding="utf-8").splitlines()
    today, model = str(datetime.now(UTC)), library.encoder.name
    for start in range(0, count, BLOCK):
        ids = range(start + 1, min(start + BLOCK, count) + 1)
        library.vectors.append(np.array(ids), drawn(embeddings, len(ids), start))
        dice = np.random.default_rng(start)
        texts = [
            f"{captions[one]} {captions[other].lower()}"
            for one, other in dice.integers(0, len(captions), (len(ids), 2))
        ]
        tags = [sorted({classes[n] for n in some}) for some in dice.integers(0, len(classes), (len(ids), 4))]
        taken = [str(datetime(2000, 1, 1) + timedelta(minutes=10 * i)) for i in ids]
        rare = {i: f"zyx{i}" for i in ids if i % RARE == 0}
        rows = {
            "images (id, hash, width, height, format, added_at)": (
                (i, f"{i:064x}", 4000, 3000, "JPEG", today) for i in ids
            ),
            "files (folder, name, size, mtime_ns, image_id)": (
                (f"/photos/{i // 1000}", f"{i}.jpg", 1, 1, i) for i in ids
            ),
            "embeddings (image_id, model, position, compared)": ((i, model, i - 1, 1) for i in ids),
            "captions (image_id, model, text, confidence, created_at)": (
                (i, model, text, 0.5, today) for i, text in zip(ids, texts, strict=True)
            ),
            "tags (image_id, model, name, score)": (
                (i, model, name, 0.5) for i, names in zip(ids, tags, strict=True) for name in names
            ),
            "details (image_id, taken_at, camera)": (
                (i, then, f"Camera {i % CAMERAS:02}") for i, then in zip(ids, taken, strict=True)
            ),
            "keywords (image_id, name)": rare.items(),
            "words (rowid, people, captions, tags, reading, places)": (
                (i, rare.get(i, ""), text, "\n".join(names), "", "")
                for i, text, names in zip(ids, texts, tags, strict=True)
            ),
        }
        with database.writing(library.engine) as session:
            driver = session.connection().connection.cursor()
            for into, values in rows.items():
                driver.executemany(f"INSERT INTO {into} VALUES ({', '.join('?' * (into.count(',') + 1))})", values)


def times(library: Library, queries: Sequence[str]) -> str:
    """p50 and p99 of a search in the process, each query by the quickest of three rounds."""
    best = np.full(len(queries), np.inf)
    for _ in range(3):
        for row, query in enumerate(queries):
            started = time.perf_counter()
            library.find(query)
            best[row] = min(best[row], time.perf_counter() - started)
    return f"{1000 * np.percentile(best, 50):.1f} / {1000 * np.percentile(best, 99):.1f}"


def filtered_recall(library: Library, queries: Sequence[str]) -> float:
    """Of the best ten by embedding that a filter lets through, the share that a filtered search finds."""
    shares = []
    for row, query in enumerate(queries[:20]):
        camera = row % CAMERAS
        allowed = np.array([i for i in range(1, library.count_vectors() + 1) if i % CAMERAS == camera])
        scores = library.vectors.get(allowed, library.count_vectors()) @ library.encoder.encode_texts([query])[0]
        wanted = set(allowed[np.argsort(-scores)[:10]].tolist())
        ids = library.vectors.search(library.encoder.encode_texts([query])[0], 10, library.count_vectors(), allowed)[1]
        shares.append(len(wanted & set(ids.tolist())) / 10)
    return float(np.mean(shares))


def cold(folder: Path, query: str) -> float:
    """Seconds of `askpix search` as a whole process, the fastest of five."""
    command = [str(Path(sys.executable).with_name("askpix")), "search", query, "--library", str(folder), "--json"]
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        best = min(best, time.perf_counter() - started)
    return best


def over_http(library: Library, queries: Sequence[str]) -> str:
    """p50 and p95 of the API's search with many clients at once, in milliseconds."""
    server = waitress.create_server(create_app(library), host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()

    def ask(number: int) -> float:
        query = urllib.parse.quote(queries[number % len(queries)])
        started = time.perf_counter()
        address = f"http://127.0.0.1:{server.effective_port}/api/v1/search?q={query}&k=20"
        with urllib.request.urlopen(address, timeout=60) as answer:
            json.load(answer)
        return time.perf_counter() - started

    with ThreadPoolExecutor(CLIENTS) as clients:
        spent = list(clients.map(ask, range(REQUESTS)))
    server.close()
    return f"{1000 * np.percentile(spent, 50):.0f} / {1000 * np.percentile(spent, 95):.0f}"


def measured(library: Library, count: int) -> Iterator[tuple[str, str]]:
    """What is measured, and its figure."""
    classes = CLASSES.read_text(encoding="utf-8").splitlines()
    plain = [f"a photo of a {name}" for name in classes[:: len(classes) // QUERIES][:QUERIES]]
    for _ in range(3):
        library.find(plain[0])
    yield "plain, p50 / p99 ms", times(library, plain)
    yield "with a filter that keeps 1 %, ms", times(library, [f"{q} camera:{i % 100:02}" for i, q in enumerate(plain)])
    yield "recall of that filter among vectors", f"{filtered_recall(library, plain):.3f}"
    rare = [f"{q} zyx{RARE * (1 + i % (count // RARE))}" for i, q in enumerate(plain)]
    yield "with a rare word, ms", times(library, rare)
    found = [library.search(q, k=1, min_confidence=0)[0].photo.id == int(q.rpartition("zyx")[2]) for q in rare]
    yield "the photo of the rare word first", f"{np.mean(found):.2f}"
    yield f"HTTP with {CLIENTS} clients, p50 / p95 ms", over_http(library, plain)
    yield "cold askpix search, s", f"{cold(library.folder, plain[0]):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the library here, and take it from here if it is there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch) / "library"
        with Library(folder, create=True) as library:
            if not library.count_vectors():
                started = time.perf_counter()
                fill(library, args.photos, real(library.encoder, DEMO, Path(scratch)))
                library.save_index()
                print(f"made in {time.perf_counter() - started:.0f} s; {library.vectors.about_index}\n")
            print(f"| {args.photos:,} photos | |\n| --- | --- |")
            for name, figure in measured(library, args.photos):
                print(f"| {name} | {figure} |", flush=True)


if __name__ == "__main__":
    main()
