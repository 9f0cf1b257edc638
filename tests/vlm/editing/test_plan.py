"""Plans as data: written, read back, and refused in one sentence when they cannot be run."""

import json
import math
from typing import Any

import pytest

from vlm.editing.plan import OPERATIONS, Operation, amount, aspect, check, from_json, size
from vlm.errors import AskpixError


def test_a_plan_survives_json() -> None:
    plan = (
        Operation("blur", 40.0, "the cat", outside=True),
        Operation("crop", text="3:2"),
        Operation("colour", region="the car", text="dark blue"),
    )
    written = json.dumps([operation.as_json() for operation in plan])
    assert from_json(json.loads(written)) == plan
    assert from_json({"operations": json.loads(written)}) == plan
    assert json.loads(written)[1] == {"name": "crop", "text": "3:2"}


def test_operations_read_well() -> None:
    assert str(Operation("blur", 50, "the cat", outside=True)) == "blur 50 on everything but the cat"
    assert str(Operation("caption", text="Hello")) == 'caption "Hello"'


def test_every_usual_amount_may_be_used() -> None:
    for name, kind in OPERATIONS.items():
        if kind.usual is not None:
            assert kind.low <= kind.usual <= kind.high, name
            assert amount(Operation(name)) == kind.usual


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ([], "the plan is empty"),
        ("blur", "a plan is a list of operations"),
        ([3], "an operation of a plan is an object with a name"),
        ([{"name": "explode"}], 'there is no operation "explode"'),
        ([{"name": "blurr"}], "did you mean blur?"),
        ([{"name": "blur", "colour": "red"}], 'an operation has no "colour"'),
        ([{"name": "blur", "amount": "much"}], "must be a number"),
        ([{"name": "blur", "amount": True}], "must be a number"),
        ([{"name": "blur", "amount": 101}], "must be from 0 to 100"),
        ([{"name": "blur", "amount": math.nan}], "must be from 0 to 100"),
        ([{"name": "grayscale", "amount": 5}], "takes no amount"),
        ([{"name": "blur", "region": 7}], "must be text"),
        ([{"name": "blur", "region": " "}], "must have 1 to 500 characters"),
        ([{"name": "blur", "region": "x" * 501}], "must have 1 to 500 characters"),
        ([{"name": "blur", "outside": "yes"}], "must be true or false"),
        ([{"name": "blur", "outside": True}], 'cannot be done "outside"'),
        ([{"name": "rotate", "region": "the cat"}], "takes no region"),
        ([{"name": "remove"}], "remove needs a region"),
        ([{"name": "colour", "region": "the car"}], "colour needs a text"),
        ([{"name": "crop"}], "crop needs either a region or an aspect"),
        ([{"name": "crop", "text": "wide"}], "is no aspect"),
        ([{"name": "resize"}], "resize needs either"),
        ([{"name": "resize", "text": "0x10"}], "is no size"),
        ([{"name": "mirror", "text": "diagonal"}], "horizontal or vertical"),
        ([{"name": "blur"}] * 21, "at most 20"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(data: Any, line: str) -> None:
    with pytest.raises(AskpixError, match=line) as refused:
        from_json(data)
    assert "\n" not in str(refused.value)


def test_sizes_and_aspects() -> None:
    assert size("1024x768", 3000, 2000) == (1024, 768)
    assert size("1024", 2048, 1000) == size("1024x", 2048, 1000) == (1024, 500)
    assert size("1024", 1000, 2048) == size("x1024", 1000, 2048) == (500, 1024)
    assert aspect("3:2") == 1.5
    assert aspect("square") == 1
    check([Operation("resize", text="800 x 600")])
