"""What the workers of a cluster do: the stages of a run before anything is written, and what is filled in later."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from PIL import Image

from indexer.cluster.streams import BATCH, Timed
from indexer.filling import Filled, opened
from indexer.scan import Found
from indexer.stages import Stages
from indexer.store import Job, Store
from searcher import Library
from searcher.settings import Settings
from vlm.protocols import Captioner, Description, Encoder
from vlm.streams import batches
from vlm.video import split_moment

_CLAIMS = 100_000  # contents that workers may be at; far more than they are
_NOTHING = Image.new("RGB", (1, 1))


@dataclass(frozen=True)
class Arrival:
    """A job that has been through the workers, its pixels left there, with what the encoder wrote about the picture.

    Of a whole video `moments` says how many it has, and of a file that could not be opened `host` on which machine.
    """

    job: Job
    told: Description | None = None
    moments: int = 0
    host: str = ""


@dataclass(frozen=True)
class Decode:
    """The stages before encoding; `known` (an actor of `Known`) says what need not be encoded."""

    image_size: int
    max_pixels: int
    known: Any

    def __call__(self, files: list[Found], timed: Timed) -> Iterator[Arrival]:
        """All files hashed, then decoded a few at a time."""
        import ray

        stages = Stages(self.image_size, self.max_pixels, timed)
        hashed = list(stages.hash_ahead(files, BATCH))
        moments: Counter[tuple[str, str]] = Counter()
        for jobs in batches(chain.from_iterable(map(stages.moments, hashed)), BATCH):
            with timed("look up"):
                lacking = ray.get(self.known.lacking.remote([(job.hash, str(job.found.path)) for job in jobs]))
            for job, embed in zip(jobs, lacking, strict=True):
                done = stages.decode(replace(job, embed=embed))
                moments[video_of(done.found)] += done.found.moment
                whole = 0 if done.found.moment else moments[video_of(done.found)]
                yield Arrival(done, moments=whole, host=socket.gethostname() if done.again else "")


@dataclass(frozen=True)
class Look:
    """Encoding, and captions out of the same look if the encoder is a `captioner` too."""

    encoder: Encoder
    captioner: Captioner | None
    language: str

    def __call__(self, arrivals: list[Arrival], timed: Timed) -> list[Arrival]:
        """The same arrivals."""
        new = [one.job for one in arrivals if _is_new(one.job)]
        with timed("encode"):
            seen = self.encoder.look([job.picture.image for job in new if job.picture])
        told: Sequence[Description | None] = [None] * len(new)
        if self.captioner and new:
            with timed("captions"):
                told = self.captioner.describe(seen, self.language)
        made = iter(zip(seen.embeddings, told, strict=True))
        return [_looked_at(one, *(next(made) if _is_new(one.job) else (None, None))) for one in arrivals]


def _is_new(job: Job) -> bool:
    return job.embed and job.picture is not None


def _looked_at(arrival: Arrival, embedding: Any, told: Description | None) -> Arrival:
    picture = arrival.job.picture and replace(arrival.job.picture, image=_NOTHING)
    return replace(arrival, job=replace(arrival.job, picture=picture, embedding=embedding), told=told)


@dataclass(frozen=True)
class Open:
    """Pictures that something is to be filled in for."""

    side: int
    max_pixels: int

    def __call__(self, images: list[Filled], timed: Timed) -> Iterator[Filled]:
        """The images, each with its picture or why it has none."""
        for image in images:
            with timed("decode"):
                yield opened(image, self.side, self.max_pixels)


@dataclass(frozen=True)
class Fill:
    """What a kind makes of pictures (`Kind.phase`, `Kind.make`)."""

    phase: str
    make: Callable[[Sequence[Filled]], Sequence[Any]]

    def __call__(self, images: list[Filled], timed: Timed) -> list[tuple[Filled, Any]]:
        """The images without their pictures, each with what was made."""
        whole = [image for image in images if not image.reason]
        with timed(self.phase):
            made = dict(zip((image.id for image in whole), self.make(whole), strict=True))
        return [(replace(image, picture=None), made.get(image.id)) for image in images]


class Known:
    """An actor on the machine of the library: which contents lack an embedding that nobody is making."""

    def __init__(self, settings: Settings, encoder: Encoder) -> None:
        self._store = Store(Library(settings=settings, encoder=encoder))
        self._claims: dict[str, str] = {}  # content: whose path is to be encoded for it

    def lacking(self, asked: list[tuple[str, str]]) -> list[bool]:
        """Whether each file, by its content and path, is to be encoded: whoever asks first for a content is told so.

        A worker that asks again, since another was lost, is told the same.
        """
        jobs = self._store.lacking([Job(Found("", path, 0, 0), content) for content, path in asked])
        told = [job.embed and self._claims.setdefault(job.hash, job.found.name) == job.found.name for job in jobs]
        while len(self._claims) > _CLAIMS:
            del self._claims[next(iter(self._claims))]
        return told


def known(library: Library) -> Any:
    """Start one."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(Known).options(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)
    return actor.remote(library.settings, library.encoder)


def video_of(moment: Found) -> tuple[str, str]:
    """The folder and name of a moment's video."""
    return moment.folder, split_moment(moment.name)[0]
