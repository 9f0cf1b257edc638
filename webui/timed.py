"""Models that note how long they are at work, loaded when they are first used like any other."""

import time
from collections.abc import Callable
from typing import Any

import vlm
from searcher.settings import Settings
from vlm.protocols import Task

Noted = Callable[[str, float], None]  # what was done, and in how many seconds

_TIMED = {"look", "encode_texts", "describe", "answer"}


class Timed:
    """A model, whose work is noted."""

    def __init__(self, load: Callable[[], Any], noted: Noted) -> None:
        self._load = load
        self._noted = noted

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._load(), name)
        return self._timing(name, found) if name in _TIMED else found

    def _timing(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return work(*given, **named)
            finally:
                self._noted(name, time.perf_counter() - started)

        return timed


def timed_models(settings: Settings, noted: Noted) -> dict[str, Any]:
    """The models that a `searcher.Library` of these settings is to be given, so that their work is noted."""
    models = vlm.Models(settings)

    def model(name: str, task: Task) -> Timed:
        return Timed(lambda: models.get(name, task), noted)

    timed: dict[str, Any] = {"encoder": model(settings.model, "encode")}
    # One that is the encoder too is taken from there.
    if settings.captioner not in {None, settings.model}:
        timed["captioner"] = model(str(settings.captioner), "caption")
    if settings.answerer not in {None, settings.model}:
        timed["answerer"] = model(str(settings.answerer), "answer")
    return timed
