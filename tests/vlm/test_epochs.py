"""Interrupted training goes on as if nothing had happened, and ends when dev gets no better."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vlm.training.loop import Epochs, averaged_towards


class Interrupted(Exception):
    """As by a power cut."""


def fit(path: Path, measure: Callable[[int, nn.Module], float], stop_at: int = -1, epochs: int = 6) -> nn.Module:
    """A few steps on random data, all random states in use; returns the averaged weights."""
    torch.manual_seed(1)
    generator = np.random.default_rng(1)
    module, averaged = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)), nn.Sequential(nn.Linear(4, 4))
    averaged.load_state_dict({name: each.clone() for name, each in module.state_dict().items()})
    optimizer = torch.optim.AdamW(module.parameters(), 0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=3 * epochs)
    states = {"module": module, "optimizer": optimizer, "schedule": schedule}
    running = Epochs(
        "test", epochs, 3, path, states, {"averaged": averaged}, generator, lambda epoch: measure(epoch, averaged)
    )
    for epoch in running:
        for _ in range(3):
            if epoch == stop_at:
                raise Interrupted
            values = torch.from_numpy(generator.normal(size=(8, 4)).astype(np.float32))
            loss = (module(values) - values).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            averaged_towards(averaged, module, 0.9, running.progress.done)
            running.progress.step(loss.item(), float(schedule.get_last_lr()[0]))
    return averaged


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_an_interrupted_stage_ends_as_it_would_have(tmp_path: Path, stop_at: int) -> None:
    whole = fit(tmp_path / "whole", lambda epoch, _: float(epoch))
    with pytest.raises(Interrupted):
        fit(tmp_path / "cut", lambda epoch, _: float(epoch), stop_at)
    resumed = fit(tmp_path / "cut", lambda epoch, _: float(epoch))
    for expected, found in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(expected, found, rtol=0, atol=0)


def test_the_best_epoch_is_kept_and_the_stage_ends_when_dev_gets_no_better(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    def measure(epoch: int, averaged: nn.Module) -> float:
        seen.append(next(averaged.parameters()).detach().clone())
        return -abs(epoch - 1)

    best = fit(tmp_path / "early", measure, epochs=30)
    assert len(seen) == 5  # the second was the best, and three more were waited for
    torch.testing.assert_close(next(best.parameters()), seen[1], rtol=0, atol=0)
