"""How well regions named in words are found, and what an edit of a large photograph costs.

    python -m benchmarks.editing regions CAPTIONS.csv IMAGES [--split dev] [--pairs 100]
    python -m benchmarks.editing latency PHOTO

`regions`: two photographs drawn by chance are put side by side, and one's caption names the region; or, without a CSV
(`-`), its file name does, as in imagenet_dev. A region is right when most of the mask's weight lies on that
photograph's half; it covers the half when, besides, more than half of that half's pixels are in the mask (above 0.5).

`latency`: PHOTO is made 12 megapixels large, and each edit is timed from the file to the file: plan, decode, find,
apply, verify, write.
"""

import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

import vlm
from benchmarks.relevance import side_by_side
from vlm.editing import edit, open_editor
from vlm.editing.regions import find, locate
from vlm.editing.writing import write
from vlm.picture import open_file, open_picture
from vlm.training.data import read_captioned

SIDE = 256
INSTRUCTIONS = (
    "make it brighter",
    "make it warmer and add contrast",
    "black and white",
    "sharpen it",
    "blur it",
    "rotate 2 degrees",
    "resize to 50 %",
    "make the left half darker",
    "blur the background",
    "crop to the main subject",
)


@click.group()
def main() -> None:
    """Measure the built-in editor."""


@main.command()
@click.argument("captions")
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True)
@click.option("--pairs", default=100, show_default=True)
@click.option("--model", default="builtin", show_default=True)
def regions(captions: str, images: Path, split: str, pairs: int, model: str) -> None:
    """Compose, find, count."""
    encoder = vlm.load(model)
    majority, covering, other, seconds = 0, 0, 0.0, 0.0
    for left, right, shown, text in tqdm(_pairs(captions, images, split, pairs), total=pairs, file=sys.stderr):
        both = side_by_side(*(open_picture(path, SIDE).image for path in (left, right)))
        start = time.perf_counter()
        mask = find(encoder, both, text)
        seconds += time.perf_counter() - start
        halves = np.split(mask, 2, axis=1)
        most = halves[shown].sum() > halves[1 - shown].sum()
        majority += bool(most)
        covering += bool(most and (halves[shown] > 0.5).mean() > 0.5)
        other += float((halves[1 - shown] > 0.5).mean())
    click.echo(f"{pairs} pairs: {100 * majority / pairs:.1f} % mostly on the right half")
    click.echo(f"{100 * covering / pairs:.1f} % cover it, and {100 * other / pairs:.1f} % of the other half on average")
    click.echo(f"{seconds / pairs:.2f} s a region")


def _pairs(captions: str, images: Path, split: str, pairs: int) -> Iterator[tuple[Path, Path, int, str]]:
    """Left and right photograph, which of them is named, and how."""
    choice = random.Random(1)
    if captions == "-":
        named = [(path, [_class_of(path)]) for path in sorted(images.glob("*.jpg"))]
    else:
        given = read_captioned(Path(captions), images, split)
        named = list(zip(map(Path, given.images), given.captions, strict=True))
    for _ in range(pairs):
        chosen = choice.sample(named, 2)
        shown = choice.randrange(2)
        yield chosen[0][0], chosen[1][0], shown, choice.choice(chosen[shown][1])


def _class_of(path: Path) -> str:
    """A thing's name from a file name such as n01440764_tench.jpg."""
    return "a " + re.sub(r"^n\d+_", "", path.stem).replace("_", " ")


@main.command()
@click.argument("photo", type=click.Path(path_type=Path))
def latency(photo: Path) -> None:
    """Time each step of several edits of one photograph."""
    encoder, editor = vlm.load(), open_editor()
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.jpg"
        image = open_file(photo, 3000).image
        scale = (12e6 / (image.width * image.height)) ** 0.5
        image.resize((round(image.width * scale), round(image.height * scale))).save(large, quality=92)
        locate(encoder, image.resize((300, 200)), "a cat")  # loads the networks
        click.echo(f"{'edit':32} plan decode   edit  write  total seconds, leaked")
        for number, instruction in enumerate(INSTRUCTIONS):
            times = [time.perf_counter()]
            plan = editor.plan(instruction)
            times.append(time.perf_counter())
            before = open_file(large, 1 << 24).image
            times.append(time.perf_counter())
            made = edit(before, plan, encoder, editor)
            times.append(time.perf_counter())
            write(made.image, Path(folder) / f"{number}.jpg", large, plan, "askpix")
            times.append(time.perf_counter())
            steps = "".join(f"{step:7.2f}" for step in np.diff(times))
            leaked = "" if made.mask is None else f"  {made.verdict.outside_changed:g}"
            click.echo(f"{instruction:30}{steps}{times[-1] - times[0]:7.2f}{leaked}")


if __name__ == "__main__":
    main()
