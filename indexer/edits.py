"""Edits that are kept: new photos in the library's own folder, with what they were made from and by which plan."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import ColumnElement, select, update
from sqlalchemy import delete as deleting
from sqlalchemy.orm import Session

from indexer.pipeline import IndexRun
from indexer.prune import drop_renditions, forget, leave_group
from indexer.working import alone, check_free
from searcher import Library, Photo, database
from searcher.catalog import Edit, File, Image, Run
from searcher.elsewhere import Where
from searcher.originals import local
from vlm.editing import Result
from vlm.editing.writing import SUFFIXES, write
from vlm.errors import AskpixError

FOLDER = "edits"
_LOCK = "edits.lock"
_INDEXING = "another run is indexing"
_WAIT_S = 10.0  # for a run that is about to end
_LONGEST_STEM = 200  # bytes, of the 255 that a file's name may have
_NUMBERED = re.compile(r"-edit-\d+$")


def keep(library: Library, photo: Photo, result: Result, instruction: str, editor: str) -> int:
    """Write what an editor made of a photo as a new photo, and index it; its id, or that of the same edit if it
    was kept before.

    The photo itself is not touched. Raises AskpixError when another run is indexing, or it cannot be written: then
    nothing is kept.
    """
    with _held(library, _LOCK, "another edit is being kept in"):
        check_free(library, _busy(library, _INDEXING), _WAIT_S)  # the run below takes it itself
        plan = [operation.as_json() for operation in result.plan]
        if (before := _same(library, photo.id, plan, editor)) is not None and library.photo(before):
            return before
        path = _free(library, photo.path)
        with local(photo.path) as original:
            notes = result.notes + write(result.image, path, original, result.plan, f"askpix {editor}")
        verdict = asdict(result.verdict) | {"notes": notes}
        try:
            return _add(
                library,
                path,
                Edit(source_id=photo.id, instruction=instruction, plan=plan, editor=editor, verdict=verdict),
            )
        except BaseException:
            path.unlink(missing_ok=True)
            with database.writing(library.engine) as session:
                gone = _drop_files(session, File.folder == str(path.parent), File.name == path.name)
            for content in gone:
                drop_renditions(library, content)
            raise


def delete(library: Library, image_id: int) -> None:
    """Undo an edit: remove its file and all that is known of it; an original is never removed.

    What was made from it counts as made from what it was made from, by both plans. Raises AskpixError when the image
    is no edit, while a run is indexing, and when the file cannot be removed.
    """
    with alone(library, _busy(library, _INDEXING), _WAIT_S), database.writing(library.engine) as session:
        edit = session.get(Edit, image_id)
        if edit is None:
            raise AskpixError("this photo is no edit, and only edits are deleted here; originals are never touched")
        for later in session.scalars(select(Edit).where(Edit.source_id == image_id)):
            later.source_id, later.plan = edit.source_id, [*edit.plan, *later.plan]
            later.instruction = f"{edit.instruction}; {later.instruction}"
        session.delete(edit)
        session.flush()
        here = File.image_id == image_id, File.folder == str(library.folder / FOLDER)
        paths = [Path(file.folder, file.name) for file in session.scalars(select(File).where(*here))]
        gone = _drop_files(session, *here)
        for path in paths:  # last, so that nothing is forgotten of a file that cannot be removed
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise AskpixError(
                    f"{path} cannot be removed: {error.strerror}; mend that and delete it again"
                ) from error
    for content in gone:
        drop_renditions(library, content)


def made_from(library: Library, image_id: int) -> list[Edit]:
    """How an image was made: the edit that it is, then the edit that was made from, and so on; none of an original."""
    steps: list[Edit] = []
    with database.session(library.engine) as session:
        while (edit := session.get(Edit, steps[-1].source_id if steps else image_id)) is not None:
            steps.append(edit)
    return steps


def edits_of(library: Library, image_id: int) -> list[Edit]:
    """The edits that were made from an image, the latest first."""
    made = select(Edit).where(Edit.source_id == image_id).order_by(Edit.image_id.desc())
    with database.session(library.engine) as session:
        return list(session.scalars(made))


@contextmanager
def _held(library: Library, lock: str, busy: str) -> Iterator[None]:
    """Hold a lock of the library; raises AskpixError, which says who is `busy`, when it is not free for long."""
    held = FileLock(library.folder / lock)
    try:
        held.acquire(timeout=_WAIT_S)
    except Timeout as error:
        raise AskpixError(_busy(library, busy)) from error
    try:
        yield
    finally:
        held.release()


def _busy(library: Library, what: str) -> str:
    return f"{what} {library.folder}; try it again when that has ended"


def _free(library: Library, original: Where) -> Path:
    """A file that is not there yet, named for the photo that it is made from."""
    folder = library.folder / FOLDER
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise AskpixError(f"the folder {folder} cannot be made: {error.strerror}") from error
    suffix = original.suffix.lower() if original.suffix.lower() in SUFFIXES else ".jpg"
    stem = _NUMBERED.sub("", original.stem).encode("utf-8", "replace")[:_LONGEST_STEM].decode("utf-8", "ignore")
    number = 1
    while (path := folder / f"{stem}-edit-{number}{suffix}").exists():
        number += 1
    return path


def _same(library: Library, source: int, plan: list[dict[str, Any]], editor: str) -> int | None:
    """The edit of that source by that plan, if it was kept before."""
    return next((e.image_id for e in edits_of(library, source) if (e.plan, e.editor) == (plan, editor)), None)


def _add(library: Library, path: Path, edit: Edit) -> int:
    """Index a file, and write down which edit it is; the image's id."""
    run = IndexRun(library, [path])
    try:
        for _ in run:
            pass
    finally:
        _unlist(library, path)
    with database.writing(library.engine) as session:
        file = session.scalars(select(File).where(File.folder == str(path.parent), File.name == path.name)).one()
        if file.image_id is None:
            raise AskpixError(f"the edit cannot be read again and is not kept: {file.reason}")
        # What was made on purpose is no copy of what it was made from, however much it looks like it.
        leave_group(session, [file.image_id])
        session.execute(update(Image).where(Image.id == file.image_id).values(duplicate_of=None))
        edit.image_id = file.image_id
        session.merge(edit)
        return file.image_id


def _unlist(library: Library, path: Path) -> None:
    """Runs are those of people: one for a single edit says nothing to them, and the next is not to begin from it."""
    with database.writing(library.engine) as session:
        latest = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).first()
        if latest and latest.roots == [str(path)]:
            session.delete(latest)


def _drop_files(session: Session, *which: ColumnElement[bool]) -> list[str]:
    """Forget files, and the images that no other file holds; the hashes of these."""
    images = {image_id for image_id in session.scalars(select(File.image_id).where(*which)) if image_id is not None}
    session.execute(deleting(File).where(*which))
    held = set(session.scalars(select(File.image_id).where(File.image_id.in_(images))))
    contents = list(session.scalars(select(Image.hash).where(Image.id.in_(images - held))))
    forget(session, list(images - held))
    return contents
