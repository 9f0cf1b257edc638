"""What captions may say: neutral words where a gender is not seen, animals by their right names."""

import numpy as np
import pytest

import vlm
from vlm.species import rightly_named
from vlm.wording import FEMALE, MALE, NEVER, neutral


@pytest.mark.parametrize(
    ("caption", "seen", "wanted"),
    [
        ("a man rides his bike", set(), "a person rides their bike"),
        ("a man rides his bike", {MALE}, "a man rides his bike"),
        ("a man rides his bike", {FEMALE}, "a person rides their bike"),
        ("a man and a woman hug", set(), "two people hug"),
        ("a man and a woman hug", {MALE}, "a man and a person hug"),
        ("men and women at a table", set(), "people at a table"),
        ("a boy and a girl play", set(), "two children play"),
        ("a little girl sits", set(), "a little child sits"),
        ("the woman's hat on a mannequin", set(), "the person's hat on a mannequin"),
        ("一个男人和一个女孩", {FEMALE}, "一个人和一个女孩"),
        ("a brown dog", set(), "a brown dog"),
    ],
)
def test_gender_is_said_only_where_it_is_seen(caption: str, seen: set[str], wanted: str) -> None:
    assert neutral(caption, seen) == wanted


def test_words_of_worth_are_never_written() -> None:
    model = vlm.load()
    known = set(model.config.vocabulary)
    assert known & NEVER  # people did write some of them
    assert not {"dog", "people", "black", "old", "child"} & NEVER


@pytest.mark.parametrize(
    ("caption", "sure_of", "wanted"),
    [
        ("a brown dog climbs a tree", {"koala": 0.9}, "a brown koala climbs a tree"),
        ("a dog on the grass", {"African bush elephant": 0.3, "Asian elephant": 0.3}, "an elephant on the grass"),
        ("an animal on a sofa", {"Egyptian Mau": 0.5}, "a cat on a sofa"),
        ("a dog on a sofa", {"Egyptian Mau": 0.3}, "a dog on a sofa"),
        ("a dog on the grass", {"Chihuahua": 0.5, "koala": 0.45}, "a dog on the grass"),
        ("a man with a cup", {"koala": 0.9}, "a man with a cup"),
        ("a dog beside a cup", {"espresso": 0.9}, "a dog beside a cup"),
    ],
)
def test_animals_are_rightly_named(caption: str, sure_of: dict[str, float], wanted: str) -> None:
    names = vlm.load().config.classes
    classes = np.zeros(len(names), np.float32)
    for name, chance in sure_of.items():
        classes[names.index(name)] = chance
    assert rightly_named(caption, classes, names) == wanted
