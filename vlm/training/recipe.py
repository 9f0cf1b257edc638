"""Recipes: all that a training run is told, as a TOML file read into typed settings."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from vlm.errors import AskpixError
from vlm.training.answers import AnswerSettings
from vlm.training.captions import CaptionSettings
from vlm.training.languages import LanguageSettings
from vlm.training.material import DataSettings
from vlm.training.naming import Naming
from vlm.training.retrieval import RetrievalSettings

T = TypeVar("T")
BUILTIN, FINETUNE = (Path(__file__).parent / f"{name}.toml" for name in ("builtin", "finetune"))


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
    """What is decided when the model is written: storage, beam search, floors of tags and of gendered words."""

    bits: int = 8
    beams: int = 3
    length_power: float = 1.0
    longest_caption: int = 24
    class_floor: float = 0.2
    word_floor: float = 0.4
    gender_floor: float = 0.5


@dataclass(frozen=True)
class Recipe:
    """One run, to a folder that `vlm.load` reads: from the base weights, or from `start`, the folder of a
    finished model or "builtin"."""

    name: str
    seed: int
    data: DataSettings
    vision: VisionSettings
    retrieval: RetrievalSettings
    captions: CaptionSettings
    answers: AnswerSettings
    languages: LanguageSettings = field(default_factory=LanguageSettings)
    naming: Naming = field(default_factory=Naming)
    export: ExportSettings = field(default_factory=ExportSettings)
    start: str = ""


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
        "languages": LanguageSettings,
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
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except TypeError as error:
        raise AskpixError(f"The recipe {path} lacks a setting in {table}: {error}.") from error
