"""What is installed, and whether the library is whole."""

import importlib.util
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import func, select, text

from searcher import database
from searcher.catalog import Caption, Embedding, Image
from searcher.gpu import gpus
from searcher.library import Library
from searcher.settings import Settings
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
    if not (folder / "catalog.sqlite").exists():
        yield Finding("library", f"none yet in {folder}; make one with: askpix index FOLDER")
        return
    try:
        with Library(settings=settings) as library:
            yield Finding("library", str(folder))
            yield from _wholeness(library)
    except AskpixError as error:
        yield Finding("library", str(error), ok=False)


def _wholeness(library: Library) -> Iterator[Finding]:
    with database.session(library.engine) as session:
        check = "; ".join(session.scalars(text("PRAGMA quick_check")))
        yield Finding("catalog", check if check != "ok" else "whole", ok=check == "ok")
        images = session.scalar(select(func.count(Image.id))) or 0
        captions = session.scalar(select(func.count(func.distinct(Caption.image_id)))) or 0
        embedded = session.scalar(
            select(func.count()).select_from(Embedding).where(Embedding.model == library.encoder.name)
        )
    yield Finding("images", f"{images}, {captions} of them with captions")
    count, stored = library.count_vectors(), len(library.vectors)
    whole = stored >= count == embedded
    yield Finding(
        "vectors",
        f"{embedded} of {library.encoder.name}"
        if whole
        else f"{stored} on disk, {embedded} in the catalog; run askpix index again",
        ok=whole,
    )
    if whole and count:
        library.vectors.refresh(count)
        yield Finding("index", library.vectors.about_index)
    yield Finding("size", f"{_size(library.folder) / 1e6:.1f} MB")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
