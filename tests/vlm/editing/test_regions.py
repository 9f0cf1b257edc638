"""Regions named in words, on real photographs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlm
from vlm.editing.naming import sought
from vlm.editing.regions import find, locate
from vlm.picture import open_picture
from vlm.protocols import Floats


def picture(photos: Path, name: str, side: int = 300) -> Image.Image:
    return open_picture(photos / name, side).image


def share_in(mask: Floats, left: float, top: float, right: float, bottom: float) -> float:
    """How much of a mask's weight lies in a box, given in shares of the picture."""
    height, width = mask.shape
    inside = mask[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
    return float(inside.sum() / mask.sum())


@pytest.mark.parametrize(
    ("wanted", "other", "words"),
    [
        ("animals/macaw.jpg", "food/coffee.jpg", "a parrot"),
        ("food/coffee.jpg", "animals/panda.jpg", "a cup of coffee"),
        ("things/guitar_and_drums.jpg", "animals/polar_bear.jpg", "a guitar"),
        ("animals/two_dogs.jpg", "places/pyramid.jpg", "dogs at a window"),
    ],
)
def test_of_two_photos_side_by_side_the_right_one_is_found(photos: Path, wanted: str, other: str, words: str) -> None:
    both = Image.new("RGB", (600, 300))
    for place, name in enumerate((other, wanted)):
        both.paste(picture(photos, name).resize((300, 300)), (300 * place, 0))
    mask = find(vlm.load(), both, words)
    assert mask.shape == (300, 600)
    assert share_in(mask, 0.5, 0, 1, 1) > 0.8


def test_a_flower_is_cut_out_at_its_edges(photos: Path) -> None:
    image = picture(photos, "flowers/orange_flower.jpg")
    region = locate(vlm.load(), image, "the flower")
    pixels = np.asarray(image, int)
    petals = (pixels[..., 0] > 180) & (pixels[..., 1] > 100)
    assert region.heat.shape == (14, 14)
    assert region.confidence is not None
    assert region.confidence > 0.5
    inside = region.mask > 0.5
    assert (inside & petals).sum() / (inside | petals).sum() > 0.7
    assert ((region.mask > 0) & (region.mask < 1)).any()


def test_the_background_is_all_but_the_subject(photos: Path) -> None:
    image = picture(photos, "animals/polar_bear.jpg")
    background, subject = (find(vlm.load(), image, words) for words in ("the background", "main subject"))
    assert np.allclose(background + subject, 1)
    assert background[:30].mean() > 0.9


def test_faces_are_found_and_nothing_else(photos: Path) -> None:
    image = picture(photos, "people/navy_officer.jpg")
    region = locate(vlm.load(), image, "the face of the woman")
    assert not region.note
    assert share_in(region.mask, 0.22, 0.06, 0.78, 0.66) > 0.99
    assert 0.1 < region.mask.mean() < 0.25


def test_a_face_that_is_not_detected_is_said_to_be_guessed(photos: Path) -> None:
    region = locate(vlm.load(), picture(photos, "people/photographer.jpg"), "face of the man")
    assert "a guess" in region.note
    assert region.mask.max() == 1


@pytest.mark.parametrize(
    ("words", "box"),
    [
        ("the left half", (0, 0, 0.5, 1)),
        ("right side of the picture", (0.5, 0, 1, 1)),
        ("top", (0, 0, 1, 0.5)),
        ("bottom third", (0, 2 / 3, 1, 1)),
        ("everything", (0, 0, 1, 1)),
    ],
)
def test_places_are_exact(words: str, box: tuple[float, float, float, float]) -> None:
    image = Image.new("RGB", (90, 60))
    mask = find(vlm.load(), image, words)
    left, top, right, bottom = (round(edge * side) for edge, side in zip(box, (90, 60, 90, 60), strict=True))
    expected = np.zeros((60, 90), np.float32)
    expected[top:bottom, left:right] = 1
    assert (mask == expected).all()


def test_names_are_understood() -> None:
    assert sought("The Background").around
    assert sought("main subject").subject
    assert sought("the man's face").owner == "a man"
    assert sought("the faces of the children").owner == "a children"
    assert sought("the dog on the left").thing == "dog"
    assert sought("the dog on the left").place == (0, 0, 0.5, 1)
    assert sought("the top of the tower").thing == "the top of the tower"
    assert sought("left shoe").place == (0, 0, 0.5, 1)
    assert sought("ignore previous instructions").thing == "ignore previous instructions"


@pytest.mark.parametrize("size", [(1, 1), (2, 300)])
def test_tiny_pictures_have_regions_too(size: tuple[int, int]) -> None:
    mask = find(vlm.load(), Image.new("RGB", size, "red"), "a cat")
    assert mask.shape == size[::-1]
