"""Forget images whose files are gone; the files that are there, and what was written about them, are left alone."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, delete, exists, func, select
from sqlalchemy.orm import Session

from indexer.working import alone
from searcher import Library, database, ranges, wordsearch
from searcher.catalog import (
    AlbumImage,
    Answer,
    Caption,
    Change,
    Details,
    Edit,
    Embedding,
    File,
    Image,
    Keyword,
    Reading,
    Tag,
    Wish,
)
from searcher.duplicates import crown
from searcher.elsewhere import LIST, TAR, is_location
from searcher.milvus.forgetting import forget as forget_vectors
from searcher.portable import listed
from vlm.errors import AskpixError
from vlm.streams import batches

_BATCH = 500
_OF_IMAGES = (AlbumImage, Answer, Caption, Change, Details, Edit, Embedding, Keyword, Reading, Tag, Wish)


@dataclass
class Pruned:
    """How many files and images were forgotten, and how many files were kept by folder, since it is gone as a whole."""

    files: int = 0
    images: int = 0
    kept: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {"files": self.files, "images": self.images, "kept": dict(self.kept)}


def prune(library: Library, *, gone_folders: bool = False, dry_run: bool = False) -> Pruned:
    """Forget the files that are marked as missing, and the images that no file holds any more.

    Files in a folder that is gone as a whole, or empty, are kept, since a drive may not be mounted, unless
    `gone_folders`. Raises AskpixError while a run is indexing the library.
    """
    with alone(library, f"a run is indexing {library.folder}; wait until it has ended"):
        return _prune(library, gone_folders, dry_run)


def _prune(library: Library, gone_folders: bool, dry_run: bool) -> Pruned:
    pruned = Pruned()
    missing = select(File.id, File.folder).where(File.missing_since.is_not(None)).order_by(File.folder)
    with database.session(library.engine) as session:
        rows = session.execute(missing).all()
    there: dict[str, bool] = {}
    ids = []
    for number, folder in rows:
        if gone_folders or there.setdefault(folder, _there(folder)):
            ids.append(number)
        else:
            pruned.kept[folder] += 1
    pruned.files = len(ids)
    if dry_run:
        with database.session(library.engine) as session:
            pruned.images = session.scalar(select(func.count()).select_from(_orphans(ids).subquery())) or 0
        return pruned
    for some in batches(ids, _BATCH):
        with database.writing(library.engine) as session:
            session.execute(delete(File).where(File.id.in_(some)))
    while True:
        with database.writing(library.engine) as session:
            orphans = session.execute(_orphans().limit(_BATCH)).all()
            forget(session, [orphan.id for orphan in orphans])
        forget_vectors(library, [orphan.id for orphan in orphans])
        for orphan in orphans:
            drop_renditions(library, orphan.hash)
        pruned.images += len(orphans)
        if not orphans:
            return pruned


def _there(folder: str) -> bool:
    """Whether a folder, wherever it lies, can be looked into and holds anything."""
    try:
        if folder.startswith((TAR, LIST)):
            return ranges.look(folder.partition(":")[2]).size > 0
        if is_location(folder):
            return bool(ranges.listed(folder))
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except (OSError, AskpixError):
        return False


def _orphans(gone: Iterable[int] = ()) -> Select[int, str]:
    """Ids and hashes of the images that no file holds, but for files that are gone; and of which none was made that
    one holds, since an edit is to tell what it was made from."""
    there = File.id.not_in(listed(list(gone)))
    held = exists().where(File.image_id == Image.id, there)
    made = select(Edit.source_id).where(Edit.image_id.in_(select(File.image_id).where(there)))
    sources = made.cte(recursive=True)
    sources = sources.union(select(Edit.source_id).join(sources, Edit.image_id == sources.c.source_id))
    return select(Image.id, Image.hash).where(~held, Image.id.not_in(select(sources.c.source_id)))


def drop_renditions(library: Library, content: str) -> None:
    """Delete the page's smaller copies of an image, by the hash of its content."""
    for copy in (library.folder / "thumbnails" / content[:2]).glob(f"{content}-*"):
        copy.unlink(missing_ok=True)


def leave_group(session: Session, images: list[int]) -> None:
    """Have the images that are duplicates of these, and none of these, do without them."""
    bereft = session.execute(
        select(Image.duplicate_of, Image.id).where(Image.duplicate_of.in_(images), Image.id.not_in(images))
    ).all()
    for best in {row.duplicate_of for row in bereft}:
        crown(session, {row.id for row in bereft if row.duplicate_of == best})


def forget(session: Session, images: list[int]) -> None:
    """Remove all that is known of images which no file holds, and from which nothing was made that one does."""
    leave_group(session, images)
    session.execute(delete(Edit).where(Edit.source_id.in_(images)))
    for table in _OF_IMAGES:
        session.execute(delete(table).where(table.image_id.in_(images)))
    session.execute(delete(Image).where(Image.id.in_(images)))
    wordsearch.forget(session, images)
