"""The work of a run spread over a cluster. Only this process writes, and what comes back is committed as it comes."""

import os
import socket
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from indexer.cluster.joining import Cluster
from indexer.cluster.streams import Work, stream
from indexer.cluster.workers import Arrival, Decode, Fill, Look, Open, known, video_of
from indexer.embedding import Embedding
from indexer.filling import Filled, Kind
from indexer.progress import Progress
from indexer.scan import Listing
from indexer.store import Job, Store
from searcher import database, wordsearch
from vlm.protocols import Captioner
from vlm.video import is_video


def embed(
    cluster: Cluster, here: Embedding, todo: Sequence[Listing], captions: Kind | None
) -> Iterator[Sequence[Job | Filled]]:
    """The embedding phase, and `captions` if the encoder writes them: yields each batch once it is committed.

    What waits at the end for what never came, such as the copy of a file that could not be read, is done `here`.
    """
    if not todo:
        yield from here.run(todo)
        return
    library, progress = here.library, here.progress
    decode = Decode(library.encoder.image_size, library.settings.max_pixels, known(library))
    captioner = cast(Captioner, library.encoder) if captions else None
    look = Look(library.encoder, captioner, library.settings.caption_language)
    waiting = Waiting()
    for arrivals in stream(cluster, here.changed(todo), Work(decode, look, library.encoder.name), progress):
        yield write(here, waiting.ready(list(map(_told_here, arrivals)), here.store), captions)
    yield from here.run(waiting.left())
    if waiting.tars:
        here.store.write(waiting.tars)


def make(
    cluster: Cluster, kind: Kind, images: Iterable[Filled], max_pixels: int, progress: Progress
) -> Iterator[tuple[list[Filled], list[Any]]]:
    """What is to be filled in for images, by the workers; see `indexer.filling.make`."""
    work = Work(Open(kind.side, max_pixels), Fill(kind.phase, kind.make), kind.by)
    for done in stream(cluster, images, work, progress):
        yield [image for image, _ in done], [made for image, made in done if not image.reason]


class Waiting:
    """Files that cannot be written yet: copies of a picture that is on its way, videos whose moments are, and tars,
    which are known to be read to their ends only then."""

    def __init__(self) -> None:
        self._copies: defaultdict[str, list[Arrival]] = defaultdict(list)  # by content
        self._videos: dict[tuple[str, str], Arrival] = {}
        self._moments: Counter[tuple[str, str]] = Counter()
        self.tars: list[Job] = []

    def ready(self, arrivals: Sequence[Arrival], store: Store) -> list[Arrival]:
        """Those of the arrivals that can be written, and those that waited for them; each content encoded once."""
        done: list[Arrival] = []
        encoded: set[str] = set()
        for arrival, job in zip(arrivals, store.lacking([one.job for one in arrivals]), strict=True):
            if not job.found.name:
                self.tars.append(job)
            elif is_video(job.found.name) and not job.found.moment:
                self._videos[video_of(job.found)] = arrival
            elif job.embedding is not None:
                first = job.embed and job.hash not in encoded
                done.append(arrival if first else replace(arrival, job=replace(job, embedding=None), told=None))
                encoded.add(job.hash)
            elif job.reason or not job.hash or not job.embed:
                done.append(arrival)
            else:
                self._copies[job.hash].append(arrival)
        for content in encoded:
            done += self._copies.pop(content, [])
        return done + self._whole(done)

    def _whole(self, done: Sequence[Arrival]) -> list[Arrival]:
        """The videos all of whose moments are written with these."""
        self._moments.update(video_of(one.job.found) for one in done if one.job.found.moment)
        whole = [name for name, video in self._videos.items() if self._moments[name] == video.moments]
        for name in whole:
            del self._moments[name]
        return [self._videos.pop(name) for name in whole]

    def left(self) -> list[Listing]:
        """The files that still wait, to be listed again."""
        copies = [one for some in self._copies.values() for one in some if not one.job.found.moment]
        founds = [one.job.found for one in (*copies, *self._videos.values())]
        return [Listing(found.folder, [found], whole=False) for found in founds]


def _told_here(arrival: Arrival) -> Arrival:
    """A file that only another machine could not open is refused for what is wrong with that machine."""
    job = arrival.job
    path = job.found.path
    if arrival.host in {"", socket.gethostname()} or not isinstance(path, Path) or not os.access(path, os.R_OK):
        return arrival
    reason = f"{job.reason} on the machine {arrival.host}, only here; mount its folder there at the same place"
    return replace(arrival, job=replace(job, reason=reason))


def write(here: Embedding, arrivals: Sequence[Arrival], captions: Kind | None) -> Sequence[Job | Filled]:
    """Commit a batch, and its captions; what was done."""
    jobs = [one.job for one in arrivals]
    told: dict[int, Arrival] = {}
    with here.progress.timed("store"):
        images = here.store.write(jobs)
        if captions and (told := {images[one.job.hash]: one for one in arrivals if one.told}):
            with database.writing(here.library.engine) as session:
                captions.keep(session, {image_id: one.told for image_id, one in told.items()})
                wordsearch.refresh(session, told)
    here.count(jobs)
    here.progress.summary.captioned += len(told)
    written = (Filled(i, one.job.found.path, text=captions.told(one.told)) for i, one in told.items() if captions)
    return [*jobs, *written]
