"""Search by embeddings and by words together, beside each alone, on photos with people's captions as queries.

    python -m benchmarks.fusion DATA.csv --images FOLDER [--split dev] [--limit 1000]

DATA.csv has the columns image and caption. The photos are indexed into a library that is thrown away. The second
table gives each of a hundred photos a name that nobody has, as a keyword or as text in the picture, and searches
for it. The last line is the expected calibration error (Naeini, Cooper and Hauskrecht, AAAI 2015) of the confidence
of the ten best hits of each query.
"""

import argparse
import csv
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from indexer.pipeline import IndexRun
from searcher import Library, database, wordsearch
from searcher.catalog import Keyword, Reading
from searcher.words import words

TOP = 10
NAMED = 100
BINS = 10

Query = tuple[str, int]  # a text, and the id of the photo that it is of
Find = Callable[[str], Sequence[int]]


def recall(queries: Sequence[Query], find: Find) -> str:
    """Recall at 1, 5 and 10 in per cent."""
    found = [(list(find(text)), wanted) for text, wanted in queries]
    ranks = [ids.index(wanted) if wanted in ids else TOP for ids, wanted in found]
    return " / ".join(f"{100 * np.mean([rank < k for rank in ranks]):.1f}" for k in (1, 5, TOP))


def ways(library: Library) -> dict[str, Find]:
    """Each way to search, as a function from a text to ids."""
    count = library.count_vectors()

    def by_embedding(text: str) -> Sequence[int]:
        ids: list[int] = library.vectors.search(library.encoder.encode_texts([text])[0], TOP, count)[1].tolist()
        return ids

    def by_words(text: str) -> Sequence[int]:
        found = list(words(text).values())
        with database.session(library.engine) as session:
            return wordsearch.best(session, [wordsearch.any_of(found)], TOP) if found else []

    def together(text: str) -> Sequence[int]:
        return [hit.photo.id for hit in library.search(text, k=TOP, min_confidence=0)]

    return {"embeddings alone": by_embedding, "words alone (BM25)": by_words, "together": together}


def name_some(library: Library, ids: Sequence[int]) -> list[Query]:
    """Give photos names of their own: half of them as a keyword, half as text in the picture."""
    dice = random.Random(0)
    named = []
    with database.writing(library.engine) as session:
        for place, image_id in enumerate(dice.sample(ids, min(NAMED, len(ids)))):
            name = "".join(dice.choice("bcdfghklmnprstvz") + dice.choice("aeiou") for _ in range(4))
            if place % 2:
                session.add(Keyword(image_id=image_id, name=f"at {name} farm"))
            else:
                session.add(Reading(image_id=image_id, model="named", text=f"Hotel {name}", lines=[]))
            named.append((name, image_id))
        session.flush()
        wordsearch.refresh(session, [image_id for _, image_id in named])
    return named


def calibration_error(library: Library, queries: Sequence[Query]) -> float:
    """How far confidences lie from how often they are right, on average."""
    sure, right = [], []
    for text, wanted in queries:
        for hit in library.search(text, k=TOP, min_confidence=0):
            sure.append(hit.confidence)
            right.append(hit.photo.id == wanted)
    bins = np.minimum((np.array(sure) * BINS).astype(int), BINS - 1)
    gaps = [abs(np.mean(np.array(sure)[bins == b]) - np.mean(np.array(right)[bins == b])) for b in np.unique(bins)]
    return float(np.average(gaps, weights=[np.sum(bins == b) for b in np.unique(bins)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--limit", type=int, default=1000, help="how many captions are queries")
    args = parser.parse_args()
    with args.data.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("split", args.split) == args.split]
    files = sorted({args.images / row["image"] for row in rows})
    with tempfile.TemporaryDirectory() as scratch, Library(scratch, create=True) as library:
        for _ in IndexRun(library, files):
            pass
        ids = {hit.photo.path.name: hit.photo.id for hit in library.browse(k=len(files))}
        queries = [(row["caption"], ids[Path(row["image"]).name]) for row in rows]
        queries = random.Random(0).sample(queries, min(args.limit, len(queries)))
        print(f"{len(ids):,} photos, {len(queries):,} captions\n")
        print("| recall@1/5/10, % | captions |")
        print("| --- | --- |")
        for name, find in ways(library).items():
            print(f"| {name} | {recall(queries, find)} |", flush=True)
        error = calibration_error(library, queries)
        named = name_some(library, sorted(ids.values()))
        print("\n| recall@1/5/10, % | names |")
        print("| --- | --- |")
        for name, find in ways(library).items():
            print(f"| {name} | {recall(named, find)} |", flush=True)
    print(f"\nexpected calibration error of together: {error:.3f}")


if __name__ == "__main__":
    main()
