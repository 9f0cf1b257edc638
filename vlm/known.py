"""Models worth knowing: what each does, and what it costs to get."""

import json
import os
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from platformdirs import user_cache_path

from vlm.protocols import Encoder, Task

MEASURED = 32  # pictures that a model's speed is taken over


@dataclass(frozen=True)
class Known:
    """A model: the size of its weights in MB, the languages it reads, and the hub repository it comes from."""

    name: str
    tasks: list[Task]
    languages: str
    licence: str
    megabytes: int
    repository: str = ""

    @property
    def installed(self) -> bool:
        """Whether its weights are on this machine."""
        if not self.repository:
            return True
        kept = hub_cache() / f"models--{self.repository.replace('/', '--')}" / "snapshots"
        return kept.is_dir() and any(kept.iterdir())


def known() -> list[Known]:
    """The models of known.toml, the built-in one first."""
    with (Path(__file__).parent / "known.toml").open("rb") as file:
        return [Known(**one) for one in tomllib.load(file)["model"]]


def hub_cache() -> Path:
    """Where the hub's downloads lie, as HF_HUB_CACHE and HF_HOME say."""
    home = Path(os.environ.get("HF_HOME") or Path("~/.cache/huggingface").expanduser())
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


def measure(model: Encoder, images: Sequence[Image.Image]) -> float:
    """Seconds that the model takes to look at one picture, once warm."""
    model.look(images)
    started = time.perf_counter()
    model.look(images)
    return (time.perf_counter() - started) / len(images)


def speeds() -> dict[str, float]:
    """Seconds a picture that were measured on this machine, by the models' names as given."""
    try:
        found: dict[str, float] = json.loads(_speeds_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def remember_speed(name: str, seconds: float) -> None:
    """Keep a model's speed for the next list."""
    path = _speeds_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(speeds() | {name: round(seconds, 5)}, indent=2), encoding="utf-8")
    part.replace(path)


def _speeds_path() -> Path:
    return user_cache_path("askpix") / "speeds.json"
