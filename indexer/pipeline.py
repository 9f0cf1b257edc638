"""The indexing run: photos are found and encoded first, so that they can be searched, and then written about."""

import errno
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

from filelock import FileLock, Timeout

from indexer import kinds, standing
from indexer.checking import check
from indexer.embedding import Embedding
from indexer.filling import Filled, Kind, fill
from indexer.looks import Looks
from indexer.progress import Progress, Summary
from indexer.scan import roots_of
from indexer.store import Job, Store
from searcher import Library
from searcher.answers import standing as standing_questions
from searcher.duplicates import group_new
from vlm.errors import AskpixError
from vlm.protocols import Looker

LOCK = "index.lock"
EMBEDDINGS = "embeddings"
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
        self, library: Library, paths: Sequence[Path], *, captions: bool = True, text: bool | None = None
    ) -> None:
        """With `captions`, and with the `text` in images read (as the settings say, unless given).

        Raises AskpixError when a path does not exist, or a model cannot be had.
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

        Raises AskpixError when another run is at work on the library, or the disk is full.
        """
        try:
            with FileLock(self.library.folder / LOCK, timeout=0):
                yield from self._recorded()
        except Timeout as error:
            raise AskpixError(f"another run is indexing {self.library.folder}; wait until it has ended") from error
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            raise AskpixError(
                f"{self.library.folder} cannot be written ({error.strerror}); mend that and run it again, "
                "nothing committed is lost"
            ) from error

    def _recorded(self) -> Iterator[Sequence[Job | Filled]]:
        """Go through the phases, and keep a record of how far they are and how they end."""
        if lost := self.store.recover():
            self.summary.reasons[lost] += 1
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
            kept = looks if self._is_encoder(self._captioner) or self._is_encoder(self._answerer) else None
            self.progress.enter(EMBEDDINGS, count)
            yield []
            yield from Embedding(self.library, self.store, self.progress, kept, unreadable).run(todo)
            self.library.save_index()
            with self.progress.timed("compare"):
                group_new(self.library)
            for kind in self.kinds(kept):
                for filled in fill(self.library, kind, self.roots, self.progress):
                    self._count(kind, filled)
                    yield filled
        self.progress.enter("")

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
