"""The CSV files that models learn from: pictures with captions, pictures with questions."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm.errors import AskpixError


@dataclass(frozen=True)
class Captioned:
    """Pictures, and as many captions of each."""

    images: list[Path]
    captions: list[list[str]]


@dataclass(frozen=True)
class Asked:
    """Questions: number i is about images[picture[i]]; several answers are joined by ", "."""

    images: list[Path]
    picture: list[int]
    questions: list[str]
    answers: list[str]


def read_captioned(path: Path, images: Path, split: str, limit: int = 0) -> Captioned:
    """The pictures of one split of a CSV `split,image,caption`, the first `limit` of them if not 0.

    Pictures with fewer captions than others have theirs repeated.
    """
    texts: dict[str, list[str]] = {}
    for row in read_rows(path, ("image", "caption"), split):
        texts.setdefault(row["image"], []).append(row["caption"])
    names = sorted(texts)[: limit or None]
    most = max((len(texts[name]) for name in names), default=0)
    captions = [[texts[name][i % len(texts[name])] for i in range(most)] for name in names]
    return Captioned(_found(images, names), captions)


def read_asked(path: Path, images: Path, split: str, limit: int = 0) -> Asked:
    """The questions of one split of a CSV `split,image,question,answers`, about `limit` pictures if not 0."""
    rows = read_rows(path, ("image", "question", "answers"), split)
    names = sorted({row["image"] for row in rows})[: limit or None]
    number = {name: i for i, name in enumerate(names)}
    kept = [row for row in rows if row["image"] in number]
    return Asked(
        _found(images, names),
        [number[row["image"]] for row in kept],
        [row["question"].lower() for row in kept],
        [row["answers"] for row in kept],
    )


def read_rows(path: Path, columns: Sequence[str], split: str | None) -> list[dict[str, str]]:
    """The rows of a split, or all; a file without the column `split` is all "train"."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise AskpixError(f"{path} cannot be read ({error}): name a CSV file that is there.") from error
    if rows and (missing := [name for name in columns if name not in rows[0]]):
        raise AskpixError(f"{path} lacks the column {missing[0]}: its columns must be {', '.join(columns)}.")
    return [row for row in rows if split is None or row.get("split", "train") == split]


def _found(folder: Path, names: Sequence[str]) -> list[Path]:
    paths = [folder / name for name in names]
    if missing := [path for path in paths if not path.is_file()]:
        raise AskpixError(f"{missing[0]} is missing, and {len(missing) - 1} more: see the recipe's image folders.")
    return paths
