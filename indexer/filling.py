"""What is written about images once they can be found: captions, then the text that stands in them.

Each kind is filled in for all images below the roots that lack it: those that somebody has found already, then
the best rated, then the newest.
"""

import json
from array import array
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, column, delete, exists, func, select
from sqlalchemy.orm import Session

from indexer.embedding import DECODERS
from indexer.progress import Progress
from searcher import Library, database, wordsearch
from searcher.catalog import Details, File, Image, Wish, to_sql
from searcher.results import paths_of
from vlm.picture import Picture, UnreadablePicture, open_picture
from vlm.streams import ahead, batches


@dataclass(frozen=True)
class Filled:
    """An image that something was written about: what, or why it could not be."""

    id: int
    path: Path
    picture: Picture | None = None
    text: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Kind:
    """Something that images may lack.

    `has` says in SQL that an image has it. `make` gives of some images, whose picture has a shorter side of at least
    `side` pixels, what is to be written; those in `known` come without a picture. `keep` writes it, by the images'
    ids, and `told` tells one of it to people.
    """

    phase: str
    has: ColumnElement[bool]
    side: int
    batch: int
    make: Callable[[Sequence[Filled]], Sequence[Any]]
    keep: Callable[[Session, Mapping[int, Any]], None]
    told: Callable[[Any], str]
    known: Container[int] = frozenset()


def lacking(kind: Kind, roots: Sequence[Path]) -> Select[int]:
    """The ids of the images below the roots that lack a kind, in the order in which they get it."""
    present = select(File.image_id).where(File.missing_since.is_(None), _below(roots))
    return (
        select(Image.id)
        .outerjoin(Wish, Wish.image_id == Image.id)
        .outerjoin(Details, Details.image_id == Image.id)
        .where(Image.id.in_(present), ~kind.has)
        .order_by(
            Wish.wished_at.desc().nulls_last(),
            Details.rating.desc().nulls_last(),
            Details.taken_at.desc().nulls_last(),
            Image.id,
        )
    )


def fill(library: Library, kind: Kind, roots: Sequence[Path], progress: Progress) -> Iterator[list[Filled]]:
    """Fill in a kind; yields nothing once it is known for how many, then each batch once it is committed."""
    with database.session(library.engine) as session:
        ids = array("q", session.scalars(lacking(kind, roots)))
    progress.enter(kind.phase, len(ids))
    yield []

    def opened(image: Filled) -> Filled:
        if image.reason or image.id in kind.known:
            return image
        with progress.timed("decode"):
            try:
                return replace(image, picture=open_picture(image.path, kind.side, library.settings.max_pixels))
            except UnreadablePicture as error:
                return replace(image, reason=str(error))

    with ThreadPoolExecutor(DECODERS, "decode") as pool:
        for images in batches(ahead(pool, opened, _in_turn(library, kind, ids), 2 * kind.batch), kind.batch):
            whole = [image for image in images if not image.reason]
            with progress.timed(kind.phase):
                made = dict(zip((image.id for image in whole), kind.make(whole), strict=True))
            with progress.timed("store"), database.writing(library.engine) as session:
                kind.keep(session, made)
                wordsearch.refresh(session, made)
            done = [replace(i, picture=None, text=kind.told(made[i.id]) if i.id in made else None) for i in images]
            progress.advance(len(images))
            yield done


def _in_turn(library: Library, kind: Kind, ids: Sequence[int]) -> Iterator[Filled]:
    """The images to fill in, with a file; what is wished for meanwhile comes before its turn."""
    wishes = select(Image.id).join(Wish).where(~kind.has).order_by(Wish.wished_at.desc())
    wished: set[int] = set()
    under_way: deque[int] = deque(maxlen=3 * kind.batch)  # as many may not be committed yet
    for some in batches(ids, kind.batch):
        with database.session(library.engine) as session:
            new = [i for i in session.scalars(wishes) if i not in wished and i not in under_way]
            wished.update(new)
            first = new + [i for i in some if i not in wished]
            still = set(session.scalars(select(Image.id).where(Image.id.in_(first), ~kind.has)))
            paths = paths_of(session, first)
        for i in first:
            if i in still and i in paths:
                under_way.append(i)
                yield Filled(i, paths[i])


def fulfil(session: Session, image_ids: Iterable[int]) -> None:
    """Images have what was wished for."""
    session.execute(delete(Wish).where(Wish.image_id.in_(wordsearch.listed(image_ids))))


def _below(roots: Sequence[Path]) -> ColumnElement[bool]:
    """Whether a file is one of the roots, of which there may be thousands, or lies below one."""
    names = json.dumps([to_sql(str(path).rstrip("/")) for path in roots])
    root = func.json_each(names).table_valued(column("value", String)).c.value
    folder, name = cast(File.folder, String), cast(File.name, String)
    moment = func.instr(name, "#t=")
    file = case((moment > 0, func.substr(name, 1, moment - 1)), else_=name)
    # "0" comes after "/": what lies between is below the root.
    inside = exists(select(root).where((folder == root) | (folder >= root + "/") & (folder < root + "0")))
    return inside | (folder + "/" + file).in_(select(root))
