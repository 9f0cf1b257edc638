"""Where torch models run, in which arithmetic, and how many pictures at a time.

Everything here needs torch; models that do without it (the built-in one, exported ones) do not come here.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from vlm.errors import AskpixError
from vlm.runtime import Runtime

if TYPE_CHECKING:
    import torch

In = TypeVar("In")
Out = TypeVar("Out")

# Pictures at a time: on a processor more makes nothing faster; a GPU starts here and grows while it pays.
CPU_BATCH, GPU_BATCH, LARGEST = 32, 64, 512
PAYS = 1.05  # a larger batch is kept when it is that much faster


@dataclass(frozen=True)
class Place:
    """A device and the arithmetic on it."""

    device: "torch.device"
    dtype: "torch.dtype"

    def __str__(self) -> str:
        return f"{self.device}, {str(self.dtype).removeprefix('torch.')}"


def place(runtime: Runtime) -> Place:
    """The device and arithmetic that the settings ask for; "auto" takes the fastest there is.

    Raises AskpixError when there is no such device.
    """
    import torch

    device = torch.device(_device(runtime.device))
    if runtime.threads:
        torch.set_num_threads(runtime.threads)
    return Place(device, _dtype(device.type) if runtime.dtype == "auto" else getattr(torch, runtime.dtype))


def _device(wanted: str) -> str:
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    kind, _, number = wanted.partition(":")
    if (kind == "cuda" and not cuda) or (kind == "mps" and not mps):
        raise AskpixError(f"no {kind} device is seen here; use --device cpu, or auto (see askpix doctor)")
    if number and int(number) >= torch.cuda.device_count():
        raise AskpixError(f"there is no {wanted}; the devices are cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return wanted


def _dtype(kind: str) -> "torch.dtype":
    """bfloat16 on a GPU and on processors that have it, where it is up to four times as fast; else float32."""
    import torch

    if kind == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if kind == "mps":
        return torch.float16
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32


class Batches:
    """How many items at a time go through a network: grows while that pays, halves when memory runs out.

    No item is lost: those that did not fit are tried again in smaller batches.
    """

    def __init__(self, kind: str, first: int | None = None) -> None:
        """`kind` is the device's: "cpu" keeps its size, which is `first` if given, a GPU finds its own from there."""
        self.size = first or (CPU_BATCH if kind == "cpu" else GPU_BATCH)
        self._settled = kind == "cpu"
        self._rate = 0.0
        self._lock = threading.Lock()

    def map(self, work: Callable[[Sequence[In]], Out], items: Sequence[In]) -> list[Out]:
        """`work` of the items, batch by batch, in their order.

        Raises AskpixError when even one item alone does not fit into memory.
        """
        done: list[Out] = []
        start = 0
        while start < len(items):
            size = self.size
            batch = items[start : start + size]
            began = time.perf_counter()
            try:
                done.append(work(batch))
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                self._shrink(len(batch))
                continue
            start += len(batch)
            if len(batch) == size:
                self._grow(size, len(batch) / (time.perf_counter() - began))
        return done

    def _shrink(self, tried: int) -> None:
        if tried == 1:
            raise AskpixError("memory does not hold the model and one picture; use a smaller model or --device cpu")
        _free()
        with self._lock:
            self.size, self._settled = max(1, tried // 2), True

    def _grow(self, size: int, rate: float) -> None:
        with self._lock:
            if self._settled or size != self.size:
                return
            paid = rate > PAYS * self._rate
            self._settled = not paid or size >= LARGEST
            if paid:
                self._rate = rate
                self.size = min(2 * size, LARGEST)
            else:
                self.size = size // 2


def _out_of_memory(error: BaseException) -> bool:
    import torch

    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return "out of memory" in str(error).lower() or "not enough memory" in str(error).lower()


def _free() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
