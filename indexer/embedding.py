"""The second phase of a run: hash, decode, encode and store what is new, as one bounded stream of jobs."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from indexer.checking import changed
from indexer.looks import Looks
from indexer.progress import Progress
from indexer.scan import Found, Listing
from indexer.stages import Stages
from indexer.store import Job, Store
from searcher import Library
from searcher.elsewhere import split_location
from vlm.streams import ahead, batches

BATCH = 32  # files looked up together; a model may want more pictures at a time
DECODERS = 2  # threads, each with a process that decodes for it


@dataclass(frozen=True)
class Embedding:
    """What the stages of this phase share. What the encoder saw is kept in `looks`, if given, and folders that
    cannot be read go to `unreadable`."""

    library: Library
    store: Store
    progress: Progress
    looks: Looks | None = None
    unreadable: dict[str, str] = field(default_factory=dict)

    def run(self, todo: Iterable[Listing]) -> Iterator[list[Job]]:
        """Encode what has changed in these folders; yields each batch once it is committed."""
        stages = Stages(self.library.encoder.image_size, self.library.settings.max_pixels, self.progress.timed)
        with ThreadPoolExecutor(DECODERS, "decode") as pool:
            hashed = self.store.claimed_contents(stages.hash_ahead(self.changed(todo), 2 * BATCH, pool))
            parts = chain.from_iterable(map(stages.moments, hashed))
            decoded = ahead(pool, stages.decode, self._lacking(parts), 2 * BATCH)
            # As many at a time as the encoder likes just then.
            while jobs := list(islice(decoded, max(BATCH, self.library.encoder.batch))):
                yield self._encode(jobs)
        if refused := [_refused_folder(path, why) for path, why in self.unreadable.items()]:
            self.progress.summary.seen += len(refused)
            self.store.write(refused)
            self.count(refused)
            yield refused

    # The stages, in their order

    def changed(self, todo: Iterable[Listing]) -> Iterator[Found]:
        """The files of these folders that are new or changed, as they are now."""
        return changed(todo, self.store, self.progress, self.unreadable)

    def _lacking(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """Say of each job whether its content lacks an embedding, so that nothing known is decoded."""
        for batch in batches(jobs, BATCH):
            yield from self.store.lacking(batch)

    def _encode(self, jobs: list[Job]) -> list[Job]:
        """Encode what is new, content that came twice once, and commit the batch."""
        jobs = self.store.lacking(jobs)  # again: a twin may have been committed since
        first = {job.hash: job for job in reversed(jobs) if job.picture}
        new = [job for job in jobs if job is first.get(job.hash) and job.embed]
        with self.progress.timed("encode"):
            seen = self.library.encoder.look([job.picture.image for job in new if job.picture])
        embedded = {job.hash: replace(job, embedding=row) for job, row in zip(new, seen.embeddings, strict=True)}
        done = [embedded[job.hash] if job is first.get(job.hash) and job.hash in embedded else job for job in jobs]
        with self.progress.timed("store"):
            images = self.store.write(done)
            if self.looks:
                for row, job in enumerate(new):
                    self.looks.keep(images[job.hash], seen.take([row]))
        self.count(done)
        return done

    def count(self, jobs: Sequence[Job]) -> None:
        """Files are done, or refused."""
        files = [job for job in jobs if not job.found.moment]
        refused = [job.reason for job in files if job.reason]
        summary = self.progress.summary
        summary.refused += len(refused)
        summary.reasons.update(refused)
        summary.added += len(files) - len(refused)
        self.progress.advance(len(files))


def _refused_folder(path: str, reason: str) -> Job:
    return Job(Found(*split_location(path), 0, 0), reason=reason, again=True)
