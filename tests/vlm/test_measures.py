"""Our measures against well-kept ones, on the same inputs."""

import random

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider

from vlm.training import evaluate


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
    assert ours.cider == pytest.approx(100 * Cider().compute_score(*theirs)[0], rel=1e-6)
    assert ours.bleu_4 == pytest.approx(100 * Bleu(4).compute_score(*theirs, verbose=0)[0][3], rel=1e-5)
    assert ours.images == 60


def test_captions_of_nothing_right_score_nothing() -> None:
    scores = evaluate.captions(["x y z w"], [["a b c d"]])
    assert (scores.bleu_4, scores.cider) == (0, 0)


def test_retrieval_counts_both_ways() -> None:
    images = np.eye(3, dtype=np.float32)
    texts = np.array([[1, 0, 0], [0, 0.6, 0.8], [0, 0, 1]], np.float32)
    scores = evaluate.retrieval(images, texts, np.array([0, 1, 2]))
    assert scores.text_to_image.at_1 == pytest.approx(200 / 3)
    assert scores.text_to_image.at_5 == 100
    assert scores.text_to_image.median_rank == 1
    assert scores.image_to_text.at_1 == 100


def test_a_tie_is_no_hit() -> None:
    images = np.ones((4, 1), np.float32)
    scores = evaluate.retrieval(images, np.ones((1, 1), np.float32), np.array([2]))
    assert scores.text_to_image.at_1 == 0


def test_answers_are_compared_as_sets() -> None:
    scores = evaluate.answers(["chair, table", "Two", "red"], ["table, chair", "two", "blue"])
    assert scores.exact == pytest.approx(200 / 3)
    assert scores.questions == 3
