"""How good answers are, by kind of question, and what it costs to ask many photos.

    python -m benchmarks.answers CAPTIONS.csv IMAGES [--split dev] [--photos 96] [--pictures 480]

Questions are made from people's captions (`vlm.training.questions`), balanced so that guessing is worth little; the
calibration error is the expected one (Naeini et al., AAAI 2015) over ten bins. "Is it there" asks for things as often
as they come, which is how results are asked: right are those that two captions have, or none.

The cost is of `Library.ask_all` over photographs of 12 megapixels and of 640 x 480: a first question, for which each is
decoded and looked at; another one, for which what was seen is read from the cache (`searcher.seen`); and the first
again, whose answers are kept.
"""

import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

import vlm
from benchmarks.photographs import make_photographs
from indexer.pipeline import IndexRun
from searcher import Library
from vlm.picture import Picture, open_ahead
from vlm.protocols import Seen
from vlm.streams import batches
from vlm.training.data import read_captioned
from vlm.training.questions import NAME, NOT_ABSENT, balanced, make
from vlm.training.vocabulary import words

BINS = 10
ASKED_FOR = 20  # things, the most frequent
LOOKED_THROUGH = 300  # photos
TEN_THOUSAND = 10_000


def looked_at(model, files: Iterable[Path]) -> Seen:
    """What the model sees in pictures."""
    opened = (picture.image for _, picture in open_ahead(files, model.image_size) if isinstance(picture, Picture))
    return Seen.join([model.look(batch) for batch in batches(opened, model.batch)])


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """The expected calibration error of confidences."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    each = [abs(sure[bins == one].mean() - right[bins == one].mean()) * (bins == one).mean() for one in set(bins)]
    return float(sum(each))


def by_kind(model, seen: Seen, captions: list[list[str]]) -> None:
    """Accuracy and calibration of made questions."""
    asked = balanced(make(captions, 1), 1)
    results = defaultdict(list)
    for some in batches(tqdm(asked, file=sys.stderr, unit=" questions"), 256):
        answers = model.answer(seen.take([one.picture for one in some]), [one.question for one in some])
        for one, answer in zip(some, answers, strict=True):
            results[one.kind].append((answer.text == one.answer, answer.confidence))
            results["all"].append((answer.text == one.answer, answer.confidence))
    print("| kind | questions | right | mean confidence | calibration error |\n| --- | --- | --- | --- | --- |")
    for kind, told in sorted(results.items()):
        right, sure = np.array(told, float).T
        error = calibration_error(sure, right)
        print(f"| {kind} | {len(told)} | {right.mean():.1%} | {sure.mean():.2f} | {error:.3f} |")


def is_it_there(model, seen: Seen, captions: list[list[str]]) -> None:
    """Precision and recall of whether things are there, as often as they come."""
    said = [[{NAME[word] for word in words(text) if word in NAME} for text in texts] for texts in captions]
    some = random.Random(1).sample(range(len(said)), min(LOOKED_THROUGH, len(said)))
    often = defaultdict(int)
    for texts in said:
        for name in set.union(set(), *texts):
            often[name] += 1
    told = []
    for name in tqdm(sorted(often, key=lambda one: -often[one])[:ASKED_FOR], file=sys.stderr, unit=" things"):
        other = NOT_ABSENT.get(name, {name})
        there = {i: sum(name in text for text in said[i]) for i in some}
        judged = [i for i in some if there[i] >= 2 or not any(other & text for text in said[i])]
        article = "an" if name[0] in "aeiou" else "a"
        answers = model.answer(seen.take(judged), [f"is there {article} {name}?"] * len(judged))
        told += [
            (answer.text == "yes", answer.confidence, there[i] >= 2) for i, answer in zip(judged, answers, strict=True)
        ]
    yes, sure, true = np.array(told, float).T
    right = yes == true
    print(
        f"\nIs it there, of {ASKED_FOR} things in {len(some)} photos, {true.mean():.1%} of which show one: "
        f"{right.mean():.1%} right, of what is said to be there {(yes * true).sum() / yes.sum():.0%} is, "
        f"{(yes * true).sum() / true.sum():.0%} of what is there is found; "
        f"calibration error {calibration_error(sure, right):.3f}"
    )


def cost(model, count: int, size: tuple[int, int]) -> None:
    """Photos a second of asking many, and what is kept on disk."""
    with tempfile.TemporaryDirectory() as scratch:
        files = make_photographs(Path(scratch, "photos"), count, size)
        with Library(Path(scratch, "library"), create=True, encoder=model, answerer=model) as library:
            for _ in IndexRun(library, [Path(scratch, "photos")], captions=False):
                pass
            model.answer(looked_at(model, files[:1]), ["warm?"])  # load everything first
            asked = ("which have a dog?", "how many are indoors?", "which have a dog?")
            first, other, again = (count / ask(library, question) for question in asked)
        kept = sum(file.stat().st_size for file in Path(scratch, "library", "seen").rglob("*")) / count
    print(
        f"| {count} of {size[0]} x {size[1]} | {first:.1f} | {TEN_THOUSAND / first:.0f} s | {other:.1f} "
        f"| {TEN_THOUSAND / other:.0f} s | {again:.0f} | {kept / 1e3:.0f} kB, {kept * TEN_THOUSAND / 1e6:.0f} MB |",
        flush=True,
    )


def ask(library: Library, question: str) -> float:
    """Seconds of asking all photos."""
    started = time.perf_counter()
    for _ in library.ask_all(question, sample=0):
        pass
    return time.perf_counter() - started


@click.command()
@click.argument("captions", type=click.Path(path_type=Path))
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True)
@click.option("--photos", default=96, show_default=True, help="How many photographs of 12 megapixels are asked.")
@click.option("--pictures", default=480, show_default=True, help="How many of 640 x 480 are.")
@click.option("--model", "name", default="builtin", show_default=True)
def main(captions: Path, images: Path, split: str, photos: int, pictures: int, name: str) -> None:
    """Measure answers, and what asking costs."""
    model = vlm.load(name)
    given = read_captioned(captions, images, split)
    seen = looked_at(model, tqdm(given.images, file=sys.stderr, unit=" photos"))
    by_kind(model, seen, given.captions)
    is_it_there(model, seen, given.captions)
    print(
        "\n| photographs | first question, a second | 10,000 | another, a second | 10,000 | the first again, a second "
        "| kept, each and of 10,000 |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    for count, size in ((photos, (4000, 3000)), (pictures, (640, 480))):
        cost(model, count, size)


if __name__ == "__main__":
    main()
