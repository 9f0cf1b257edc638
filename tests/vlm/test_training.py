"""Training for real, on a handful of photographs, through to a folder that loads."""

import csv
from pathlib import Path

import pytest

import vlm
from support import Askpix, records
from vlm.picture import open_picture

RECIPE = """
name = "tiny"
seed = 1
[data]
captions = "captions.csv"
caption_images = "photos"
questions = "questions.csv"
question_images = "photos"
[vision]
size = 96
views = 2
tag_at_least = 1
[retrieval]
epochs = 1
batch = 4
[captions]
epochs = 1
batch = 4
at_least = 1
width = 32
heads = 2
layers = 1
[answers]
epochs = 1
batch = 8
width = 32
layers = 1
"""


@pytest.fixture
def data(photos: Path, tmp_path: Path) -> Path:
    """Twelve photographs with captions and questions, eight of them to learn from."""
    (tmp_path / "photos").symlink_to(photos / "animals")
    names = sorted(path.name for path in (photos / "animals").iterdir())[:12]
    with (
        (tmp_path / "captions.csv").open("w", newline="") as captions,
        (tmp_path / "questions.csv").open("w", newline="") as questions,
    ):
        write, ask = csv.writer(captions), csv.writer(questions)
        write.writerow(["split", "image", "caption"])
        ask.writerow(["split", "image", "question", "answers"])
        for i, name in enumerate(names):
            split = "train" if i < 8 else "dev"
            what = Path(name).stem.replace("_", " ")
            write.writerows([[split, name, f"a brown {what} in the grass ."], [split, name, f"two men see a {what}"]])
            ask.writerow([split, name, "what is in the grass?", what])
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path


def test_train_then_use_then_measure(askpix: Askpix, data: Path, tmp_path: Path, photos: Path) -> None:
    done = askpix("train", data / "tiny.toml", "--data", data, "--out", tmp_path / "model")
    assert done.returncode == 0, done.stderr[-2000:]
    model = vlm.load(str(tmp_path / "model"))
    assert model.name.startswith("tiny-")
    seen = model.look([open_picture(photos / "animals" / "cat.jpg", model.image_size).image])
    assert model.describe(seen)[0].caption
    assert model.answer(seen, ["what is in the grass?"])[0].text
    assert "non-commercial" in (tmp_path / "model" / "README.md").read_text()
    for what, table, score in (
        ("retrieval", "captions.csv", "text_to_image_recall@1"),
        ("captions", "captions.csv", "cider"),
        ("answers", "questions.csv", "accuracy"),
    ):
        arguments = ("evaluate", what, data / table, "--images", data / "photos", "--model", tmp_path / "model")
        (scores,) = records(askpix(*arguments, "--split", "dev", "--json"))
        assert scores["images"] == 4
        assert 0 <= scores[score] <= 1000


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("epochs = 1", "epoch = 1"), "has an unknown setting epoch in retrieval"),
        (("captions.csv", "none.csv"), "none.csv cannot be read"),
        (('"photos"', '"nowhere"'), "is missing, and 7 more"),
        (("name =", "name ="), ""),
    ],
)
def test_what_a_recipe_can_get_wrong(
    askpix: Askpix, data: Path, tmp_path: Path, change: tuple[str, str], line: str
) -> None:
    if not line:
        change, line = ('name = "tiny"', "name = "), "cannot be read"
    (data / "tiny.toml").write_text(RECIPE.replace(*change, 1))
    done = askpix("train", data / "tiny.toml", "--data", data, "--out", tmp_path / "model")
    assert done.returncode == 2
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
