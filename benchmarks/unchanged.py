"""A second `askpix index` over files that have not changed, as a whole process.

    python -m benchmarks.unchanged [--files 100000] [--runs 3]

Beside it the same walk by `os.scandir` and `stat` alone, in a Python of its own: what no indexer that looks at every
file can do without. The files are hard links to a few photographs, in a hundred folders, so that the first run, which
is not measured, need not encode each of them; it takes some minutes all the same. Aim: under 5 s.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.photographs import make_photographs
from benchmarks.startup import timed

FOLDERS = 100
WALK = """
import os, sys
folders = [sys.argv[1]]
while folders:
    with os.scandir(folders.pop()) as entries:
        for entry in entries:
            folders.append(entry.path) if entry.is_dir() else entry.stat()
"""


def link_photographs(folder: Path, files: int, photographs: int) -> None:
    """Files in `FOLDERS` folders, hard links to so many photographs of 640 x 480, made beside `folder`."""
    originals = make_photographs(folder.with_name("originals"), photographs, (640, 480))
    for i, original in zip(range(files), itertools.cycle(originals), strict=False):
        path = folder / f"{i % FOLDERS:03d}" / f"{i:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(original, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch, "photos")
        link_photographs(photos, args.files, 24)
        askpix = str(Path(sys.executable).with_name("askpix"))
        index = [askpix, "index", str(photos), "--library", str(Path(scratch, "library")), "--json"]
        subprocess.run(index, check=True, capture_output=True)
        print(f"| {args.files:,} unchanged files | minimum | median | maximum |\n| --- | --- | --- | --- |")
        for name, command in {
            "`askpix index`": index,
            "walking and `stat` alone": [sys.executable, "-c", WALK, str(photos)],
        }.items():
            seconds = timed(command, args.runs)
            figures = (min(seconds), statistics.median(seconds), max(seconds))
            print(f"| {name} | " + " | ".join(f"{figure:.2f} s" for figure in figures) + " |", flush=True)


if __name__ == "__main__":
    main()
