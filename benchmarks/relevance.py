"""How often a relevance map falls on the right half of two photographs put side by side.

    python -m benchmarks.relevance CAPTIONS.csv IMAGES [--split dev] [--pairs 200]

Each pair is drawn by chance; one of its photographs' captions is the text. A map is right when more of
it lies on that photograph's half. Chance gives 50 %.
"""

import random
import sys
import time
from pathlib import Path

import click
import numpy as np
from PIL import Image
from tqdm import tqdm

import vlm
from vlm.picture import open_picture
from vlm.relevance import relevance
from vlm.training.data import read_captioned

SIDE = 256


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures, each a square, as one."""
    both = Image.new("RGB", (2 * SIDE, SIDE))
    for place, picture in enumerate((left, right)):
        both.paste(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC), (place * SIDE, 0))
    return both


@click.command()
@click.argument("captions", type=click.Path(path_type=Path))
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True)
@click.option("--pairs", default=200, show_default=True)
@click.option("--model", default="builtin", show_default=True)
def main(captions: Path, images: Path, split: str, pairs: int, model: str) -> None:
    """Compose, map, count."""
    choice = random.Random(1)
    given = read_captioned(captions, images, split)
    encoder = vlm.load(model)
    right, seconds = 0, 0.0
    for _ in tqdm(range(pairs), file=sys.stderr, unit=" pairs"):
        chosen = choice.sample(range(len(given.images)), 2)
        shown = choice.randrange(2)
        text = choice.choice(given.captions[chosen[shown]])
        both = side_by_side(*(open_picture(given.images[i], SIDE).image for i in chosen))
        start = time.perf_counter()
        values = relevance(encoder, both, text).values
        seconds += time.perf_counter() - start
        halves = np.split(values, 2, axis=1)
        right += bool(halves[shown].sum() > halves[1 - shown].sum())
    click.echo(f"{pairs} pairs: {100 * right / pairs:.1f} % on the right half; {seconds / pairs:.2f} s a map")


if __name__ == "__main__":
    main()
