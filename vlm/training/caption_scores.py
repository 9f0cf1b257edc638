"""Caption measures over tokens of any kind (words, characters, numbers): a number a caption, no Java."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from vlm.protocols import Floats

Token = Hashable
Ngram = tuple[Token, ...]
LONGEST_NGRAM = 4
# CIDEr-D's penalty for captions of another length than the references'.
CIDER_SIGMA = 6.0
# Words that say nothing about what is seen.
EMPTY = frozenset(
    """a an the of in on at to with and or is are be being by for from its it his her their there this that these
    those as while who which some into onto over up down out off near next""".split()
)
Vector = tuple[list[dict[Ngram, float]], list[float], int]


class Cider:
    """CIDEr-D (Vedantam et al., CVPR 2015) against references that stay the same, read once."""

    def __init__(self, references: Sequence[Sequence[Sequence[Token]]]) -> None:
        counted = [[ngrams(text) for text in texts] for texts in references]
        pictures_with: Counter[Ngram] = Counter()
        for each in counted:
            pictures_with.update(set().union(*each))
        everything = math.log(len(references))
        self._rarity = {ngram: everything - math.log(count) for ngram, count in pictures_with.items()}
        self._unseen = everything
        self._references = [
            [self._vector(counts, len(text)) for counts, text in zip(each, texts, strict=True)]
            for each, texts in zip(counted, references, strict=True)
        ]

    def score(self, index: Sequence[int], found: Sequence[Sequence[Token]]) -> Floats:
        """CIDEr-D of found[i] against the references of picture index[i]: [n]; 1 is often quoted as 100."""
        return np.array(
            [self._one(self._references[i], text) for i, text in zip(index, found, strict=True)], np.float32
        )

    def _vector(self, counts: Counter[Ngram], length: int) -> Vector:
        """Counts times inverse document frequency, a vector for each n, their norms, and the length."""
        weighed: list[dict[Ngram, float]] = [{} for _ in range(LONGEST_NGRAM)]
        for ngram, count in counts.items():
            weighed[len(ngram) - 1][ngram] = count * self._rarity.get(ngram, self._unseen)
        return weighed, [math.sqrt(sum(v * v for v in each.values())) for each in weighed], length

    def _one(self, references: list[Vector], text: Sequence[Token]) -> float:
        ours, norms, length = self._vector(ngrams(text), len(text))
        total = 0.0
        for theirs, their_norms, their_length in references:
            likeness = 0.0
            for mine, other, norm, their_norm in zip(ours, theirs, norms, their_norms, strict=True):
                if norm and their_norm:
                    shared = mine.keys() & other.keys()
                    likeness += sum(min(mine[k], other[k]) * other[k] for k in shared) / (norm * their_norm)
            total += likeness * math.exp(-((length - their_length) ** 2) / (2 * CIDER_SIGMA**2))
        return 10 * total / LONGEST_NGRAM / len(references)


def bleu_counts(
    found: Sequence[Sequence[Token]], references: Sequence[Sequence[Sequence[Token]]]
) -> NDArray[np.float64]:
    """What BLEU is made of, [n, 10]: matching and all n-grams of one to four tokens, the caption's length
    and that of the reference nearest in length."""
    rows = np.zeros((len(found), 2 * LONGEST_NGRAM + 2))
    for row, tokens, texts in zip(rows, found, references, strict=True):
        most: Counter[Ngram] = Counter()
        for text in texts:
            most |= ngrams(text)
        for ngram, count in ngrams(tokens).items():
            row[len(ngram) - 1] += min(count, most[ngram])
            row[LONGEST_NGRAM + len(ngram) - 1] += count
        row[-2:] = len(tokens), min((abs(len(text) - len(tokens)), len(text)) for text in texts)[1]
    return rows


def bleu(counts: NDArray[np.float64], longest: int = LONGEST_NGRAM) -> float:
    """Corpus BLEU (Papineni et al., ACL 2002), 0..1, from the rows of `bleu_counts`."""
    total = counts.sum(0)
    matches, all_ = total[:longest], total[LONGEST_NGRAM : LONGEST_NGRAM + longest]
    if not matches.all():
        return 0.0
    return math.exp(float(np.log(matches / all_).mean()) + min(0.0, 1 - float(total[-1] / total[-2])))


def content(found: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> Floats:
    """[n]: how far the words that name something agree with those people used, as F1.

    Precision counts a word that any reference has, recall is weighed by how many references have it;
    like SPICE (Anderson et al., ECCV 2016) it asks what is said and not how, but knows no grammar.
    """
    scores = np.zeros(len(found), np.float32)
    for row, (tokens, texts) in enumerate(zip(found, references, strict=True)):
        ours = {word for word in tokens if word not in EMPTY}
        theirs = Counter(word for text in texts for word in set(text) if word not in EMPTY)
        shared = ours & theirs.keys()
        if shared:
            precision, recall = len(shared) / len(ours), sum(theirs[word] for word in shared) / theirs.total()
            scores[row] = 2 * precision * recall / (precision + recall)
    return scores


def ngrams(tokens: Sequence[Token]) -> Counter[Ngram]:
    """How often each run of one to four tokens occurs."""
    return Counter(tuple(tokens[i : i + n]) for n in range(1, LONGEST_NGRAM + 1) for i in range(len(tokens) - n + 1))
