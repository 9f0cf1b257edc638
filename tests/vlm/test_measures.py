"""Our measures against well-kept ones, on the same inputs."""

import random
from pathlib import Path

import numpy as np
import pytest
from nltk.translate.bleu_score import corpus_bleu
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider

from vlm.training import evaluate, wordnet
from vlm.training.calibrate import diagram
from vlm.training.measure import Case, Measured
from vlm.training.report import report


@pytest.fixture
def captioned() -> tuple[list[str], list[list[str]]]:
    """Captions of random but sentence-like words, some of them much alike, of differing lengths."""
    choice = random.Random(3)
    nouns, verbs = ["dog", "man", "girl", "ball", "beach"], ["runs", "jumps", "sits", "plays"]

    def sentence() -> str:
        words = ["a", choice.choice(nouns), choice.choice(verbs), "on", "the", choice.choice(nouns)]
        return " ".join(words + choice.sample(["quickly", "today", "near", "water"], choice.randint(0, 3)))

    references = [[sentence() for _ in range(choice.randint(3, 5))] for _ in range(60)]
    return [sentence() for _ in references], references


def test_captions_agree_with_pycocoevalcap(captioned: tuple[list[str], list[list[str]]]) -> None:
    found, references = captioned
    theirs = dict(enumerate(references)), {i: [text] for i, text in enumerate(found)}
    ours = evaluate.captions(found, references)
    assert ours.cider == pytest.approx(100 * Cider().compute_score(*theirs)[0], rel=1e-5)
    scores = ours.scores()
    for n, bleu in enumerate(Bleu(4).compute_score(*theirs, verbose=0)[0], start=1):
        assert scores[f"bleu_{n}"].value == pytest.approx(100 * bleu, rel=1e-5)
    cut = [[text.split() for text in texts] for texts in references]
    assert ours.bleu_4 == pytest.approx(100 * corpus_bleu(cut, [text.split() for text in found]), rel=1e-5)


def test_chinese_captions_are_counted_by_characters(captioned: tuple[list[str], list[list[str]]]) -> None:
    turned = str.maketrans(
        {letter: chr(0x4E00 + i) for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz")} | {" ": ""}
    )
    found, references = (
        [text.translate(turned) for text in captioned[0]],
        [[text.translate(turned) for text in texts] for texts in captioned[1]],
    )
    theirs = {i: [" ".join(t) for t in texts] for i, texts in enumerate(references)}
    ours = evaluate.captions(found, references, "zh")
    wanted, _ = Cider().compute_score(theirs, {i: [" ".join(text)] for i, text in enumerate(found)})
    assert ours.cider == pytest.approx(100 * wanted, rel=1e-5)
    assert ours.meteors is None


def test_captions_of_nothing_right_score_nothing() -> None:
    scores = evaluate.captions(["x y z w"], [["a b c d"]])
    assert (scores.bleu_4, scores.cider, scores.contents.sum()) == (0, 0, 0)


def test_content_words_are_weighed_by_how_many_say_them() -> None:
    references = [["a dog on the grass", "a brown dog", "an animal"]]
    many, few, none = (
        evaluate.captions([text], references).contents[0] for text in ("the dog", "an animal", "the cat")
    )
    assert many > few > none == 0


def test_meteor_knows_stems_and_synonyms() -> None:
    scores = evaluate.captions(["a dog runs", "a car", "a tree"], [["a dog running"], ["an auto"], ["two men"]])
    assert scores.meteors is not None, "WordNet's files are not installed"
    same, synonym, other = scores.meteors
    assert same > 0.9
    assert synonym > other == 0


@pytest.mark.parametrize(
    ("found", "wanted", "strict", "loose"),
    [
        ("chair", "chair", 1, 1),
        ("chair, table", "table, chair", 1, 1),
        # Wu and Palmer's similarities are those that NLTK and WordNet 3.0 give.
        ("armchair", "chair", 0.9524, 0.9524),
        ("lamp", "table, lamp", 0.0889, 0.8889),
        ("qwertz", "chair", 0, 0),
    ],
)
def test_wups(found: str, wanted: str, strict: float, loose: float) -> None:
    assert wordnet.wups([found], [wanted], 0.9)[0] == pytest.approx(strict, abs=1e-3)
    assert wordnet.wups([found], [wanted], 0.0)[0] == pytest.approx(loose, abs=1e-3)


def test_retrieval_counts_both_ways() -> None:
    images = np.eye(3, dtype=np.float32)
    texts = np.array([[1, 0, 0], [0, 0.6, 0.8], [0, 0, 1]], np.float32)
    scores = evaluate.retrieval(images, texts, np.array([0, 1, 2]))
    assert scores.text_to_image.at(1) == pytest.approx(200 / 3)
    assert scores.text_to_image.at(5) == 100
    assert scores.text_to_image.median == 1
    assert scores.image_to_text.at(1) == 100


def test_a_text_near_every_picture_is_no_answer_for_all_of_them() -> None:
    images = np.eye(3, dtype=np.float32)
    # The third text lies a little nearer to each of the first two pictures than their own do.
    texts = np.array([[0.5, 0, 0], [0, 0.5, 0], [0.6, 0.6, 0.6]], np.float32)
    owner = np.array([0, 1, 2])
    assert evaluate.retrieval(images, texts, owner).image_to_text.at(1) == pytest.approx(100 / 3)
    corrected = evaluate.retrieval(images, texts, owner, np.ones((9, 3), np.float32) / 3)
    assert corrected.image_to_text.at(1) == 100
    assert corrected.text_to_image.at(1) == evaluate.retrieval(images, texts, owner).text_to_image.at(1)


def test_a_tie_is_no_hit() -> None:
    images = np.ones((4, 1), np.float32)
    scores = evaluate.retrieval(images, np.ones((1, 1), np.float32), np.array([2]))
    assert scores.text_to_image.at(1) == 0


def test_answers_are_compared_as_sets() -> None:
    right = evaluate.exact(["chair, table", "Two", "red"], ["table, chair", "two", "blue"])
    assert right.tolist() == [1, 1, 0]


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        score = evaluate.bootstrap(generator.random(200) < 0.3)
        held += score.low <= 0.3 <= score.high
    assert 88 <= held <= 100


def test_calibration_error_of_the_calibrated_is_small() -> None:
    generator = np.random.default_rng(1)
    chances = generator.random(20_000)
    right = generator.random(20_000) < chances
    assert diagram(chances, right).error < 0.02
    assert diagram(chances, ~right).error > 0.3


def test_a_report_shows_scores_and_the_worst_and_best(tmp_path: Path) -> None:
    cases = [Case(float(i), tmp_path / f"a photo {i}.jpg", (f"written: number {i}",)) for i in range(40)]
    measured = Measured({"images": 40}, {"cider": evaluate.Score(50.0, 45.0, 55.0)}, cases)
    page = report("Captions", measured, tmp_path)
    assert "| cider | 50.0 | 45.0 to 55.0 |" in page
    worst, best = page.split("## Worst cases")[1].split("## Best cases")
    assert "![a photo 0.jpg](a%20photo%200.jpg)" in worst
    assert "number 39" in best
    assert "number 39" not in worst
