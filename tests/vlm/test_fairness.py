"""What the fairness report counts."""

import re
from pathlib import Path

import numpy as np
import pytest

import vlm
from vlm.training.fairness import fairness

PEOPLE = [
    ["a woman runs", "a lady running", "someone runs"],
    ["a man sits", "a man on a bench", "he sits"],
    ["a dog", "a brown dog", "an animal"],
    ["a boy jumps", "a girl jumps", "a child"],
    ["a little girl plays", "a girl", "a child"],
]


def test_it_counts_what_people_do_not_say() -> None:
    written = ["a man runs", "a man sits", "a man with a dog", "a boy jumps", "a woman plays"]
    worded = ["a person runs", "a man sits", "a person with a dog", "a child jumps", "a person plays"]
    ranks = np.array([[1, 1, 99], [1, 1, 1], [1, 1, 1], [50, 50, 50], [1, 1, 1]])
    found = fairness(PEOPLE, written, worded, ranks)
    groups = {group.name: group for group in found.groups}
    assert groups["women and girls"].pictures == 2
    assert groups["women and girls"].recall_at_10 == pytest.approx(100 * 5 / 6)
    assert groups["men and boys"].recall_at_10 == 100
    assert groups["nobody's gender"].pictures == 1
    wrong = {each.what: (each.written, each.worded) for each in found.wrong}
    assert wrong["women and girls called men or boys"] == (50, 0)
    assert wrong["men and boys called women or girls"] == (0, 0)
    assert wrong["a gender stated where people state none"] == (100, 0)
    assert wrong["children called adults"] == (50, 0)


def test_the_shipped_card_reports_it_and_its_calibration() -> None:
    card = (Path(vlm.__file__).parent / "builtin" / "README.md").read_text(encoding="utf-8")
    assert "| women and girls called men or boys |" in card
    (error,) = re.findall(r"Expected calibration error: ([0-9.]+)\.", card)
    assert float(error) < 0.05
