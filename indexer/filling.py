"""What is written about images once they can be found: captions, then the text that stands in them.

Each kind is filled in for all images below the roots that lack it: those that somebody has found already, then
the best rated, then the newest.
"""

from array import array
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select
from sqlalchemy.orm import Session

from indexer.progress import Progress
from searcher import Library, database, wordsearch
from searcher.catalog import Details, File, Image, Wish
from searcher.results import paths_of
from vlm.picture import Picture, UnreadablePicture, open_picture
from vlm.streams import ahead, batches

DECODERS = 2  # threads; Pillow decodes outside the interpreter lock


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
    `side` pixels, what is to be written; those in `known` come without a picture. `keep` writes one of them, and
    `told` tells it to people.
    """

    phase: str
    has: ColumnElement[bool]
    side: int
    batch: int
    make: Callable[[Sequence[Filled]], Sequence[Any]]
    keep: Callable[[Session, int, Any], None]
    told: Callable[[Any], str]
    known: Container[int] = frozenset()


def lacking(kind: Kind, roots: Sequence[Path]) -> Select[int]:
    """The ids of the images below the roots that lack a kind, in the order in which they get it."""
    present = select(File.image_id).where(File.missing_since.is_(None), or_(*map(_below, roots)))
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
    """Fill in a kind; yields each batch once it is committed."""
    with database.session(library.engine) as session:
        ids = array("q", session.scalars(lacking(kind, roots)))
    progress.enter(kind.phase, len(ids))

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
                for image_id, one in made.items():
                    kind.keep(session, image_id, one)
                wordsearch.refresh(session, made)
            done = [replace(i, picture=None, text=kind.told(made[i.id]) if i.id in made else None) for i in images]
            progress.advance(len(images))
            yield done


def _in_turn(library: Library, kind: Kind, ids: Sequence[int]) -> Iterator[Filled]:
    """The images to fill in, with a file; what is wished for meanwhile comes before its turn."""
    started: set[int] = set()
    for some in batches(ids, kind.batch):
        with database.session(library.engine) as session:
            wished = session.scalars(select(Image.id).join(Wish).where(~kind.has)).all()
            first = [i for i in [*wished, *some] if i not in started]
            still = set(session.scalars(select(Image.id).where(Image.id.in_(first), ~kind.has)))
            paths = paths_of(session, first)
        started.update(wished)
        yield from (Filled(i, paths[i]) for i in dict.fromkeys(first) if i in still and i in paths)


def fulfil(session: Session, image_id: int) -> None:
    """An image has what was wished for."""
    session.execute(delete(Wish).where(Wish.image_id == image_id))


def _below(root: Path) -> ColumnElement[bool]:
    """Whether a file is the root, or lies below it."""
    path = str(root)
    inside = File.folder.startswith(path.rstrip("/") + "/", autoescape=True)
    itself = and_(File.folder == str(root.parent), File.name == root.name)
    return or_(File.folder == path, inside, itself, _moment_of(root))


def _moment_of(root: Path) -> ColumnElement[bool]:
    return and_(File.folder == str(root.parent), File.name.startswith(f"{root.name}#t=", autoescape=True))
