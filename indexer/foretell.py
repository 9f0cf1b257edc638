"""What a run would do, and how long it should take: a sample of the photos is indexed into a library thrown away."""

import random
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from indexer.checking import check
from indexer.filling import lacking
from indexer.kinds import CAPTIONS, TEXT
from indexer.pipeline import EMBEDDINGS, IndexRun
from indexer.scan import Listing, list_again
from searcher import Library, database
from searcher.elsewhere import Unreachable, Where
from searcher.originals import local
from searcher.results import paths_of
from vlm.video import split_moment

SAMPLE = 16  # photos


@dataclass(frozen=True)
class Foretold:
    """What a run would do: counts of files to look at, to encode, and of images to caption and to read; `seconds` it
    should take once they are fetched, and `each` the milliseconds a photo by phase, measured on `sampled` photos."""

    seen: int
    unchanged: int
    refused: int
    encode: int
    caption: int
    read: int
    sampled: int
    each: dict[str, float]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return asdict(self)

    def __str__(self) -> str:
        if not self.encode + self.caption + self.read:
            return f"{self.seen} files, none of them new or changed: nothing to do"
        read = f", {self.read} to read for text" if self.read else ""
        spent = ", ".join(f"{phase} {each:.1f} ms" for phase, each in self.each.items())
        return (
            f"{self.seen} files: {self.encode} to encode, {self.caption} to caption{read}, {self.unchanged} unchanged; "
            f"about {_told(self.seconds)} (measured on {self.sampled} of them: {spent})"
        )


def foretell(run: IndexRun) -> Foretold:
    """Look at the files as the run would, change nothing, and measure a sample."""
    checking = check(run.roots, run.store, run.progress, {}, mark=False)
    while True:
        try:
            next(checking)
        except StopIteration as ended:
            todo, encode = ended.value
            break
    known, files = _lacking(run)
    with _fetched(_sample(run, todo) if encode else files) as sample:
        each = _measured(run, sample)
    # What was encoded before is looked at once more to be captioned.
    again = known.get(CAPTIONS, 0) * each.get(EMBEDDINGS, 0)
    counts = {EMBEDDINGS: encode, **{phase: encode + count for phase, count in known.items()}}
    return Foretold(
        seen=run.summary.seen,
        unchanged=run.summary.unchanged,
        refused=run.summary.refused,
        encode=encode,
        caption=counts.get(CAPTIONS, 0),
        read=counts.get(TEXT, 0),
        sampled=len(sample),
        each={phase: round(seconds * 1000, 1) for phase, seconds in each.items()},
        seconds=round(again + sum(counts.get(phase, 0) * seconds for phase, seconds in each.items()), 1),
    )


def _lacking(run: IndexRun) -> tuple[dict[str, int], list[Where]]:
    """How many known images lack what is written about images, by phase, and the files of some of them."""
    counts: dict[str, int] = {}
    files: dict[int, Where] = {}
    with database.session(run.library.engine) as session:
        for kind in run.kinds(None):
            wanting = lacking(kind, run.roots)
            counts[kind.phase] = session.scalar(select(func.count()).select_from(wanting.subquery())) or 0
            files.update(paths_of(session, session.scalars(wanting.limit(SAMPLE)).all()))
    # Moments lie in their videos, and nobody has looked yet whether the files are still there.
    whole = dict.fromkeys(path.with_name(split_moment(path.name)[0]) for path in files.values())
    return counts, [path for path in whole if not isinstance(path, Path) or path.exists()][:SAMPLE]


def _sample(run: IndexRun, todo: Iterable[Listing]) -> list[Where]:
    """Some of the files that have changed, each as likely as any other; of a tar or a list those that come first."""
    dice = random.Random(0)  # noqa: S311
    sample: list[Where] = []
    seen = 0
    for listing in todo:
        files = next(list_again(listing, lambda _path, _reason: None), [])
        for found in run.store.check(listing.folder, files, whole=False).changed:
            if found.reason or not found.name:
                continue
            seen += 1
            if len(sample) < SAMPLE:
                sample.append(found.path)
            elif (place := dice.randrange(seen)) < SAMPLE:
                sample[place] = found.path
    return sample


@contextmanager
def _fetched(sample: list[Where]) -> Iterator[list[Path]]:
    """Files of this machine with the photos; those that cannot be had are left out."""
    with ExitStack() as opened:
        paths = []
        for where in sample:
            with suppress(Unreachable):
                paths.append(opened.enter_context(local(where)))
        yield paths


def _measured(run: IndexRun, sample: list[Path]) -> dict[str, float]:
    """Seconds a photo by phase. The first photo loads the models, and does not count unless it is the only one."""
    each: dict[str, float] = {}
    captioner = run.library.captioner if run.captions else None
    with tempfile.TemporaryDirectory() as scratch:
        settings = run.library.settings.model_copy(update={"library": Path(scratch)})
        with Library(settings=settings, create=True, encoder=run.library.encoder, captioner=captioner) as thrown_away:
            for paths in filter(None, (sample[:1], sample[1:])):
                each = _each(IndexRun(thrown_away, paths, captions=run.captions, text=run.text))
    return each


def _each(trial: IndexRun) -> dict[str, float]:
    """Make a run go; the seconds that each photo took, by phase."""
    for _ in trial:
        pass
    done = trial.summary
    counts = {EMBEDDINGS: done.added + done.refused, CAPTIONS: done.captioned, TEXT: done.read}
    return {phase: trial.progress.phases[phase] / count for phase, count in counts.items() if count}


def _told(seconds: float) -> str:
    """A time for people: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
