"""How far a run is: what it counted, where its time went, and what it is at."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

COUNTS = ("seen", "added", "unchanged", "refused", "captioned", "read")


@dataclass
class Summary:
    """What a run did: `seen`, `added`, `unchanged` and `refused` in files, `captioned`, `read` (for text) and
    `answered` (standing questions) in images; `stages` are the seconds spent in each, threads added up."""

    seen: int = 0
    added: int = 0
    unchanged: int = 0
    refused: int = 0
    captioned: int = 0
    read: int = 0
    answered: int = 0
    seconds: float = 0.0
    stages: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    reasons: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """The summary as the command line prints it."""
        counts = {name: getattr(self, name) for name in (*COUNTS, "answered")}
        stages = {stage: round(seconds, 3) for stage, seconds in self.stages.items()}
        return {**counts, "seconds": round(self.seconds, 3), "stages": stages, "reasons": dict(self.reasons)}


class Progress:
    """The phase a run is in, `done` of a `total`, and the clock of its stages, which run in several threads;
    `phases` are the seconds that each phase took."""

    def __init__(self) -> None:
        self.summary = Summary()
        self.phase = ""
        self.done = self.total = 0
        self.phases: dict[str, float] = {}
        self._started = time.perf_counter()
        self._entered = self._started
        self._before: dict[str, float] = {}
        self._lock = threading.Lock()

    def enter(self, phase: str, total: int = 0) -> None:
        """Begin a phase of so many files or images; an empty name ends the last one."""
        now = time.perf_counter()
        if self.phase:
            self.phases[self.phase] = now - self._entered
        self._entered = now
        self.phase, self.done, self.total = phase, 0, total
        self._before = dict(self.summary.stages)

    def advance(self, count: int) -> None:
        """So many more are done."""
        self.done += count
        self.summary.seconds = time.perf_counter() - self._started

    @property
    def each(self) -> dict[str, float]:
        """Milliseconds a file or image that each stage of this phase takes, the slowest first."""
        spent = {name: s - self._before.get(name, 0) for name, s in dict(self.summary.stages).items()}
        slow = sorted(spent, key=lambda name: -spent[name])
        return {name: 1000 * spent[name] / max(self.done, 1) for name in slow if spent[name] > 0}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent in here to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.spend({stage: time.perf_counter() - started})

    def spend(self, seconds: Mapping[str, float]) -> None:
        """Add the seconds that were spent in stages."""
        with self._lock:
            for stage, some in seconds.items():
                self.summary.stages[stage] += some
