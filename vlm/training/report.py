"""A measurement as a page of Markdown: scores, how far confidence can be relied on, best and worst cases."""

import os
from pathlib import Path
from urllib.parse import quote

from vlm.training.calibrate import Diagram
from vlm.training.measure import Case, Measured

SHOWN = 8


def report(title: str, measured: Measured, folder: Path) -> str:
    """The page; pictures are linked from `folder`, where it is to lie."""
    ranked = sorted(measured.cases, key=lambda case: -case.value)
    rows = [f"| {name} | {s.value:.1f} | {s.low:.1f} to {s.high:.1f} |" for name, s in measured.scores.items()]
    counts = ", ".join(f"{value:,} {name}" for name, value in measured.counts.items())
    parts = [
        f"# {title}",
        f"Measured on {counts}. Intervals hold what drawing other items of the kind would give.",
        "\n".join(["| measure | score | 95 % interval |", "| --- | --- | --- |", *rows]),
    ]
    if measured.reliability:
        parts += ["## Reliability of confidence", reliability_table(measured.reliability)]
    worst = ranked[-1 : -SHOWN - 1 : -1]
    for heading, cases in (("Worst cases", worst), ("Best cases", ranked[:SHOWN])):
        parts += [f"## {heading}", *(_shown(case, folder) for case in cases)]
    return "\n\n".join(parts) + "\n"


def reliability_table(drawn: Diagram) -> str:
    """For each tenth of confidence: how many, the mean confidence, how many were right, and a bar for both."""
    rows = [f"| {n:,} | {chance:.2f} | {right:.2f} | `{_bar(chance, right)}` |" for n, chance, right in drawn.bins if n]
    return "\n".join(
        [
            f"Expected calibration error: {drawn.error:.3f}. Bars show how many were right; `|` is the confidence.",
            "",
            "| how many | mean confidence | right | |",
            "| --- | --- | --- | --- |",
            *rows,
        ]
    )


def _bar(chance: float, right: float, width: int = 20) -> str:
    bar = list(("#" * round(right * width)).ljust(width + 1))
    bar[round(chance * width)] = "|"
    return "".join(bar)


def _shown(case: Case, folder: Path) -> str:
    path = quote(Path(os.path.relpath(case.image.absolute(), folder.absolute())).as_posix())
    return "\n".join([f"![{case.image.name}]({path})", "", *(f"- {line}" for line in case.lines)])
