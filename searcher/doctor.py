"""What is installed, and whether the library is whole."""

import importlib.util
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import func, select

from searcher import database, wholeness
from searcher.catalog import Caption, Embedding, File, Image
from searcher.catalog_status import look
from searcher.gpu import gpus
from searcher.library import Library, catalog_of
from searcher.marks import MEND
from searcher.settings import Settings
from searcher.wholeness import Stored
from vlm.errors import AskpixError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `ok` is False when it needs mending."""

    name: str
    value: str
    ok: bool = True


def examine(settings: Settings) -> list[Finding]:
    """Look at the installation and the library, if there is one."""
    return [*_installation(settings), *_model(settings), *_library(settings)]


def _installation(settings: Settings) -> Iterator[Finding]:
    import faiss
    import onnxruntime

    yield Finding("askpix", version("askpix"))
    yield Finding("python", f"{platform.python_version()} on {platform.platform()}")
    yield _faiss(faiss.__version__, hasattr(faiss, "StandardGpuResources"))
    yield Finding("onnxruntime", f"{onnxruntime.__version__}, {', '.join(onnxruntime.get_available_providers())}")
    yield _torch(settings)
    yield Finding("gpu", _gpu())


def _faiss(number: str, for_gpus: bool) -> Finding:
    """Which FAISS serves: both packages put their files into one place, where the last installed wins."""
    if not for_gpus and _installed("faiss-gpu"):
        mend = "faiss-cpu lies over faiss-gpu: pip install --force-reinstall --no-deps faiss-gpu"
        return Finding("faiss", f"{number} for processors; {mend}", ok=False)
    serves = f"on {gpus()} GPU" if gpus() else "on the processor"
    return Finding("faiss", f"{number}{' for GPUs' if for_gpus else ''}, searches {serves}")


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _torch(settings: Settings) -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", 'not installed, which only models of hubs need: pip install "askpix[torch]"')
    from vlm.devices import place

    try:
        return Finding("torch", f"{version('torch')}, models run on {place(settings)}")
    except AskpixError as error:
        return Finding("torch", str(error), ok=False)


def _gpu() -> str:
    if tool := shutil.which("nvidia-smi"):
        asked = subprocess.run(
            [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip().replace("\n", "; ")
    return "none seen"


def _model(settings: Settings) -> Iterator[Finding]:
    import vlm

    try:
        encoder = vlm.load(settings.model, settings, "encode")
        yield Finding("model", f"{encoder.name} on {encoder.runs_on}, embeddings of {encoder.dim} numbers")
    except AskpixError as error:
        yield Finding("model", str(error), ok=False)


def _library(settings: Settings) -> Iterator[Finding]:
    folder = settings.library.expanduser().absolute()
    if settings.catalog is None and not (folder / database.CATALOG).exists():
        yield Finding("library", f"none yet in {folder}; make one with: askpix index FOLDER")
        return
    try:
        with Library(settings=settings) as library:
            yield Finding("library", str(folder))
            yield Finding("database", str(look(catalog_of(settings))))
            yield from _wholeness(library)
    except AskpixError as error:
        yield Finding("library", str(error), ok=False)


def _wholeness(library: Library) -> Iterator[Finding]:
    """Everything is looked at, however long that takes; nothing is changed."""
    yield _finding("catalog", wholeness.catalog_faults(library.engine, thorough=True))
    yield _finding("words", wholeness.words_faults(library.engine))
    with database.session(library.engine) as session:
        images = session.scalar(select(func.count(Image.id))) or 0
        captions = session.scalar(select(func.count(func.distinct(Caption.image_id)))) or 0
        counts = wholeness.committed(session)
        models = session.scalars(select(Embedding.model).distinct()).all()
    yield Finding("images", f"{images}, {captions} of them with captions")
    there = {one.model: one for one in wholeness.stored(library.folder, counts)}
    for model in sorted({*models, *there, library.encoder.name}):
        own = model == library.encoder.name
        yield from _vectors(library, model, there.get(model), "" if own else f" of {model}")
    yield from _indexes(library, there)
    yield Finding("size", f"{_size(library.folder) / 1e6:.1f} MB")


def _finding(name: str, faults: list[str]) -> Finding:
    return Finding(name, f"{faults[0]}; {MEND}" if faults else "whole", ok=not faults)


def _vectors(library: Library, model: str, stored: Stored | None, of: str) -> Iterator[Finding]:
    """What is to be said of one model's vectors."""
    has = select(Embedding.image_id).where(Embedding.model == model)
    present = select(File.image_id).where(File.missing_since.is_(None), File.image_id.not_in(has)).distinct()
    with database.session(library.engine) as session:
        known = session.scalar(select(func.count()).select_from(has.subquery())) or 0
        waiting = session.scalar(select(func.count()).select_from(present.subquery())) or 0
    if stored is None:
        yield Finding(f"vectors{of}", f"all {known:,} are gone; {MEND}" if known else "none yet", ok=not known)
        return
    damaged = [bad for rows in stored.pieces for bad in wholeness.damaged_rows(library.engine, stored, rows)]
    if damaged:
        yield Finding(f"vectors{of}", f"{wholeness.told(damaged, stored)}; {MEND}", ok=False)
        return
    parts = [f"{known:,} of {model}"]
    if waiting:
        parts.append(f"{waiting:,} photos wait for askpix index")
    if unmarked := stored.segments.unmarked(stored.count):
        parts.append(f"{unmarked:,} without a checksum, which the next run adds")
    yield Finding(f"vectors{of}", ", ".join(parts))


def _indexes(library: Library, there: Mapping[str, Stored]) -> Iterator[Finding]:
    damaged = [model for model, one in there.items() if wholeness.damaged_index(one)]
    if damaged:
        yield Finding("index", f"that of {', '.join(damaged)} is damaged, it may miss photos; {MEND}", ok=False)
    elif count := library.count_vectors():
        with suppress(AskpixError):  # vectors that are lost are told above
            yield Finding("index", library.vectors.describe_index(count))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
