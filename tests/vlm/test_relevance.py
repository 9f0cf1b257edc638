"""Relevance maps on real photographs: do they fall where the thing is?"""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlm
from support import Askpix, records
from vlm.picture import open_picture
from vlm.relevance import Relevance, overlay, question_text, relevance

THINGS = {
    "animals/cat.jpg": "a cat",
    "animals/polar_bear.jpg": "a polar bear",
    "animals/two_dogs.jpg": "two dogs",
    "landscapes/mountains.jpg": "mountains with snow",
    "food/coffee.jpg": "a cup of coffee",
    "things/guitar_and_drums.jpg": "a guitar",
}


def side_by_side(photos: Path, *names: str) -> Image.Image:
    both = Image.new("RGB", (2 * 300, 300))
    for place, name in enumerate(names):
        both.paste(open_picture(photos / name, 300).image.resize((300, 300)), (300 * place, 0))
    return both


def test_maps_fall_on_the_right_half(photos: Path) -> None:
    model = vlm.load()
    right = 0
    pairs = list(itertools.permutations(THINGS, 2))
    for place, pair in enumerate(pairs):
        wanted = place % 2
        found = relevance(model, side_by_side(photos, *pair), THINGS[pair[wanted]])
        assert found.values.shape == (14, 14)
        assert found.values.min() >= 0
        assert found.values.max() <= 1
        halves = found.values[:, :7].sum(), found.values[:, 7:].sum()
        right += halves[wanted] > halves[1 - wanted]
    assert right >= 0.8 * len(pairs)


def test_an_overlay_keeps_the_size_and_dims_the_rest(photos: Path) -> None:
    picture = side_by_side(photos, "animals/cat.jpg", "food/coffee.jpg")
    values = np.zeros((14, 14), np.float32)
    values[:, :7] = 1
    shown = np.asarray(overlay(picture, Relevance("a cat", values)), float)
    before = np.asarray(picture, float)
    assert shown.shape == before.shape
    assert np.abs(shown[:, :200] - before[:, :200]).mean() < 2
    assert shown[:, 400:].mean() < 0.4 * before[:, 400:].mean()


@pytest.mark.parametrize(
    ("place", "words"),
    [((slice(0, 4), slice(0, 4)), "at the left, top"), ((slice(5, 9), slice(5, 9)), "in the middle")],
)
def test_the_place_in_words_and_as_a_box(place: tuple[slice, slice], words: str) -> None:
    values = np.zeros((14, 14), np.float32)
    values[place] = 1
    found = Relevance("it", values)
    assert found.where() == words
    assert found.box == tuple(
        round(edge / 14, 3) for edge in (place[1].start, place[0].start, place[1].stop, place[0].stop)
    )


def test_what_to_look_for_to_see_where_an_answer_comes_from() -> None:
    assert question_text("What colour is the dog?", "brown") == "dog brown"


def test_explain_on_the_command_line(askpix: Askpix, photos: Path, tmp_path: Path) -> None:
    cat = photos / "animals" / "cat.jpg"
    before = cat.read_bytes()
    done = askpix("explain", cat, "a cat", "-o", tmp_path / "where.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("a cat: mostly ")
    with Image.open(tmp_path / "where.png") as shown, Image.open(cat) as original:
        assert shown.width / shown.height == pytest.approx(original.width / original.height, rel=0.02)
    (record,) = records(askpix("explain", cat, "striped", "--question", "what does the cat look like?", "--json"))
    assert np.shape(record["map"]) == (14, 14)
    assert len(record["box"]) == 4
    assert record["text"] == "cat look like striped"
    assert cat.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["cat.jpg", " "], "the text is empty"),
        (["none.jpg", "a cat"], "none.jpg"),
        (["cat.jpg", "a cat", "-o", "/nowhere/at/all.png"], "cannot be written"),
        (["cat.jpg", "a cat", "-o", "where.xyz"], "name a .jpg, .png or .webp file"),
    ],
)
def test_what_explain_refuses(askpix: Askpix, photos: Path, arguments: list[str], line: str) -> None:
    done = askpix("explain", *arguments, cwd=photos / "animals")
    assert done.returncode == 2
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
