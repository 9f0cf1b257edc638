"""How vectors are mended: rows that are damaged are forgotten and made nobody's, and all others keep their places."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from searcher import database, wholeness
from searcher.catalog import Embedding, Image, VectorRows
from searcher.library import Library
from searcher.portable import listed
from searcher.salvage import reserve_ids
from searcher.segments import DESCRIPTION, described, description, slug
from searcher.wholeness import Stored
from vlm.errors import AskpixError
from vlm.streams import batches

_BATCH = 5_000
_AGAIN = "askpix index makes them again from the photos"


def mend_description(library: Library) -> Iterator[str]:
    """Write anew whose the vectors in a folder are, if that cannot be read and they are the encoder's."""
    name, dim = library.encoder.name, library.encoder.dim
    about = library.folder / "vectors" / slug(name) / DESCRIPTION
    with suppress(AskpixError):
        if not about.parent.exists() or described(about.parent):
            return
    about.write_bytes(description(name, dim))
    yield f"{about} could not be read, and is written anew"


def mend_vectors(library: Library) -> Iterator[str]:
    """Mend the vectors of all models, while nobody adds any; yields what was done, a line each."""
    with database.session(library.engine) as session:
        counts = wholeness.committed(session)
    there = wholeness.stored(library.folder, counts)
    for model in sorted(counts.keys() - {one.model for one in there}):
        if gone := _forget_all(library, model):
            yield f"all {gone:,} vectors of {model} are gone, and are forgotten; {_AGAIN}"
    for one in there:
        damaged = [bad for rows in one.pieces for bad in wholeness.damaged_rows(library.engine, one, rows)]
        if damaged:
            _forget(library, one, damaged)
            yield f"{wholeness.told(damaged, one)}, and are forgotten; {_AGAIN}"
        if found := _find_again(library, one):
            yield f"{found:,} vectors of {one.model} are those of images again whose entries in the catalog were lost"
        if marked := one.segments.mark(one.count):
            yield f"{marked:,} vectors of {one.model} have checksums now"
        if (one.folder / wholeness.INDEX).exists() and (damaged or wholeness.damaged_index(one)):
            yield _remake_index(library, one)


def _forget_all(library: Library, model: str) -> int:
    """Have no image an embedding of a model whose vectors are gone; how many had one."""
    with database.writing(library.engine) as session:
        had = session.scalars(delete(Embedding).where(Embedding.model == model).returning(Embedding.image_id)).all()
        session.execute(delete(VectorRows).where(VectorRows.model == model))
    return len(had)


def _forget(library: Library, one: Stored, damaged: Sequence[range]) -> None:
    """Have no image an embedding whose row is damaged."""
    with database.writing(library.engine) as session:
        for bad in damaged:
            within = Embedding.position.between(bad.start, bad.stop - 1)
            session.execute(delete(Embedding).where(Embedding.model == one.model, within))
    one.segments.blank(damaged, one.count)


def _find_again(library: Library, one: Stored) -> int:
    """Have images their rows again that the catalog knows while it has lost where their rows are; how many.

    No image is ever given the id of one that has a row, whatever the catalog has forgotten of it.
    """
    found, greatest = 0, 0
    for start, ids in one.segments.ids(0, one.count):
        greatest = max(greatest, int(ids.max(initial=0)))
        for some in batches(enumerate(ids.tolist(), start), _BATCH):
            with database.writing(library.engine) as session:
                found += _restore(session, one.model, {image: position for position, image in some})
    with database.writing(library.engine) as session:
        if database.kind(library.engine) == "sqlite":
            driver: sqlite3.Connection = session.connection().connection.driver_connection  # type: ignore[assignment]
            reserve_ids(driver, greatest)
        database.insert_new(session, VectorRows, [{"model": one.model, "count": one.count}])
    return found


def _restore(session: Session, model: str, rows: dict[int, int]) -> int:
    """Note the rows, by image, of images that are known and have none."""
    has = select(Embedding.image_id).where(Embedding.model == model)
    without = session.scalars(select(Image.id).where(Image.id.in_(listed(rows)), Image.id.not_in(has))).all()
    new = [{"image_id": image, "model": model, "position": rows[image]} for image in without]
    if new:
        session.execute(insert(Embedding), new)
    return len(new)


def _remake_index(library: Library, one: Stored) -> str:
    (one.folder / wholeness.INDEX).unlink()
    if one.model != library.encoder.name:
        return f"the index over the vectors of {one.model} is dropped; askpix index --model makes it anew"
    library.save_index()
    return f"the index over the vectors of {one.model} is made anew"
