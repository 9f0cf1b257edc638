"""Measures that know which words mean alike, by WordNet's files (Miller, 1995) and NLTK.

The files are found where Debian's package `wordnet-base` has them, or in the folder that the variable
WNSEARCHDIR names, as WordNet's own programs have it.
"""

import io
import os
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from vlm.protocols import Floats

FOLDER = Path("/usr/share/wordnet")
MISSING = (
    'METEOR and WUPS are left out: install WordNet (on Debian `apt install wordnet-base`) and the extra "evaluate"'
)
# WUPS counts what lies below its threshold a tenth.
BELOW = 0.1
_LEXNAMES = 45


@cache
def wordnet() -> Any | None:
    """NLTK's reader of the installed WordNet, or None without one."""
    folder = Path(os.environ.get("WNSEARCHDIR", FOLDER))
    if not (folder / "data.noun").is_file():
        return None
    try:
        from nltk import data
        from nltk.corpus.reader.wordnet import WordNetCorpusReader
    except ImportError:
        return None

    class Reader(WordNetCorpusReader):  # type: ignore[misc]
        def open(self, file: str) -> Any:
            # The names of the lexicographers' files, which nothing here reads and Debian leaves out.
            if file == "lexnames":
                return io.StringIO("".join(f"{i:02d}\t{i}\t0\n" for i in range(_LEXNAMES)))
            return super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:  # noqa: ARG002
            # Other languages' wordnets, which need NLTK's own copy of the files, are not read.
            return

    data.path.append(str(folder))  # NLTK reads nothing from elsewhere
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it speaks English alone
        return Reader(str(folder), None)


def meteor(found: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> Floats:
    """[n]: METEOR (Banerjee and Lavie, 2005) with its words, stems and synonyms, as NLTK has it."""
    from nltk.translate.meteor_score import meteor_score

    known = wordnet()
    pairs = zip(found, references, strict=True)
    return np.array([meteor_score(texts, words, wordnet=known) for words, texts in pairs], np.float32)


def wups(found: Sequence[str], wanted: Sequence[str], threshold: float) -> Floats:
    """[n]: WUPS (Malinowski and Fritz, NIPS 2014) of answers, several of them joined by commas."""
    return np.array([_wups(_parts(a), _parts(b), threshold) for a, b in zip(found, wanted, strict=True)], np.float32)


def _wups(found: Sequence[str], wanted: Sequence[str], threshold: float) -> float:
    likeness = np.array([[_similar(a, b) for b in wanted] for a in found])
    likeness = np.where(likeness < threshold, BELOW * likeness, likeness)
    return float(min(likeness.max(1).prod(), likeness.max(0).prod()))


@cache
def _similar(first: str, second: str) -> float:
    """Wu and Palmer's similarity (ACL 1994) of the nearest senses as nouns, 0..1."""
    if first == second:
        return 1.0
    known: Any = wordnet()
    senses = [known.synsets(text.replace(" ", "_"), pos="n") for text in (first, second)]
    return max((a.wup_similarity(b) or 0.0 for a in senses[0] for b in senses[1]), default=0.0)


def _parts(text: str) -> list[str]:
    return [part.strip().lower() for part in text.split(",")]
