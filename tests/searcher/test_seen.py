"""What was seen in photos is kept for the next question about them."""

from pathlib import Path

import pytest

import vlm
from searcher import Library
from searcher.seen import SeenCache
from vlm.picture import open_picture
from vlm.prompting import held


@pytest.fixture(scope="module")
def looked(photos: Path) -> vlm.protocols.Seen:
    model = vlm.load()
    files = sorted((photos / "food").glob("*.jpg"))[:2]
    return model.look([open_picture(file, model.image_size).image for file in files])


def test_answers_are_the_same_from_what_was_kept(looked: vlm.protocols.Seen, tmp_path: Path) -> None:
    model = vlm.load()
    cache = SeenCache(tmp_path, model)
    assert cache.read("ab12") is None
    cache.keep(["ab12", "cd34"], looked)
    again = SeenCache(tmp_path, model).read("cd34")
    assert again is not None
    questions = ["what is this?"]
    (before,), (after,) = model.answer(looked.take([1]), questions), model.answer(again, questions)
    assert after.text == before.text
    assert after.confidence == pytest.approx(before.confidence, abs=0.01)
    assert SeenCache(tmp_path, model).read("ef56") is None


def test_it_is_emptied_when_full_and_trusts_no_damaged_file(looked: vlm.protocols.Seen, tmp_path: Path) -> None:
    cache = SeenCache(tmp_path, vlm.load(), most_bytes=500_000)
    for key in ("aa1", "bb2", "cc3", "dd4", "ee5"):
        cache.keep([key], looked.take([0]))
    kept = [key for key in ("aa1", "bb2", "cc3", "dd4", "ee5") if cache.read(key)]
    assert kept == ["ee5"]
    (file,) = (file for file in tmp_path.rglob("ee5*") if file.is_file())
    file.write_bytes(b"damaged")
    assert cache.read("ee5") is None


def test_pictures_themselves_are_not_kept(photos: Path, tmp_path: Path) -> None:
    cache = SeenCache(tmp_path, vlm.load())
    cache.keep(["ab12"], held([open_picture(photos / "food" / "fig.jpg", 64).image]))
    assert not list(tmp_path.iterdir())


def test_another_question_does_not_look_again(demo_copy: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [hit.photo.id for hit in demo_copy.browse("path:food", k=3)]
    first = [*demo_copy.ask_all("which have a dog?", some)][-1].tally
    monkeypatch.setattr(type(demo_copy.answerer), "look", None)
    another = [*demo_copy.ask_all("how many are indoors?", some)][-1].tally
    assert another.asked == first.asked == len(some)
