"""Whether something is there, as words, classes and the answerer tell it together."""

from pathlib import Path

import pytest

import vlm
from vlm.picture import open_picture
from vlm.presence import forms, judged, stated
from vlm.protocols import Answer


def test_what_is_asked_for_is_found_in_the_usual_forms() -> None:
    for question in (
        "is there a dog?",
        "are there any dogs here?",
        "can you see a dog in the picture?",
        "is it a dog?",
    ):
        assert {"dog", "dogs"} <= set(forms(question))
    assert forms("what is this?") == ()
    assert forms("is it indoors?") == ()
    assert stated("is this outdoors?") == stated("is the picture taken inside?") == "is it indoors or outdoors?"
    assert stated("is there a dog?") == "is there a dog?"


def test_words_outweigh_an_answerer_that_guesses() -> None:
    guess = {"yes": 0.9, "no": 0.1, "indoors": 0.2, "outdoors": 0.6}.__getitem__
    sure = judged("is there a dog?", guess, {"dog": 0.01}.get, lambda _: None)
    assert sure is not None and sure < 0.1
    assert judged("is there a dog?", guess, {"dog": 0.9}.get, lambda _: None) > 0.9  # type: ignore[operator]
    assert judged("is there a hovercraft?", guess, {"dog": 0.9}.get, lambda _: None) is None
    assert judged("is it indoors?", guess, {}.get, lambda _: None) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("photo", "question", "answer"),
    [
        ("animals/german_shepherd", "is there a dog?", "yes"),
        ("animals/macaw", "is there a dog?", "no"),
        ("animals/macaw", "are there any birds?", "yes"),
        ("animals/panda", "is there a panda?", "yes"),
        ("animals/polar_bear", "is there a dog?", "no"),
        ("landscapes/mountains", "is there a mountain?", "yes"),
        ("food/coffee", "is there a mountain?", "no"),
        ("landscapes/stream", "is it outdoors?", "yes"),
        ("landscapes/stream", "is it indoors?", "no"),
    ],
)
def test_the_model_says_what_is_there(photos: Path, photo: str, question: str, answer: str) -> None:
    model = vlm.load()
    seen = model.look([open_picture(photos / f"{photo}.jpg", model.image_size).image])
    (told,) = model.answer(seen, [question])
    assert told.text == answer
    assert told.confidence >= 0.5


def test_a_question_to_many_is_answered_as_one_to_each(photos: Path) -> None:
    model = vlm.load()
    files = sorted((photos / "food").glob("*.jpg"))[:3]
    seen = model.look([open_picture(file, model.image_size).image for file in files])
    questions = ["what is this?", "is it indoors?", "what is this?"]
    together: list[Answer] = model.answer(seen, questions)
    for row, question in enumerate(questions):
        (alone,) = model.answer(seen.take([row]), [question])
        assert alone.text == together[row].text
        assert alone.confidence == pytest.approx(together[row].confidence, abs=1e-3)
