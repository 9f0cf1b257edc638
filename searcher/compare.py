"""Two encoders side by side on a sample of a library, before anyone indexes it with another."""

import resource
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

import vlm
from searcher import database
from searcher.catalog import Caption, File
from searcher.elsewhere import Where
from searcher.library import Library
from searcher.originals import open_originals
from vlm.errors import AskpixError
from vlm.picture import Picture
from vlm.protocols import Floats
from vlm.runtime import Runtime
from vlm.streams import batches
from vlm.training.data import read_rows

KS = (1, 5, 10)


@dataclass(frozen=True)
class Sample:
    """Photos of the library, one caption each to find it by, and who wrote those."""

    paths: list[Where]
    captions: list[str]
    source: str


@dataclass(frozen=True)
class Trial:
    """What one encoder did: recall at `KS` in percent, seconds a photo, the process's peak memory in MB."""

    name: str
    recall: dict[int, float]
    seconds: float
    megabytes: float
    best: list[set[int]]


def sample(library: Library, photos: int, seed: int) -> Sample:
    """Up to `photos` of the library's captioned photos, the same for the same seed.

    Captions are those of the model that wrote most. Raises AskpixError when there are too few.
    """
    with database.session(library.engine) as session:
        most = session.execute(
            select(Caption.model, func.count()).group_by(Caption.model).order_by(func.count().desc())
        ).first()
        writer = most[0] if most else ""
        present = select(File.image_id).where(File.missing_since.is_(None))
        captioned = select(Caption.image_id).where(Caption.model == writer, Caption.image_id.in_(present))
        ids = session.scalars(captioned.order_by(Caption.image_id)).all()
        if len(ids) < max(KS):
            raise AskpixError(
                f"{library.folder} has {len(ids)} captioned photos, {max(KS)} are the least to compare models by; "
                "index more, or give captions of your own: --captions CSV --images FOLDER"
            )
        chosen = np.random.default_rng(seed).permutation(np.array(ids))[:photos].tolist()
        own = select(Caption).where(Caption.image_id.in_(chosen), Caption.model == writer)
        texts = {caption.image_id: caption.text for caption in session.scalars(own)}
        files = {
            file.image_id: file.path
            for file in session.scalars(select(File).where(File.image_id.in_(chosen), File.missing_since.is_(None)))
        }
    return Sample([files[i] for i in chosen], [texts[i] for i in chosen], f"written by {writer}")


def own_sample(captions: Path, images: Path, photos: int, seed: int) -> Sample:
    """Up to `photos` pictures of a CSV `image,caption`, with the first caption of each.

    Raises AskpixError when the CSV cannot be read or has too few.
    """
    first = {row["image"]: row["caption"] for row in reversed(read_rows(captions, ("image", "caption"), None))}
    names = sorted(first)
    if len(names) < max(KS):
        raise AskpixError(f"{captions} captions {len(names)} pictures, {max(KS)} are the least to compare models by")
    chosen = [names[i] for i in np.random.default_rng(seed).permutation(len(names))[:photos]]
    return Sample([images / name for name in chosen], [first[name] for name in chosen], "of your own")


def compare(names: Sequence[str], given: Sample, runtime: Runtime, max_pixels: int) -> list[Trial]:
    """Try each encoder on the sample, in a process of its own, so that its memory is its own."""
    trials = []
    for name in names:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            trials.append(pool.submit(_try, name, given, runtime, max_pixels).result())
    return trials


def agreement(one: Trial, other: Trial) -> float:
    """The share of the ten best photos that two encoders have in common, over all captions."""
    return float(np.mean([len(a & b) / len(a) for a, b in zip(one.best, other.best, strict=True)]))


def _try(name: str, given: Sample, runtime: Runtime, max_pixels: int) -> Trial:
    from vlm.known import measure

    encoder = vlm.load(name, runtime, "encode")
    rows: list[Floats] = []
    kept: list[int] = []
    seconds = 0.0
    place = {path: i for i, path in enumerate(given.paths)}
    for batch in batches(open_originals(given.paths, encoder.image_size, max_pixels), encoder.batch):
        readable = [(path, picture.image) for path, picture in batch if isinstance(picture, Picture)]
        images = [image for _, image in readable]
        if images:
            seconds = seconds or measure(encoder, images)
            rows.append(encoder.look(images).embeddings)
            kept += [place[path] for path, _ in readable]
    if len(kept) < max(KS):
        raise AskpixError(f"only {len(kept)} of the photos can be read; {max(KS)} are the least to compare models by")
    queries = encoder.encode_texts([given.captions[i] for i in kept])
    scores = queries @ np.concatenate(rows).T
    ranks = (scores >= np.diag(scores)[:, None]).sum(1)
    best = np.argsort(-scores, axis=1, kind="stable")[:, : max(KS)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return Trial(
        name,
        {k: float(100 * (ranks <= k).mean()) for k in KS},
        seconds,
        peak,
        [set(row.tolist()) for row in best],
    )
