"""A backup is made a library again: whole, with every checksum right, or not at all."""

import hashlib
import json
import os
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import func, select, update

from searcher import database
from searcher.backup import EDITS, FORMAT, MANIFEST, Moved
from searcher.catalog import File, Image
from vlm.errors import AskpixError

_BLOCK = 1 << 20
_LARGEST_MANIFEST = 1 << 28  # bytes
_ALLOWED = (database.CATALOG, "askpix.toml", "vectors/", f"{EDITS}/")

Contents = dict[str, list[Any]]  # size and SHA-256 by name


def restore(backup: Path, folder: Path, moved: Moved = lambda _done, _all: None) -> int:
    """Make the library in a backup the one in `folder`, which must not be there yet, or empty; how many images it has.

    Raises AskpixError when there is something in the folder, when the backup is damaged, not whole, of a newer askpix
    or none at all, and when the disk is too small.
    """
    folder = folder.expanduser().absolute()
    _check_free(backup, folder)
    try:
        with _apart(folder) as staging:
            manifest = _unpack(backup, staging, moved)
            images = _settle(staging, Path(str(manifest["library"])), folder)
            if folder.exists():
                folder.rmdir()
            staging.rename(folder)
    except OSError as error:
        raise AskpixError(f"{folder} cannot be written: {error.strerror}") from error
    return images


def _check_free(backup: Path, folder: Path) -> None:
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise AskpixError(f"there is something in {folder} already; name a new folder with --library")
        size = backup.stat().st_size
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AskpixError(f"{error.filename} cannot be used: {error.strerror}") from error
    if size > shutil.disk_usage(folder.parent).free:
        raise AskpixError(f"the disk of {folder} has no room for {size / 1e6:,.0f} MB; make some, or name another one")


@contextmanager
def _apart(folder: Path) -> Iterator[Path]:
    """A new folder beside another, which is gone in the end unless it was given another name."""
    made = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    made.mkdir()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _unpack(backup: Path, staging: Path, moved: Moved) -> dict[str, Any]:
    """Write what is in a backup into a folder; its manifest, which it is in line with."""
    size = backup.stat().st_size
    found: Contents = {}
    manifest: Any = None
    try:
        with backup.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or manifest is not None or not _is_ours(member.name) or member.name in found:
                    raise AskpixError(f"{backup} is no backup of askpix: {member.name!r} does not belong into one")
                if member.name == MANIFEST:
                    manifest = json.loads(content.read(_LARGEST_MANIFEST))
                else:
                    found[member.name] = _write(content, staging / member.name)
                moved(file.tell(), size)
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise AskpixError(f"{backup} is damaged, or no backup of askpix ({error}); take another one") from error
    return _checked(backup, manifest, found)


def _is_ours(name: str) -> bool:
    """Whether a member may be in a backup; none leads out of the folder."""
    parts = name.split("/")
    return name == MANIFEST or (name.startswith(_ALLOWED) and not any(part in {"", ".", ".."} for part in parts))


def _write(content: IO[bytes], path: Path) -> list[Any]:
    """Write a file, and wait until the disk has it; its size and SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        while block := content.read(_BLOCK):
            file.write(block)
            digest.update(block)
            size += len(block)
        file.flush()
        os.fsync(file.fileno())
    return [size, digest.hexdigest()]


def _checked(backup: Path, manifest: Any, found: Contents) -> dict[str, Any]:
    if not isinstance(manifest, dict) or not {"format", "files", "library"} <= manifest.keys():
        raise AskpixError(f"{backup} is not whole, or no backup of askpix; take another one")
    if manifest["format"] != FORMAT:
        raise AskpixError(f"{backup} was made by a newer askpix; upgrade askpix to restore it")
    wrong = [name for name in manifest["files"].keys() | found.keys() if manifest["files"].get(name) != found.get(name)]
    if wrong or database.CATALOG not in found:
        raise AskpixError(f"{backup} is damaged ({min(wrong, default=database.CATALOG)}); take another one")
    return manifest


def _settle(staging: Path, before: Path, folder: Path) -> int:
    """Bring the catalog to the newest migration, and have edits lie where they will; how many images there are."""
    engine = database.open_catalog(staging / database.CATALOG)
    try:
        with database.writing(engine) as session:
            moved = update(File).where(File.folder == str(before / EDITS)).values(folder=str(folder / EDITS))
            session.execute(moved)
            images = session.scalar(select(func.count(Image.id))) or 0
    finally:
        engine.dispose()
    (staging / f"{database.CATALOG}.lock").unlink(missing_ok=True)
    return images
