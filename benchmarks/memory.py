"""Peak memory of `askpix index` with captions: flat in the number of photographs?

python -m benchmarks.memory [--counts 1000 10000]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.photographs import make_photographs


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
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000])
    args = parser.parse_args()
    print("| photographs of 640 x 480 | peak memory |\n| --- | --- |")
    for count in args.counts:
        with tempfile.TemporaryDirectory() as scratch:
            make_photographs(Path(scratch, "photos"), count, (640, 480))
            megabytes = peak(Path(scratch, "photos"), Path(scratch, "library"))
        print(f"| {count:,} | {megabytes:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
