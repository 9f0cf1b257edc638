"""Cold `askpix search` as a whole process: interpreter, imports, model, index, answer.

    python -m benchmarks.startup [--runs 9]

Beside it the same interpreter importing the libraries that a search cannot do without, which is the
part that no code of askpix can take away.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.photographs import DEMO

IMPORTS = "import numpy, faiss, onnxruntime, tokenizers, sqlalchemy.orm, pydantic_settings, click"


def timed(command: list[str], runs: int) -> list[float]:
    """Wall-clock seconds of each run of a command, after one that warms the disk cache."""
    seconds = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    askpix = str(Path(sys.executable).with_name("askpix"))
    print("| whole process | minimum | median | maximum |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as library:
        subprocess.run([askpix, "index", str(DEMO), "--library", library], check=True, capture_output=True)
        for name, command in {
            "`askpix search`, demo library": [askpix, "search", "a dog on a beach", "--library", library],
            "`askpix --help`": [askpix, "--help"],
            "the imports alone": [sys.executable, "-c", IMPORTS],
            "an empty Python": [sys.executable, "-c", ""],
        }.items():
            seconds = timed(command, args.runs)
            figures = (min(seconds), statistics.median(seconds), max(seconds))
            print(f"| {name} | " + " | ".join(f"{figure:.2f} s" for figure in figures) + " |", flush=True)


if __name__ == "__main__":
    main()
