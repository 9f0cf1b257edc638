"""Peak memory of `askpix index` with captions: flat in the number of photographs?

    python -m benchmarks.memory [--photographs 1000] [--files 1000 100000]

Each library is made of as many photographs of their own content, all of which are decoded, encoded and captioned;
files beyond these are hard links to them, in a hundred folders. Aim: flat, and under 1 GB.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.unchanged import link_photographs


def peak(folder: Path, library: Path) -> float:
    """The largest resident size in MB that one run of the indexer reached, as the kernel counted it."""
    askpix = str(Path(sys.executable).with_name("askpix"))
    run = subprocess.Popen(
        [askpix, "index", str(folder), "--library", str(library)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(run.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"askpix index ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=1_000)
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 100_000])
    args = parser.parse_args()
    print("| files | photographs of 640 x 480 | peak memory |\n| --- | --- | --- |")
    for files in args.files:
        photographs = min(args.photographs, files)
        with tempfile.TemporaryDirectory() as scratch:
            link_photographs(Path(scratch, "photos"), files, photographs)
            megabytes = peak(Path(scratch, "photos"), Path(scratch, "library"))
        print(f"| {files:,} | {photographs:,} | {megabytes:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
