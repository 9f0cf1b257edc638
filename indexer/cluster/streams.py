"""Items streamed through a cluster by Ray Data: prepared on its processors, then given to the model that some of its
processes hold, and back to this one.

Ray holds the stream back: a picture is decoded only while there is room for it in the memory for objects, of which a
stream takes no more than `SHARE`, and while a model is to take it soon. A process or machine that is lost has what it
was at done again by another.
"""

import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from indexer.cluster.joining import Cluster
from indexer.progress import Progress
from vlm.errors import AskpixError, first_line
from vlm.streams import batches

if TYPE_CHECKING:
    import pyarrow as pa
    from ray.data import Dataset

Timed = Callable[[str], AbstractContextManager[None]]
Prepare = Callable[[list[Any], Timed], Iterator[Any]]
Make = Callable[[list[Any], Timed], Sequence[Any]]

BATCH = 16  # items that are prepared by one task, and are given to a model together
GPU_BATCH = 256  # a GPU is given more
COMMIT = 256  # results that are written together, or as many as the models give at a time if these are fewer
# For each processor one process prepares and one runs a model; the system gives it to whichever has something to do. By
# these shares Ray finds room for them: half of the machines may be lost, and all still fits on the others.
PREPARING, MAKING = 0.1, 0.4
AHEAD = 2  # batches with a model's process: one that it is at, and the next
SHARE = 0.5  # of the memory for objects; the rest is for what is read at the moment
_BLOCK = 64 << 20  # bytes; more than a batch of pictures has, so that none is cut into two
_AT_ONCE = 1_000_000  # items given to Ray; models are loaded anew after as many
_STUCK_S = 900  # without a result; the largest models are loaded in less
_ON_GPU = ("open_clip:", "hf:")


@dataclass(frozen=True)
class Work:
    """What is done to items: each is prepared by whoever has a processor, then made into a result by the model called
    `by`. Both are sent to the workers, models as what they are loaded from."""

    prepare: Prepare
    make: Make
    by: str


def stream(cluster: Cluster, items: Iterable[Any], work: Work, progress: Progress) -> Iterator[list[Any]]:
    """The results of items, some together, in no order; the seconds that workers spent are added to the stages.

    Raises AskpixError as the work does, and when the cluster fails or gets nowhere.
    """
    gpus = cluster.gpus if work.by.startswith(_ON_GPU) else 0
    together = min(gpus * GPU_BATCH or cluster.cpus * BATCH, COMMIT)
    source = iter(items)
    while packed := [pickle.dumps(some) for some in batches(islice(source, _AT_ONCE), BATCH)]:
        results = _pipeline(cluster, packed, work, gpus)
        with _failing():
            for table in results.iter_batches(batch_size=together, batch_format="pyarrow"):
                yield _unpacked(table, progress)


@contextmanager
def _failing() -> Iterator[None]:
    """Say in one line what goes wrong with the cluster, or with what a user can mend on it."""
    from ray.data.exceptions import ExecutionTimeoutError
    from ray.exceptions import RayError, RayTaskError

    lost = "what was committed is kept, so run it again once the cluster is well (ray status)"
    try:
        yield
    except ExecutionTimeoutError as error:
        raise AskpixError(f"the cluster has got nowhere for {_STUCK_S // 60} minutes; {lost}") from error
    except RayTaskError as error:
        cause: BaseException | None = error  # Ray has its own around what was raised, which may itself be a cause
        while cause and not (isinstance(cause, AskpixError) and not isinstance(cause, RayError)):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is None:
            raise
        raise AskpixError(first_line(cause)) from error
    except RayError as error:
        raise AskpixError(f"the cluster fails ({first_line(error)}); {lost}") from error


def _pipeline(cluster: Cluster, packed: list[bytes], work: Work, gpus: int) -> "Dataset":
    import ray.data
    from ray.data import ActorPoolStrategy, DataContext, ExecutionResources

    context = DataContext.get_current().copy()
    context.target_max_block_size = _BLOCK
    context.execution_options.resource_limits = ExecutionResources(object_store_memory=SHARE * cluster.objects)
    context.enable_progress_bars = context.print_on_execution_start = False
    context.raise_original_map_exception = True
    context.execution_no_progress_timeout_s = _STUCK_S
    with DataContext.current(context):
        items = ray.data.from_items([{"items": one} for one in packed], override_num_blocks=len(packed))
    return items.map_batches(
        partial(_prepared, prepare=work.prepare),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=PREPARING,
        concurrency=min(cluster.cpus, len(packed)),
    ).map_batches(
        _Maker,
        fn_constructor_args=[work.make],
        batch_size=GPU_BATCH if gpus else BATCH,
        batch_format="pyarrow",
        num_cpus=MAKING,
        num_gpus=1 if gpus else 0,
        compute=ActorPoolStrategy(size=min(gpus or cluster.cpus, len(packed)), max_tasks_in_flight_per_actor=AHEAD),
    )


def _prepared(table: "pa.Table", prepare: Prepare) -> Iterator["pa.Table"]:
    """Run in a worker: one list of items prepared, some of it at a time."""
    clock = Progress()
    (packed,) = table["items"]
    for some in batches(prepare(pickle.loads(packed.as_buffer()), clock.timed), BATCH):  # noqa: S301  of our own
        yield _packed(some, clock)


class _Maker:
    """A process of a worker that holds a model."""

    def __init__(self, make: Make) -> None:
        self._make = make

    def __call__(self, table: "pa.Table") -> "pa.Table":
        clock = Progress()
        return _packed(self._make(_unpacked(table, clock), clock.timed), clock)


def _packed(items: Sequence[Any], clock: Progress) -> "pa.Table":
    """Items, one a row, and in the first row the seconds that were spent on them."""
    import pyarrow as pa

    spent = [json.dumps(clock.summary.stages), *[""] * (len(items) - 1)]
    clock.summary.stages.clear()
    packed = [pickle.dumps(item, pickle.HIGHEST_PROTOCOL) for item in items]
    return pa.table({"item": pa.array(packed, pa.large_binary()), "spent": pa.array(spent)})


def _unpacked(table: "pa.Table", progress: Progress) -> list[Any]:
    for spent in filter(None, table["spent"].to_pylist()):
        progress.spend(json.loads(spent))
    return [pickle.loads(item.as_buffer()) for item in table["item"]]  # noqa: S301  of our own
