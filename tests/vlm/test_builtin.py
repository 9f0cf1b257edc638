"""The shipped model on real photographs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlm
from vlm.errors import AskpixError
from vlm.model import Model
from vlm.picture import open_picture
from vlm.protocols import Seen


@pytest.fixture(scope="module")
def model() -> Model:
    return vlm.load()


def opened(model: Model, photos: Path, *names: str) -> list[Image.Image]:
    return [open_picture(photos / name, model.image_size).image for name in names]


@pytest.fixture(scope="module")
def names() -> list[str]:
    return ["animals/cat.jpg", "landscapes/mountains.jpg", "food/coffee.jpg", "things/guitar_and_drums.jpg"]


@pytest.fixture(scope="module")
def seen(model: Model, photos: Path, names: list[str]) -> Seen:
    return model.look(opened(model, photos, *names))


def test_it_ships_small_enough() -> None:
    files = list((Path(vlm.__file__).parent / "builtin").iterdir())
    assert all(path.stat().st_size < 50_000_000 for path in files)
    assert sum(path.stat().st_size for path in files) < 100_000_000
    assert "research" in (Path(vlm.__file__).parent / "builtin" / "README.md").read_text()


def test_embeddings_are_unit_vectors(model: Model, seen: Seen, names: list[str]) -> None:
    texts = model.encode_texts(["a cat", "snow"])
    assert seen.embeddings.shape == (len(names), model.dim)
    assert texts.shape == (2, model.dim)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([seen.embeddings, texts]), axis=1), 1, atol=1e-3)


def test_texts_find_their_pictures(model: Model, seen: Seen) -> None:
    scores = model.encode_texts(["a cat", "mountains with snow", "a cup of coffee", "a guitar"]) @ seen.embeddings.T
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]


def test_confidence_grows_with_the_score(model: Model) -> None:
    (query,) = model.encode_texts(["a dog on a beach"])
    confidence = model.confidence(query, np.linspace(-1, 1, 50, dtype=np.float32)[:, None] * query, 1000)
    assert (np.diff(confidence) >= 0).all()
    assert confidence[0] < 0.01
    assert confidence[-1] > 0.99
    assert 0 < model.cutoff < 1


def test_confidence_falls_with_the_size_of_the_library(model: Model) -> None:
    (query,) = model.encode_texts(["a dog on a beach"])
    pictures = np.linspace(0.1, 0.6, 20, dtype=np.float32)[:, None] * query
    assert (model.confidence(query, pictures, 100) > model.confidence(query, pictures, 100_000)).all()


def test_nonsense_gets_no_confident_hit(model: Model, seen: Seen) -> None:
    for query in model.encode_texts(["asdf qwer zxcv", "%%% 12345"]):
        assert (model.confidence(query, seen.embeddings, 1000) < model.cutoff).all()


@pytest.mark.parametrize(
    "texts",
    [
        ["eine Katze", "Berge mit Schnee", "eine Tasse Kaffee", "eine Gitarre"],
        ["un chat", "des montagnes enneigées", "une tasse de café", "une guitare"],
        ["kočka", "zasněžené hory", "šálek kávy", "kytara"],
        ["一只猫", "雪山", "一杯咖啡", "一把吉他"],
    ],
    ids=["German", "French", "Czech", "Chinese"],
)
def test_texts_in_other_languages_find_their_pictures(model: Model, seen: Seen, texts: list[str]) -> None:
    right = (model.encode_texts(texts) @ seen.embeddings.T).argmax(1) == np.arange(4)
    assert right.sum() >= 3


def test_captions_in_chinese(model: Model, seen: Seen) -> None:
    for description in model.describe(seen, "zh"):
        assert len(description.caption) >= 4
        assert all("\u4e00" <= character <= "\u9fff" for character in description.caption)
    with pytest.raises(AskpixError, match='writes no "eo": use en or zh'):
        model.describe(seen, "eo")


def test_captions_are_sentences_with_tags(model: Model, seen: Seen) -> None:
    for description in model.describe(seen):
        assert description.caption[0].isupper()
        assert len(description.caption.split()) >= 3
        assert 0 < description.confidence <= 1
        assert all(0 < tag.score <= 1 for tag in description.tags)
    assert "cat" in model.describe(seen)[0].caption


def test_answers_say_what_else_was_considered(model: Model, seen: Seen) -> None:
    questions = ["is it indoors or outdoors?", "is it indoors or outdoors?", "what colour is it?", "is there a person?"]
    for answer in model.answer(seen, questions):
        considered = answer.why["considered"]
        assert considered[0] == [answer.text, pytest.approx(answer.confidence, abs=1e-3)]
        assert [p for _, p in considered] == sorted((p for _, p in considered), reverse=True)
    assert model.answer(seen, questions)[1].text == "outdoors"


def test_company_in_a_batch_makes_no_difference(model: Model, photos: Path, seen: Seen, names: list[str]) -> None:
    alone = model.look(opened(model, photos, names[0]))
    np.testing.assert_allclose(alone.embeddings[0], seen.embeddings[0], atol=1e-4)
    assert model.describe(alone)[0].caption == model.describe(seen)[0].caption
    np.testing.assert_allclose(
        model.encode_texts(["a cat"]),
        model.encode_texts(["a cat", "a much longer text about mountains"])[:1],
        atol=1e-4,
    )


def test_nothing_is_seen_in_no_pictures(model: Model) -> None:
    seen = model.look([])
    assert len(seen.embeddings) == 0
    assert model.describe(seen) == []
    assert model.encode_texts([]).shape == (0, model.dim)


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        ("absent", "There is no model called"),
        ("empty", "holds no model \\(it has no config.json\\)"),
        ("newer", "was written by a newer askpix"),
        ("no json", "cannot be read"),
        ("no weights", "vision.onnx is missing"),
        ("cut weights", "vision.onnx is damaged"),
    ],
)
def test_a_folder_that_is_no_model(tmp_path: Path, damage: str, line: str) -> None:
    folder = tmp_path / "model"
    shipped = Path(vlm.__file__).parent / "builtin"
    if damage != "absent":
        folder.mkdir()
    if damage in {"no weights", "cut weights"}:
        (folder / "config.json").write_bytes((shipped / "config.json").read_bytes())
    if damage == "cut weights":
        (folder / "vision.onnx").write_bytes((shipped / "vision.onnx").read_bytes()[:10_000])
    if damage == "newer":
        (folder / "config.json").write_text('{"format": 99}')
    if damage == "no json":
        (folder / "config.json").write_text("{")
    with pytest.raises(AskpixError, match=line):
        vlm.load(str(folder)).look([Image.new("RGB", (300, 300))])
