"""The indexing run: photos are found and encoded first, so that they can be searched, and then written about."""

import errno
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import cast

from filelock import FileLock, Timeout

from indexer import filling, kinds, standing
from indexer.checking import check
from indexer.cluster import spreading
from indexer.cluster.joining import Cluster
from indexer.embedding import Embedding
from indexer.filling import Filled, Kind
from indexer.looks import Looks
from indexer.progress import Progress, Summary
from indexer.scan import Listing, roots_of
from indexer.store import Job, Store
from indexer.working import Busy
from searcher import Library
from searcher.answers import standing as standing_questions
from searcher.checkup import Checkup
from searcher.duplicates import group_new
from vlm.errors import AskpixError
from vlm.protocols import Looker

EMBEDDINGS = "embeddings"
WAITING = "waiting"  # for another run to end
TURN = "turn.lock"  # beside the catalog
_OFTEN_S = 0.2
_RECORD_S = 1.0  # between two records of how far a run is
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})


class IndexRun:
    """One run of the indexer over files and folders: iterate over it to make it go.

    >>> with Library("photos.askpix", create=True) as library:
    ...     run = IndexRun(library, [Path("~/Pictures")])
    ...     for done in run:
    ...         print(run.progress.phase, run.progress.done, "of", run.progress.total)
    """

    def __init__(
        self,
        library: Library,
        paths: Sequence[Path | str],
        *,
        captions: bool = True,
        text: bool | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        """With `captions`, and with the `text` in images read (as the settings say, unless given), by a `cluster` if
        there is one (`indexer.cluster`), else by this process.

        Raises AskpixError when a path does not exist, here or on a machine of the cluster, or a model cannot be had.
        """
        self.library = library
        self.captions = captions
        self.text = library.settings.text if text is None else text
        self.roots = roots_of(paths)
        self.progress = Progress()
        self._captioner = library.captioner if captions else None
        language = library.settings.caption_language
        if self._captioner:  # refuses a language that it does not write before any work is done
            self._captioner.describe(self._captioner.look([]), language)
        self._reader = library.reader if self.text else None
        self._standing = standing_questions(library.engine)
        self._answerer = library.answerer if self._standing else None
        self.store = Store(library)
        self.cluster = cluster
        if cluster:
            cluster.check(self.roots)

    @property
    def summary(self) -> Summary:
        """What it did so far."""
        return self.progress.summary

    @property
    def models(self) -> dict[str, Looker]:
        """Who looks at pictures in this run, and what for."""
        others = {kinds.CAPTIONS: self._captioner, standing.ANSWERS: self._answerer}
        return {EMBEDDINGS: self.library.encoder, **{name: model for name, model in others.items() if model}}

    def __iter__(self) -> Iterator[Sequence[Job | Filled]]:
        """Index; yields each batch of files or images once it is committed, and now and then nothing.

        While others must not be disturbed it waits for them, and yields nothing now and then. Raises AskpixError when
        the disk is full.
        """
        try:
            with ExitStack() as held:
                yield from self._wait(held)
                if lost := self.store.recover():
                    self.summary.reasons[lost] += 1
                held.enter_context(Checkup(self.library, lambda fault: self.summary.reasons.update([fault])))
                yield from self._recorded()
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            raise AskpixError(
                f"{self.library.folder} cannot be written ({error.strerror}); mend that and run it again, "
                "nothing committed is lost"
            ) from error

    def _wait(self, held: ExitStack) -> Iterator[Sequence[Job | Filled]]:
        """Wait until a run may begin, and hold the library from then on.

        Who waits holds the turn: a watcher, which is done and begins again at once, must wait for it in its turn.
        """
        turn = FileLock(self.library.folder / TURN)
        try:
            while True:
                try:
                    if not turn.is_locked:
                        turn.acquire(timeout=0)
                    held.enter_context(self.store.at_work())
                    return
                except (Busy, Timeout):
                    if self.progress.phase != WAITING:
                        self.progress.enter(WAITING)
                    yield []
                    time.sleep(_OFTEN_S)
        finally:
            turn.release()

    def _recorded(self) -> Iterator[Sequence[Job | Filled]]:
        """Go through the phases, and keep a record of how far they are and how they end."""
        run = self.store.begin(list(map(str, self.roots)), self.library.captions_by if self._captioner else None)
        outcome = "interrupted"
        recorded = time.monotonic()
        try:
            for done in self._phases():
                if time.monotonic() - recorded >= _RECORD_S:
                    self.store.record(run, self.progress)
                    recorded = time.monotonic()
                yield done
            outcome = "done"
        except Exception as error:
            outcome = f"failed: {error}"
            raise
        finally:
            self.progress.advance(0)
            with suppress(AskpixError):  # a database that fails is told once
                self.store.record(run, self.progress, outcome)

    def _phases(self) -> Iterator[Sequence[Job | Filled]]:
        unreadable: dict[str, str] = {}  # folders, with the reason
        checking = check(self.roots, self.store, self.progress, unreadable)
        todo, count = yield from checking
        with closing(Looks(self.library.folder)) as looks:
            wanted = self._is_encoder(self._captioner) or self._is_encoder(self._answerer)
            kept = looks if wanted and not self.cluster else None
            self.progress.enter(EMBEDDINGS, count)
            yield []
            embedding = Embedding(self.library, self.store, self.progress, kept, unreadable)
            embedded, make = (
                self._by_cluster(self.cluster, embedding, todo) if self.cluster else (embedding.run(todo), filling.make)
            )
            yield from embedded
            while left := self.store.left():  # what other runs were at
                yield from Embedding(self.library, self.store, self.progress, kept).run(left)
            self._compare()
            for kind in self.kinds(kept):
                for filled in filling.fill(self.library, kind, self.roots, self.progress, make, self.store.claims):
                    self._count(kind, filled)
                    yield filled
        self.progress.enter("")

    def _compare(self) -> None:
        """Bring the index up to date, and group what shows the same."""
        try:
            self.library.save_index()
            with self.progress.timed("compare"):
                group_new(self.library)
        except AskpixError as error:  # Milvus is away: captions can be written all the same, and the next run mends it
            self.summary.reasons[str(error)] += 1

    def _by_cluster(
        self, cluster: Cluster, embedding: Embedding, todo: Sequence[Listing]
    ) -> tuple[Iterator[Sequence[Job | Filled]], filling.Make]:
        """How a cluster embeds, and makes what is filled in. It sends no looks back, but captions made of them."""
        captioner = self._captioner
        at_once = captioner and self._is_encoder(captioner)
        captions = kinds.captions(self.library, captioner, None) if captioner and at_once else None
        return spreading.embed(cluster, embedding, todo, captions), partial(spreading.make, cluster)

    def kinds(self, looks: Looks | None) -> Iterator[Kind]:
        """What is written about images, one after the other."""
        if self._captioner:
            own = looks if self._is_encoder(self._captioner) else None
            yield kinds.captions(self.library, self._captioner, own, last=not self._is_encoder(self._answerer))
        if self._answerer:
            own = looks if self._is_encoder(self._answerer) else None
            yield standing.answers(self._answerer, self._standing, own)
        if self._reader:
            yield kinds.texts(self._reader)

    def _is_encoder(self, model: Looker | None) -> bool:
        """Whether a model is the encoder, whose looks at new photos are kept."""
        return model is cast(object, self.library.encoder)

    def _count(self, kind: Kind, filled: Sequence[Filled]) -> None:
        written = sum(image.reason is None for image in filled)
        match kind.phase:
            case kinds.CAPTIONS:
                self.summary.captioned += written
            case kinds.TEXT:
                self.summary.read += written
            case standing.ANSWERS:
                self.summary.answered += written
        self.summary.reasons.update(image.reason for image in filled if image.reason)
