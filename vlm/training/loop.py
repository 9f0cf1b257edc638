"""What all stages share: the device, the arithmetic, and epochs that can be interrupted and stopped early."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from vlm.training.progress import Progress


class Stateful(Protocol):
    """Modules, optimizers and schedules."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Go on from there."""


def device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def half_precision() -> AbstractContextManager[Any]:
    """bfloat16 arithmetic on a GPU and on processors that have it; elsewhere it would only be slower."""
    kind = device().type
    able = kind == "cuda" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.autocast(kind, torch.bfloat16, enabled=able)


def placed(*arrays: Any) -> tuple[Tensor, ...]:
    """Arrays or tensors as tensors on the device."""
    return tuple((x if isinstance(x, Tensor) else torch.from_numpy(x)).to(device()) for x in arrays)


def descend(
    loss: Tensor,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    clipped: nn.Module | None = None,
) -> None:
    """One step down the gradient, its norm over the module `clipped` at most 1, and one of the schedule."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if clipped is not None:
        torch.nn.utils.clip_grad_norm_(clipped.parameters(), 1.0)
    optimizer.step()
    schedule.step()


@torch.no_grad()
def averaged_towards(averaged: nn.Module, current: nn.Module, keep: float, steps: int) -> None:
    """Move the averaged weights a little towards the current ones (Polyak and Juditsky, 1992), faster at the start."""
    keep = min(keep, (1 + steps) / (10 + steps))
    for mean, now in zip(averaged.parameters(), current.parameters(), strict=True):
        mean.lerp_(now, 1 - keep)


@dataclass
class Epochs:
    """The epochs of one stage: `for epoch in epochs: ...`, a step of the optimizer at a time.

    After each epoch everything in `parts`, the random states and the best weights so far are written to
    `path`, and a run that finds the file goes on from it. `measure` tells how good the averaged weights
    are on dev (higher is better); when it has not risen for `patience` epochs the stage ends. In the end
    `averaged` holds the best weights, and the file is removed.
    """

    stage: str
    epochs: int
    steps: int
    path: Path
    parts: Mapping[str, Stateful]
    averaged: Mapping[str, nn.Module]
    generator: np.random.Generator
    measure: Callable[[int], float]
    patience: int = 3
    progress: Progress = field(init=False)

    def __iter__(self) -> Iterator[int]:
        best, best_epoch, first = -float("inf"), -1, 0
        weights = self._weights()
        self.progress = Progress(self.stage, self.epochs * self.steps)
        if self.path.exists():
            # Our own file, of tensors and plain values alone.
            saved = torch.load(self.path, weights_only=True, map_location=device())
            for name, part in (*self.parts.items(), *self.averaged.items()):
                part.load_state_dict(saved["parts"][name])
            self.generator.bit_generator.state = saved["generator"]
            torch.set_rng_state(saved["random"].cpu())
            best, best_epoch, first, weights = saved["best"], saved["best_epoch"], saved["next"], saved["weights"]
            self.progress.skip(first * self.steps)
        for epoch in range(first, self.epochs):
            if epoch - best_epoch > self.patience:
                break
            yield epoch
            if (score := self.measure(epoch)) > best:
                best, best_epoch, weights = score, epoch, self._weights()
            self._save(best=best, best_epoch=best_epoch, next=epoch + 1, weights=weights)
        for name, module in self.averaged.items():
            module.load_state_dict(weights[name])
        self.progress.close()

    def _weights(self) -> dict[str, Any]:
        return {name: copy.deepcopy(module.state_dict()) for name, module in self.averaged.items()}

    def _save(self, **values: Any) -> None:
        parts = {name: part.state_dict() for name, part in (*self.parts.items(), *self.averaged.items())}
        state = {"parts": parts, "generator": self.generator.bit_generator.state, "random": torch.get_rng_state()}
        save(self.path, state | values)


def save(path: Path, values: dict[str, Any]) -> None:
    """Write under another name first, so that an interrupted run leaves no half a file."""
    torch.save(values, path.with_suffix(".unfinished"))
    path.with_suffix(".unfinished").replace(path)
