"""The field's own measures, without torch: recall both ways, BLEU and CIDEr, exact answers."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm.protocols import Floats

Ngram = tuple[str, ...]
LONGEST_NGRAM = 4
# CIDEr-D's penalty for captions of another length than the references'.
CIDER_SIGMA = 6.0


@dataclass(frozen=True)
class Recall:
    """Percent of queries whose right answer is among the first 1, 5 and 10, and its middle rank."""

    at_1: float
    at_5: float
    at_10: float
    median_rank: float
    queries: int


@dataclass(frozen=True)
class Retrieval:
    """Recall from texts to pictures and from pictures to texts."""

    text_to_image: Recall
    image_to_text: Recall


@dataclass(frozen=True)
class CaptionScores:
    """BLEU-4 and CIDEr in percent, as they are usually quoted."""

    bleu_4: float
    cider: float
    images: int


@dataclass(frozen=True)
class AnswerScores:
    """Percent of questions answered exactly."""

    exact: float
    questions: int


def retrieval(images: Floats, texts: Floats, owner: NDArray[np.int64]) -> Retrieval:
    """Score unit embeddings [n, dim] and [t, dim]; owner[j] is the picture that text j describes.

    A picture's rank is that of the best of its own texts. Equal scores count against us.
    """
    scores = texts @ images.T
    own = scores[np.arange(len(texts)), owner]
    text_ranks = (scores >= own[:, None]).sum(1)
    best = np.full(len(images), -np.inf, np.float32)
    np.maximum.at(best, owner, own)
    other = np.where(owner[:, None] == np.arange(len(images)), -np.inf, scores)
    image_ranks = 1 + (other >= best).sum(0)
    return Retrieval(_recall(text_ranks), _recall(image_ranks))


def captions(found: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """Score one caption a picture against what people wrote about it."""
    words = [_words(text) for text in found]
    wanted = [[_words(text) for text in texts] for texts in references]
    return CaptionScores(100 * bleu(words, wanted), 100 * cider(words, wanted), len(words))


def answers(found: Sequence[str], wanted: Sequence[str]) -> AnswerScores:
    """Exact accuracy; several answers joined by commas are compared as sets."""
    right = sum(_answer_set(a) == _answer_set(b) for a, b in zip(found, wanted, strict=True))
    return AnswerScores(100 * right / max(len(found), 1), len(found))


def bleu(found: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> float:
    """Corpus BLEU-4 (Papineni et al., ACL 2002), 0..1, against the reference nearest in length."""
    matches, totals = [0] * LONGEST_NGRAM, [0] * LONGEST_NGRAM
    length = reference_length = 0
    for words, texts in zip(found, references, strict=True):
        counts = _ngrams(words)
        most: Counter[Ngram] = Counter()
        for text in texts:
            most |= _ngrams(text)
        for ngram, count in counts.items():
            totals[len(ngram) - 1] += count
            matches[len(ngram) - 1] += min(count, most[ngram])
        length += len(words)
        reference_length += min((abs(len(t) - len(words)), len(t)) for t in texts)[1]
    if not all(matches):
        return 0.0
    precision = sum(math.log(m / t) for m, t in zip(matches, totals, strict=True)) / LONGEST_NGRAM
    return math.exp(precision + min(0.0, 1 - reference_length / length))


def cider(found: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> float:
    """CIDEr-D (Vedantam et al., CVPR 2015), the mean over pictures; 1 is often quoted as 100."""
    counted = [[_ngrams(text) for text in texts] for texts in references]
    pictures_with: Counter[Ngram] = Counter()
    for ngrams in counted:
        pictures_with.update(set().union(*ngrams))
    everything = math.log(len(references))

    def weighed(counts: Counter[Ngram]) -> list[dict[Ngram, float]]:
        """One vector for each n: counts times inverse document frequency."""
        vectors: list[dict[Ngram, float]] = [{} for _ in range(LONGEST_NGRAM)]
        for ngram, count in counts.items():
            vectors[len(ngram) - 1][ngram] = count * (everything - math.log(max(1, pictures_with[ngram])))
        return vectors

    total = 0.0
    for words, texts, counts in zip(found, references, counted, strict=True):
        ours = weighed(_ngrams(words))
        likeness = (
            _likeness(ours, weighed(one), len(words) - len(text)) for text, one in zip(texts, counts, strict=True)
        )
        score = sum(likeness)
        total += 10 * score / len(texts)
    return total / max(len(found), 1)


def _likeness(ours: list[dict[Ngram, float]], theirs: list[dict[Ngram, float]], longer: int) -> float:
    """The mean over n of the clipped cosine, less for a different length."""
    total = 0.0
    for mine, other in zip(ours, theirs, strict=True):
        norms = math.sqrt(sum(v * v for v in mine.values()) * sum(v * v for v in other.values()))
        if norms:
            total += sum(min(v, other.get(k, 0.0)) * other.get(k, 0.0) for k, v in mine.items()) / norms
    return total / LONGEST_NGRAM * math.exp(-(longer**2) / (2 * CIDER_SIGMA**2))


def _ngrams(words: Sequence[str]) -> Counter[Ngram]:
    return Counter(tuple(words[i : i + n]) for n in range(1, LONGEST_NGRAM + 1) for i in range(len(words) - n + 1))


def _recall(ranks: NDArray[np.int64]) -> Recall:
    at_1, at_5, at_10 = (100 * float(np.mean(ranks <= k)) for k in (1, 5, 10))
    return Recall(at_1, at_5, at_10, float(np.median(ranks)), len(ranks))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def _answer_set(text: str) -> list[str]:
    return sorted(part.strip().lower() for part in text.split(","))
