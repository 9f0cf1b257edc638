"""How many at a time: grown while it pays, halved when memory runs out, and nothing lost."""

from collections.abc import Sequence

import pytest
import torch

from vlm.devices import CPU_BATCH, GPU_BATCH, LARGEST, Batches, place
from vlm.errors import AskpixError
from vlm.runtime import Runtime, runtime_of


def test_batches_halve_when_memory_runs_out_and_lose_nothing() -> None:
    tried: list[int] = []

    def work(items: Sequence[int]) -> list[int]:
        tried.append(len(items))
        if len(items) > 10:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return list(items)

    batches = Batches("cuda")
    assert [i for part in batches.map(work, range(100)) for i in part] == list(range(100))
    assert tried[:4] == [64, 32, 16, 8]
    assert batches.size <= 10
    assert [len(part) for part in batches.map(work, range(16))] == [8, 8]


def test_a_single_picture_that_does_not_fit_is_said_in_one_line() -> None:
    def work(items: Sequence[int]) -> None:
        raise MemoryError

    with pytest.raises(AskpixError, match="memory does not hold the model and one picture"):
        Batches("cpu").map(work, [1])


def test_another_error_is_not_taken_for_one_of_memory() -> None:
    def work(items: Sequence[int]) -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        Batches("cpu").map(work, [1, 2])


def test_a_gpu_s_batches_grow_while_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def work(items: Sequence[int]) -> None:
        now[0] += 1 + len(items) / 1000 if len(items) <= 256 else 100

    batches = Batches("cuda")
    assert batches.size == GPU_BATCH
    batches.map(work, range(3000))
    assert batches.size == 256 < LARGEST


def test_a_processor_keeps_its_batch() -> None:
    batches = Batches("cpu")
    sizes = [len(part) for part in batches.map(list, range(100))]
    assert sizes == [CPU_BATCH] * 3 + [4]


def test_arithmetic_is_the_fastest_that_the_processor_has() -> None:
    able = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert str(place(Runtime(device="cpu"))) == f"cpu, {'bfloat16' if able else 'float32'}"
    assert str(place(Runtime(device="cpu", dtype="float32"))) == "cpu, float32"


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"device": "gpu"}, r"the setting device is wrong.*\(auto, cpu, cuda, cuda:N or mps\)"),
        ({"dtype": "int4"}, "the setting dtype is wrong"),
        ({"caption_prompt": "in {lang}"}, "the only {name} it may hold is {language}"),
    ],
)
def test_a_wrong_setting_says_what_is_allowed(flags: dict[str, str], line: str) -> None:
    with pytest.raises(AskpixError, match=line):
        runtime_of(**flags)
