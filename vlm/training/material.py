"""What a run learns from and is measured on: the tables that a recipe names, read."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlm.errors import AskpixError
from vlm.protocols import Floats
from vlm.training.data import Asked, Captioned, read_asked, read_captioned, read_rows

TRAIN, DEV = "train", "dev"


@dataclass(frozen=True)
class DataSettings:
    """The CSVs and image folders, relative to the data folder; `limit` pictures of each if not 0.

    `captions` has `image,caption` and perhaps `split`, train or dev; without, every tenth picture is dev.

    `translations` has `split,image,source,caption`: captions of the same pictures in Chinese, where
    those whose source is "machine" translate the picture's English captions in order. `parallel` has
    `image,en` and a column a language, `told` are captions alone. A file that is not named is done without.
    """

    captions: str
    caption_images: str
    questions: str = ""
    question_images: str = ""
    translations: str = ""
    parallel: str = ""
    told: tuple[str, ...] = ()
    limit: int = 0


@dataclass(frozen=True)
class Material:
    """All of it. `chinese` and `chinese_dev` hold the Chinese captions of the captioned pictures that
    people wrote and, for training, that machines translated."""

    captioned: Captioned
    captioned_dev: Captioned
    asked: Asked
    asked_dev: Asked
    chinese: list[list[str]]
    chinese_dev: list[list[str]]
    translated: list[list[str]]
    parallel: list[dict[str, str]]
    told: list[str]


def material(settings: DataSettings, data: Path) -> Material:
    """Read the CSVs."""
    captions = (data / settings.captions, data / settings.caption_images)
    questions = (data / settings.questions, data / settings.question_images)
    captioned, dev = (read_captioned(*captions, split, settings.limit) for split in (TRAIN, DEV))
    if not dev.images:
        captioned, dev = _held_out(captioned)
    if not (captioned.images and dev.images):
        raise AskpixError(f"{captions[0]} must have captions of two pictures at least, one of them to measure on.")
    asked, asked_dev = (
        read_asked(*questions, split, settings.limit) if settings.questions else Asked([], [], [], [])
        for split in (TRAIN, DEV)
    )
    translations = data / settings.translations if settings.translations else None
    return Material(
        captioned,
        dev,
        asked,
        asked_dev,
        _translations(translations, captioned, TRAIN, "written"),
        _translations(translations, dev, DEV, "written"),
        _translations(translations, captioned, TRAIN, "machine"),
        read_rows(data / settings.parallel, ("en",), None) if settings.parallel else [],
        [row["caption"] for name in settings.told for row in read_rows(data / name, ("caption",), None)],
    )


def _held_out(captioned: Captioned) -> tuple[Captioned, Captioned]:
    """Every tenth picture is for dev where the table keeps none."""
    rows = range(len(captioned.images))
    train, dev = ([i for i in rows if (i % 10 == 0) == held] for held in (False, True))

    def part(some: list[int]) -> Captioned:
        return Captioned([captioned.images[i] for i in some], [captioned.captions[i] for i in some])

    return part(train), part(dev)


def _translations(path: Path | None, captioned: Captioned, split: str, source: str) -> list[list[str]]:
    """The captions of one source, a list a picture, in the pictures' order."""
    if path is None:
        return []
    texts: dict[str, list[str]] = defaultdict(list)
    for row in read_rows(path, ("image", "source", "caption"), split):
        if row["source"] == source:
            texts[row["image"]].append(row["caption"])
    most = max(map(len, texts.values()), default=0)
    if missing := [image.name for image in captioned.images if not texts[image.name]]:
        raise AskpixError(f"{path} has no {source} caption of {missing[0]}: add one, or name no translations.")
    return [[(own := texts[image.name])[i % len(own)] for i in range(most)] for image in captioned.images]


@dataclass(frozen=True)
class Foreign:
    """Texts of other languages, where each belongs (a row of `targets`, unit [m, 384]), the captioned
    picture that each is about (-1: none of them), and English texts besides."""

    texts: list[str]
    row: list[int]
    picture: list[int]
    english: list[str]
    english_row: list[int]
    targets: Floats


def foreign(given: Material, embedded: Floats, parallel: Floats) -> Foreign:
    """Pair texts with the English embeddings of their pictures' captions [n, c, 384] and of the parallel
    rows [p, 384]. What people wrote in Chinese translates no single caption: it belongs to their mean."""
    pictures, captions = embedded.shape[:2]
    mean = embedded.mean(1)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    targets = np.concatenate([embedded.reshape(-1, embedded.shape[2]), parallel, mean]).astype(np.float32)
    first_parallel, first_mean = pictures * captions, pictures * captions + len(parallel)
    found = Foreign([], [], [], [], [], targets)

    def add(text: str, row: int, picture: int) -> None:
        found.texts.append(text)
        found.row.append(row)
        found.picture.append(picture)

    for picture, texts in enumerate(given.translated):
        for place, text in enumerate(texts[:captions]):
            add(text, picture * captions + place, picture)
    for picture, texts in enumerate(given.chinese):
        for text in texts:
            add(text, first_mean + picture, picture)
    for row, parallel_texts in enumerate(given.parallel, start=first_parallel):
        for name, text in parallel_texts.items():
            if name == "en":
                found.english.append(text)
                found.english_row.append(row)
            elif name not in ("image", "split"):
                add(text, row, -1)
    return found
