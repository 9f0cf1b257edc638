"""Questions made from captions: right, balanced, and the same on every run."""

import csv
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from vlm.training.questions import balanced, make

CAPTIONS = [
    ["two brown dogs run on the beach", "two dogs running by the water", "two dogs on a beach", "brown dogs run"],
    ["a man wearing a red shirt rides a bike", "a man riding a bike down a street", "the man rides his bike", "a man"],
    ["a crowd watches a man dance", "a man dances for a crowd", "a man is dancing"],
    ["a girl looks at the camera", "a girl in a blue dress smiles at the camera", "a smiling girl"],
]


def asked(kind: str, picture: int) -> dict[str, str]:
    return {one.question: one.answer for one in make(CAPTIONS, 1) if (one.kind, one.picture) == (kind, picture)}


def test_what_captions_say_is_asked() -> None:
    assert set(asked("count", 0).values()) == {"2"}
    assert set(asked("colour", 0).values()) == {"brown"}
    assert "bike" in asked("object", 1).values()
    assert asked("object", 1)["what is the man wearing?"] == "shirt"


def test_what_they_do_not_say_is_not_asked() -> None:
    assert not asked("count", 2)  # one man is mentioned, but there is a crowd
    assert not any("camera" in question for question in asked("yes/no", 3))
    assert "dress" not in asked("object", 3).get("what is this?", "")


def test_no_answer_is_much_commoner_than_others_when_balanced() -> None:
    made = make(CAPTIONS * 40, 1)
    often = Counter((one.kind, one.answer) for one in balanced(made, 1))
    assert often["yes/no", "yes"] == pytest.approx(often["yes/no", "no"], rel=0.1)
    objects = sorted((count for (kind, _), count in often.items() if kind == "object"), reverse=True)
    assert objects[0] == objects[2]


def test_every_run_makes_the_same(tmp_path: Path) -> None:
    """Whatever order Python's hashes give sets: trained answerers go by the order of answers."""
    with (tmp_path / "captions.csv").open("w", newline="") as file:
        rows = [["dev", f"{i}.jpg", text] for i, texts in enumerate(CAPTIONS * 5) for text in texts]
        csv.writer(file).writerows([["split", "image", "caption"], *rows])
    tables = set()
    for seed in "123":
        out = tmp_path / f"made-{seed}.csv"
        command = [sys.executable, "-m", "vlm.training.questions", str(tmp_path / "captions.csv"), str(out)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": seed})
        tables.add(out.read_text())
    assert len(tables) == 1
    (table,) = tables
    assert "split,image,kind,question,answers" in table
