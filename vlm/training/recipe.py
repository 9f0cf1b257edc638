"""Recipes: all that a training run is told, as a TOML file read into typed settings."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from vlm.errors import AskpixError
from vlm.training.answers import AnswerSettings
from vlm.training.captions import CaptionSettings
from vlm.training.export import Naming
from vlm.training.retrieval import RetrievalSettings

T = TypeVar("T")
BUILTIN = Path(__file__).parent / "builtin.toml"


@dataclass(frozen=True)
class DataSettings:
    """The CSVs and image folders, relative to the data folder; `limit` pictures of each if not 0."""

    captions: str
    caption_images: str
    questions: str
    question_images: str
    limit: int = 0


@dataclass(frozen=True)
class VisionSettings:
    """The base network, the side in pixels, how many last blocks are tuned, views a picture."""

    network: str = "lite2"
    size: int = 260
    cut: int = 5
    views: int = 4
    tag_at_least: int = 30


@dataclass(frozen=True)
class ExportSettings:
    """What is decided when the model is written: storage, beam search, floors of tags."""

    bits: int = 8
    beams: int = 3
    length_power: float = 0.7
    longest_caption: int = 20
    class_floor: float = 0.2
    word_floor: float = 0.4
    # One picture in so many matches a query, when confidence is fitted.
    prior: int = 50


@dataclass(frozen=True)
class Recipe:
    """One run, from the base weights to a folder that `vlm.load` reads."""

    name: str
    seed: int
    data: DataSettings
    vision: VisionSettings
    retrieval: RetrievalSettings
    captions: CaptionSettings
    answers: AnswerSettings
    naming: Naming = field(default_factory=Naming)
    export: ExportSettings = field(default_factory=ExportSettings)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; AskpixError names the first thing that is wrong with it."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AskpixError(f"The recipe {path} cannot be read: {error}.") from error
    kinds: dict[str, Any] = {
        "data": DataSettings,
        "vision": VisionSettings,
        "retrieval": RetrievalSettings,
        "captions": CaptionSettings,
        "answers": AnswerSettings,
        "naming": Naming,
        "export": ExportSettings,
    }
    read = {name: _settings(path, name, kinds[name], tables[name]) for name in kinds if name in tables}
    plain = {name: value for name, value in tables.items() if name not in kinds}
    return _settings(path, "the top", Recipe, plain | read)


def _settings(path: Path, table: str, kind: type[T], values: dict[str, Any]) -> T:
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    if unknown := set(values) - known:
        raise AskpixError(f"The recipe {path} has an unknown setting {sorted(unknown)[0]} in {table}: remove it.")
    try:
        return kind(**values)
    except TypeError as error:
        raise AskpixError(f"The recipe {path} lacks a setting in {table}: {error}.") from error
