"""Run a model over a CSV of captions or questions and score what it does."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from vlm.errors import AskpixError
from vlm.picture import Picture, open_ahead
from vlm.protocols import Seen
from vlm.streams import batches
from vlm.training import evaluate
from vlm.training.data import read_rows

if TYPE_CHECKING:
    from vlm.model import Model

BATCH = 32
Scores = dict[str, float | int]


def measure_retrieval(model: "Model", data: Path, images: Path, split: str | None) -> Scores:
    """Recall at 1, 5 and 10 in percent and median rank, both ways, among all pictures of the data."""
    captions = _captions(data, split)
    embeddings = np.concatenate([seen.embeddings for seen in _seen(model, images, captions)])
    texts = [text for written in captions.values() for text in written]
    owner = np.repeat(np.arange(len(captions)), [len(written) for written in captions.values()])
    scores = evaluate.retrieval(embeddings, model.encode_texts(texts), owner)
    found: Scores = {"images": len(captions), "captions": len(texts)}
    for way, recall in (("text_to_image", scores.text_to_image), ("image_to_text", scores.image_to_text)):
        found |= {f"{way}_recall@{k}": at for k, at in ((1, recall.at_1), (5, recall.at_5), (10, recall.at_10))}
        found[f"{way}_median_rank"] = recall.median_rank
    return found


def measure_captions(model: "Model", data: Path, images: Path, split: str | None) -> Scores:
    """BLEU-4 and CIDEr in percent of one caption a picture against all that people wrote."""
    captions = _captions(data, split)
    written = [one.caption for seen in _seen(model, images, captions) for one in model.describe(seen)]
    scores = evaluate.captions(written, list(captions.values()))
    return {"images": scores.images, "bleu_4": scores.bleu_4, "cider": scores.cider, "distinct": len(set(written))}


def measure_answers(model: "Model", data: Path, images: Path, split: str | None) -> Scores:
    """Exact accuracy in percent; several answers joined by commas are compared as sets."""
    asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in _read(data, ("image", "question", "answers"), split):
        asked[row["image"]].append((row["question"], row["answers"]))
    found, wanted = [], []
    for names, seen in zip(batches(asked, BATCH), _seen(model, images, asked), strict=True):
        rows = [(i, *pair) for i, name in enumerate(names) for pair in asked[name]]
        answers = model.answer(seen.take([i for i, _, _ in rows]), [question for _, question, _ in rows])
        found += [answer.text for answer in answers]
        wanted += [right for _, _, right in rows]
    scores = evaluate.answers(found, wanted)
    return {"images": len(asked), "questions": scores.questions, "accuracy": scores.exact}


MEASURES: dict[str, Callable[["Model", Path, Path, str | None], Scores]] = {
    "retrieval": measure_retrieval,
    "captions": measure_captions,
    "answers": measure_answers,
}


def _captions(data: Path, split: str | None) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = defaultdict(list)
    for row in _read(data, ("image", "caption"), split):
        captions[row["image"]].append(row["caption"])
    return captions


def _read(data: Path, columns: tuple[str, ...], split: str | None) -> list[dict[str, str]]:
    rows = read_rows(data, columns, split)
    if not rows:
        raise AskpixError(f"{data} has no rows" + (f" of the split {split!r}" if split else "") + " to measure with")
    return rows


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
