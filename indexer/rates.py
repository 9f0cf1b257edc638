"""How fast this machine decodes, encodes and captions photos, and how much room they take: measured here and now."""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from PIL.Image import Image as PictureImage
from sqlalchemy import func, select, text

from indexer.pipeline import IndexRun
from indexer.planning import Rates
from searcher import Library, Photo, database
from searcher.catalog import File
from searcher.settings import Settings
from vlm.errors import AskpixError
from vlm.kinds import STILL
from vlm.picture import UnreadablePicture, open_picture
from vlm.streams import ahead, batches

SAMPLE = 64  # photos
_AT_LEAST_S = 2.0  # that a rate is measured for
_LINKS = 256  # bytes of memory that a graph over the vectors takes for one of them (HNSW, 24 links; docs/milvus.md)
_FILLED = 0.87  # of a page of SQLite are rows, in a catalog of 100,000 photos (benchmarks.library)

Thumbnails = Callable[[Library, Photo], Iterable[Path]]


def files_below(folders: Sequence[Path]) -> list[Path]:
    """Some picture files in folders and all below them, drawn by chance, the same each time.

    Raises AskpixError when there are none.
    """
    found: list[Path] = []
    for folder in folders:
        whole = folder.expanduser()
        if not whole.exists():
            raise AskpixError(f"there is nothing at {folder}; name a folder with photos to measure on")
        found += [whole] if whole.is_file() else (one for one in whole.rglob("*") if one.suffix.lower() in STILL)
    if not found:
        raise AskpixError("there are no photos to measure on; name a folder that has some")
    return random.Random(0).sample(sorted(found), min(SAMPLE, len(found)))  # noqa: S311


def files_of(library: Library) -> list[Path]:
    """Some picture files of a library, drawn by chance; raises AskpixError when there are none on this machine."""
    with database.session(library.engine) as session:
        last = session.scalar(select(func.max(File.id))) or 0
        drawn = random.Random(0).sample(range(1, last + 1), min(20 * SAMPLE, last))  # noqa: S311
        there = select(File).where(File.id.in_(drawn), File.image_id.is_not(None), File.missing_since.is_(None))
        paths = [file.path for file in session.scalars(there)]
    here = [path for path in paths if isinstance(path, Path) and path.suffix.lower() in STILL and path.is_file()]
    if not here:
        raise AskpixError("the library has no photos on this machine to measure on; name a folder that has some")
    return here[:SAMPLE]


def measure(settings: Settings, files: Sequence[Path], *, captions: bool, thumbnails: Thumbnails) -> Rates:
    """Measure on files, in a library that is thrown away; `thumbnails` makes those of a photo.

    Raises AskpixError when none of the files is a picture that can be read.
    """
    with tempfile.TemporaryDirectory() as scratch:
        own = settings.model_copy(update={"library": Path(scratch), "catalog": None, "milvus": None})
        with Library(settings=own, create=True) as library:
            pictures, decode = _decoding(files, library)
            encode, caption = _looking(pictures, library, captions)
            empty = _catalog_bytes(library)
            whole = _indexing(files, library, captions)
            allowed = 1 / sum(1 / rate for rate in (decode, encode, caption) if rate)
            photos = [hit.photo for hit in library.browse(k=len(files))]
            return Rates(
                photos=len(photos),
                cores=os.cpu_count() or 1,
                device=library.encoder.runs_on,
                gpu="cuda" in library.encoder.runs_on,
                decode=decode,
                encode=encode,
                caption=caption,
                efficiency=min(1.0, whole / allowed),
                original=_bytes(files) / len(files),
                catalog=(_catalog_bytes(library) - empty) / len(photos),
                vectors=_bytes((library.folder / "vectors").rglob("*.segment")) / len(photos),
                index=2 * library.encoder.dim + _LINKS,
                thumbnails=_bytes(path for photo in photos for path in thumbnails(library, photo)) / len(photos),
            )


def _decoding(files: Sequence[Path], library: Library) -> tuple[list[PictureImage], float]:
    """The pictures that can be read, and how many a second are, with all cores."""
    side, most = library.encoder.image_size, library.settings.max_pixels

    def opened(path: Path) -> PictureImage | None:
        try:
            return open_picture(path, side, most).image
        except UnreadablePicture:
            return None

    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores, "decode") as pool:
        pictures = [picture for picture in ahead(pool, opened, files, 2 * cores) if picture]
        if not pictures:
            raise AskpixError("none of the files to measure on is a picture that can be read; name other ones")
        return pictures, _rate(len(files), lambda: [None for _ in ahead(pool, opened, files, 2 * cores)])


def _looking(pictures: list[PictureImage], library: Library, captions: bool) -> tuple[float, float | None]:
    """How many pictures a second are encoded, and captioned."""
    encoder, some = library.encoder, list(batches(pictures, library.encoder.batch))
    encode = _rate(len(pictures), lambda: [encoder.look(batch) for batch in some])
    if not captions:
        return encode, None
    captioner, language = library.captioner, library.settings.caption_language
    seen = [captioner.look(batch) for batch in batches(pictures, captioner.batch)]
    caption = _rate(len(pictures), lambda: [captioner.describe(one, language) for one in seen])
    if cast(object, captioner) is not encoder:  # which must look at them itself
        look = _rate(len(pictures), lambda: [captioner.look(batch) for batch in batches(pictures, captioner.batch)])
        caption = 1 / (1 / caption + 1 / look)
    return encode, caption


def _indexing(files: Sequence[Path], library: Library, captions: bool) -> float:
    """How many files a second a whole run takes in; the first one by itself, since other things are loaded for it."""
    spent = 0.0
    for some in filter(None, (files[:1], files[1:])):
        started = time.perf_counter()
        for _ in IndexRun(library, list(some), captions=captions):
            pass
        spent = time.perf_counter() - started
    return max(1, len(files) - 1) / spent


def _rate(count: int, work: Callable[[], object]) -> float:
    """How many of `count` things a second, by doing all of them again and again for a while."""
    started, rounds = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < _AT_LEAST_S:
        work()
        rounds += 1
    return count * rounds / spent


def _catalog_bytes(library: Library) -> float:
    """What the catalog's rows take, as in pages of a large one: those of a small one are mostly empty."""
    with database.session(library.engine) as session:
        options = session.scalars(text("PRAGMA compile_options")).all()
        if "ENABLE_DBSTAT_VTAB" in options:
            return float(session.scalar(text("SELECT sum(payload) FROM dbstat")) or 0) / _FILLED
        pages = session.scalar(text("PRAGMA page_count")) or 0
        return float(pages * (session.scalar(text("PRAGMA page_size")) or 0))


def _bytes(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files)
