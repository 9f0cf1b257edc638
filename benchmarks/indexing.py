"""Photos a second of `askpix index` with captions, beside the sum of its parts measured alone.

    python -m benchmarks.indexing [--large 96] [--small 480]

A run encodes all photographs first, decoding some ahead, and captions them then from what the encoder saw. The parts
are the decoder (two threads, as in a run), the encoder and the caption decoder, each over all the photographs with
nothing else going on. Their sum is the time of a run that spends nothing on scanning, hashing, storing and comparing,
and overlaps nothing. Aim: 0.9 of the speed of that.
"""

import argparse
import tempfile
import time
from pathlib import Path

import vlm
from benchmarks.photographs import make_photographs
from indexer.pipeline import IndexRun
from searcher import Library
from vlm.picture import Picture, open_ahead
from vlm.streams import batches


def parts_alone(files: list[Path]) -> dict[str, float]:
    """Seconds of each part over all the files."""
    model = vlm.load("builtin")
    model.describe(model.look([opened(files[0], model.image_size)]))  # load everything first
    started = time.perf_counter()
    images = [picture.image for _, picture in open_ahead(files, model.image_size) if isinstance(picture, Picture)]
    decoded = time.perf_counter()
    seen = [model.look(batch) for batch in batches(images, model.batch)]
    encoded = time.perf_counter()
    for batch in seen:
        model.describe(batch)
    captioned = time.perf_counter()
    return {"decode": decoded - started, "encode": encoded - decoded, "caption": captioned - encoded}


def opened(path: Path, side: int):
    picture = next(open_ahead([path], side))[1]
    assert isinstance(picture, Picture)
    return picture.image


def whole_run(folder: Path, library: Path) -> float:
    """Seconds of one run of the indexer, its model loaded."""
    with Library(library, create=True) as made:
        made.captioner.describe(made.captioner.look([opened(next(folder.rglob("*.jpg")), made.encoder.image_size)]))
        run = IndexRun(made, [folder])
        for _ in run:
            pass
    return run.summary.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=int, default=96, help="how many photographs of 12 megapixels")
    parser.add_argument("--small", type=int, default=480, help="how many photographs of 640 x 480")
    args = parser.parse_args()
    print("| photographs | photos/s | decode | encode | caption | sum of parts | share of that bound |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for count, size in ((args.large, (4000, 3000)), (args.small, (640, 480))):
        with tempfile.TemporaryDirectory() as scratch:
            files = make_photographs(Path(scratch, "photos"), count, size)
            parts = parts_alone(files)
            seconds = whole_run(Path(scratch, "photos"), Path(scratch, "library"))
        each = " | ".join(f"{1000 * parts[name] / count:.1f} ms" for name in ("decode", "encode", "caption"))
        bound = sum(parts.values())
        print(
            f"| {count} of {size[0]} x {size[1]} | {count / seconds:.1f} | {each} "
            f"| {1000 * bound / count:.1f} ms | {bound / seconds:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
