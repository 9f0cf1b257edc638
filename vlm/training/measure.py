"""Run a model over a CSV of captions or questions and score what it does."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from vlm.errors import AskpixError
from vlm.picture import Picture, open_ahead
from vlm.protocols import Seen
from vlm.streams import batches
from vlm.training import evaluate, wordnet
from vlm.training.calibrate import Diagram, diagram
from vlm.training.data import read_rows
from vlm.training.evaluate import Score, bootstrap

if TYPE_CHECKING:
    from vlm.model import Model

BATCH = 32
SHOWN = 20  # hits a query, whose confidence is compared with the truth
WUPS = (0.9, 0.0)


@dataclass(frozen=True)
class Data:
    """A CSV, the rows of it that are measured (by the values of columns), and the folder of its pictures."""

    path: Path
    images: Path
    where: Mapping[str, str]

    def rows(self, *columns: str) -> list[dict[str, str]]:
        """The rows; AskpixError if there are none."""
        found = [
            row
            for row in read_rows(self.path, columns, None)
            if all(row.get(name) == value for name, value in self.where.items())
        ]
        if not found:
            wanted = "".join(f" with {name}={value}" for name, value in self.where.items())
            raise AskpixError(f"{self.path} has no rows{wanted} to measure with: look at its columns.")
        return found


@dataclass(frozen=True)
class Case:
    """One thing the model did: how well (higher is better), about which picture, and what was said."""

    value: float
    image: Path
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """What was measured: counts, scores, how far confidence can be relied on, and every case."""

    counts: dict[str, int]
    scores: dict[str, Score]
    cases: list[Case]
    reliability: Diagram | None = None


def measure_retrieval(model: "Model", data: Data, language: str) -> Measured:  # noqa: ARG001
    """Recall at 1, 5 and 10 in percent and median rank, both ways, among all pictures of the data."""
    captions = _captions(data)
    names = list(captions)
    embeddings = np.concatenate([seen.embeddings for seen in _seen(model, data.images, names)])
    texts = [text for written in captions.values() for text in written]
    owner = np.repeat(np.arange(len(names)), [len(written) for written in captions.values()])
    queries = model.encode_texts(texts)
    found = evaluate.retrieval(embeddings, queries, owner, getattr(model, "background", None))
    scores: dict[str, Score] = {}
    for way, recall in (("text_to_image", found.text_to_image), ("image_to_text", found.image_to_text)):
        scores |= {f"{way}_recall@{k}": bootstrap(100 * (recall.ranks <= k)) for k in (1, 5, 10)}
        scores[f"{way}_median_rank"] = bootstrap(recall.ranks, lambda ranks: float(np.median(ranks)))
    chances, right, cases = [], [], []
    for text, query, own, rank in zip(texts, queries, owner, found.text_to_image.ranks, strict=True):
        best = np.argsort(-(embeddings @ query))[:SHOWN]
        chances.append(model.confidence(query, embeddings[best], len(names)))
        right.append(best == own)
        lines = (f"query: {text}", f"rank of its picture: {rank}", f"found first: {names[best[0]]}")
        cases.append(Case(-float(rank), data.images / names[own], lines))
    counts = {"images": len(names), "captions": len(texts)}
    return Measured(counts, scores, cases, diagram(np.concatenate(chances), np.concatenate(right)))


def measure_captions(model: "Model", data: Data, language: str) -> Measured:
    """BLEU, METEOR, content words' F1 and CIDEr in percent of one caption a picture against all that people wrote."""
    captions = _captions(data)
    written = [one.caption for seen in _seen(model, data.images, captions) for one in model.describe(seen, language)]
    found = evaluate.captions(written, list(captions.values()), language)
    cases = [
        Case(float(cider), data.images / name, (f"written: {text}", *(f"people: {each}" for each in captions[name])))
        for name, text, cider in zip(captions, written, found.ciders, strict=True)
    ]
    return Measured({"images": len(captions), "distinct": len(set(written))}, found.scores(), cases)


def measure_answers(model: "Model", data: Data, language: str) -> Measured:  # noqa: ARG001
    """Exact accuracy and WUPS in percent; several answers joined by commas are compared as sets."""
    asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in data.rows("image", "question", "answers"):
        asked[row["image"]].append((row["question"], row["answers"]))
    found, about = [], []
    for names, seen in zip(batches(asked, BATCH), _seen(model, data.images, asked), strict=True):
        rows = [(i, name, *pair) for i, name in enumerate(names) for pair in asked[name]]
        found += model.answer(seen.take([row[0] for row in rows]), [row[2] for row in rows])
        about += rows
    texts, wanted = [answer.text for answer in found], [row[3] for row in about]
    right = evaluate.exact(texts, wanted)
    scores = {"accuracy": bootstrap(100 * right)}
    if wordnet.wordnet() is not None:
        scores |= {f"wups@{at}": bootstrap(100 * wordnet.wups(texts, wanted, at)) for at in WUPS}
    chances = np.array([answer.confidence for answer in found])
    cases = [
        Case(
            float(answer.confidence if is_right else -answer.confidence),
            data.images / name,
            (f"question: {question}", f"answer: {answer.text} ({answer.confidence:.0%})", f"people: {people}"),
        )
        for answer, is_right, (_, name, question, people) in zip(found, right, about, strict=True)
    ]
    counts = {"images": len(asked), "questions": len(found)}
    return Measured(counts, scores, cases, diagram(chances, right.astype(bool)))


MEASURES: dict[str, Callable[["Model", Data, str], Measured]] = {
    "retrieval": measure_retrieval,
    "captions": measure_captions,
    "answers": measure_answers,
}


def _captions(data: Data) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = defaultdict(list)
    for row in data.rows("image", "caption"):
        captions[row["image"]].append(row["caption"])
    return captions


def _seen(model: "Model", images: Path, names: Iterable[str]) -> Iterator[Seen]:
    """What the model sees of the named pictures, batch by batch; one that cannot be read ends the measure."""
    files = [images / name for name in names]
    opened = tqdm(open_ahead(files, model.image_size), total=len(files), unit=" photos", desc="looking")
    for batch in batches(opened, BATCH):
        pictures = []
        for path, picture in batch:
            if not isinstance(picture, Picture):
                raise AskpixError(f"{path}: {picture}; measure on pictures that can be read")
            pictures.append(picture.image)
        yield model.look(pictures)
