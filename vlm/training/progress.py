"""A bar on standard error with loss, learning rate and the time left."""

from tqdm import tqdm


class Progress:
    """Counts steps; shows a running mean of the loss rather than its jumps."""

    def __init__(self, stage: str, steps: int) -> None:
        self.done = 0
        self._loss: float | None = None
        self._bar = tqdm(total=steps, desc=stage, unit="step", mininterval=2.0, dynamic_ncols=True)

    def skip(self, steps: int) -> None:
        """An earlier run made these steps."""
        self.done = steps
        self._bar.update(steps)
        self._bar.unpause()

    def step(self, loss: float, rate: float) -> None:
        """One optimizer step was made."""
        self.done += 1
        self._loss = loss if self._loss is None else 0.98 * self._loss + 0.02 * loss
        self._bar.update()
        self._bar.set_postfix(loss=f"{self._loss:.3f}", rate=f"{rate:.1e}", refresh=False)

    def close(self) -> None:
        """The stage is over."""
        self._bar.close()
