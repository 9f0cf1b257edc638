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
translations = "chinese.csv"
parallel = "parallel.csv"
told = ["told.csv"]
[vision]
size = 96
views = 2
tag_at_least = 1
[retrieval]
epochs = 1
batch = 4
[languages]
epochs = 1
batch = 64
vocabulary = 300
layers = [0]
meeting_epochs = 1
[captions]
epochs = 1
batch = 4
at_least = 1
told_at_least = 1
reward_epochs = 1
reward_batch = 4
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
    """Twelve photographs, eight of them to learn from, with captions in two languages and questions."""
    (tmp_path / "photos").symlink_to(photos / "animals")
    names = sorted(path.name for path in (photos / "animals").iterdir())[:12]
    tables: dict[str, list[list[str]]] = {
        "captions": [["split", "image", "caption"]],
        "questions": [["split", "image", "question", "answers"]],
        "chinese": [["split", "image", "source", "caption"]],
        "parallel": [["image", "en", "de"]],
        "told": [["image", "caption"]],
    }
    for i, name in enumerate(names):
        split = "train" if i < 8 else "dev"
        what = Path(name).stem.replace("_", " ")
        tables["captions"] += [[split, name, f"a brown {what} in the grass ."], [split, name, f"two men see a {what}"]]
        tables["questions"].append([split, name, "what is in the grass?", what])
        tables["chinese"] += [[split, name, "written", "一只狗在草地上"], [split, name, "machine", "一只棕色的狗"]]
        tables["parallel"].append([name, f"a {what} in the grass", f"ein {what} im Gras"])
        tables["told"].append([name, f"a {what} on the moon"])
    for name, rows in tables.items():
        with (tmp_path / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path


def test_train_then_use_then_measure(askpix: Askpix, data: Path, tmp_path: Path, photos: Path) -> None:
    done = askpix("train", data / "tiny.toml", "--data", data, "--out", tmp_path / "model", timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    model = vlm.load(str(tmp_path / "model"))
    assert model.name.startswith("tiny-")
    seen = model.look([open_picture(photos / "animals" / "cat.jpg", model.image_size).image])
    assert model.describe(seen)[0].caption
    assert model.describe(seen, "zh")
    assert model.answer(seen, ["what is in the grass?"])[0].text
    card = (tmp_path / "model" / "README.md").read_text()
    assert all(part in card for part in ("non-commercial", "## Fairness", "Expected calibration error", "askpix train"))
    report = tmp_path / "report.md"
    for what, table, score, more in (
        ("retrieval", "captions.csv", "text_to_image_recall@1", []),
        ("captions", "captions.csv", "cider", ["--report", report]),
        ("captions", "chinese.csv", "cider", ["--language", "zh", "--where", "source=written"]),
        ("answers", "questions.csv", "wups@0.9", []),
    ):
        arguments = ("evaluate", what, data / table, "--images", data / "photos", "--model", tmp_path / "model")
        (scores,) = records(askpix(*arguments, "--split", "dev", *more, "--json"))
        assert scores["images"] == 4
        assert 0 <= scores[score] <= 1000
        low, high = scores["intervals"][score]
        assert low <= scores[score] <= high
    assert "## Worst cases" in report.read_text()

    # What is finished is not done again; other data are refused.
    again = askpix("train", data / "tiny.toml", "--data", data, "--out", tmp_path / "model", timeout=600)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "retrieval:" not in again.stderr
    (data / "tiny.toml").write_text(RECIPE.replace("seed = 1", "seed = 2"))
    other = askpix("train", data / "tiny.toml", "--data", data, "--out", tmp_path / "model")
    assert other.returncode == 2
    assert "holds stages of another recipe or other data" in other.stderr


def test_the_shipped_model_goes_on_learning(askpix: Askpix, data: Path, tmp_path: Path, photos: Path) -> None:
    """Captions of one's own, with a word that the model did not know; no split, so a tenth is held out."""
    names = sorted(path.name for path in (photos / "animals").iterdir())[:12]
    rows = [[name, f"{start} zyzzyva {end}"] for name in names for start, end in (("a happy", "at home"), ("our", ""))]
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["image", "caption"], *rows])
    done = askpix(
        "train",
        "--captions",
        tmp_path / "mine.csv",
        "--images",
        data / "photos",
        "--out",
        tmp_path / "mine",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    before, model = vlm.load(), vlm.load(str(tmp_path / "mine"))
    assert model.name.startswith("mine-")
    assert model.config.vocabulary[: len(before.config.vocabulary)] == before.config.vocabulary
    assert "zyzzyva" in model.config.vocabulary
    assert model.config.answers == before.config.answers
    images = [open_picture(photos / "animals" / name, model.image_size).image for name in names]
    wanted = model.encode_texts(["a happy zyzzyva at home"])
    # It has moved towards the captions, and still knows what it knew.
    gain = (model.look(images).embeddings @ wanted.T) - (
        before.look(images).embeddings @ before.encode_texts(["a happy zyzzyva at home"]).T
    )
    assert gain.mean() > 0
    cat, dogs = model.look(
        [open_picture(photos / "animals" / n, 260).image for n in ("cat.jpg", "two_dogs.jpg")]
    ).embeddings
    query = model.encode_texts(["a cat"])[0]
    assert query @ cat > query @ dogs
    assert (
        "It goes on from the model builtin with captions of 10 other pictures"
        in (tmp_path / "mine" / "README.md").read_text()
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("epochs = 1", "epoch = 1"), "has an unknown setting epoch in retrieval"),
        (("captions.csv", "none.csv"), "none.csv cannot be read"),
        (('"photos"', '"nowhere"'), "is missing, and 7 more"),
        (('"told.csv"', '"untold.csv"'), "untold.csv cannot be read"),
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


def test_train_needs_something_to_learn_from(askpix: Askpix, tmp_path: Path) -> None:
    for arguments in ([], ["--captions", "mine.csv"]):
        done = askpix("train", *arguments, "--out", tmp_path / "model")
        assert done.returncode == 2
        assert "say what to learn from" in done.stderr
