"""What is written about images once they can be found: captions, then the text that stands in them.

Each kind is filled in for all images below the roots that lack it: those that somebody has found already, then
the best rated, then the newest.
"""

from array import array
from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, delete, exists, func, literal, select
from sqlalchemy.orm import Session

from indexer.claims import Claims
from indexer.embedding import DECODERS
from indexer.progress import Progress
from indexer.scan import Root
from searcher import Library, database, wordsearch
from searcher.catalog import Details, File, Image, Wish, to_sql
from searcher.elsewhere import Where
from searcher.originals import open_original
from searcher.portable import each_text, listed, place_in
from searcher.ranges import patiently
from searcher.results import paths_of
from vlm.picture import Picture, UnreadablePicture
from vlm.streams import ahead, batches

_WAIT_S = 60.0  # for other runs to be done with images; they are looked at again after


@dataclass(frozen=True)
class Filled:
    """An image that something was written about: what, or why it could not be."""

    id: int
    path: Where
    picture: Picture | None = None
    text: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Kind:
    """Something that images may lack.

    `has` says in SQL that an image has it. `make` gives of some images, whose picture has a shorter side of at least
    `side` pixels, what is to be written, as the model called `by` does; those in `known` come without a picture. `keep`
    writes it, by the images' ids, and `told` tells one of it to people.
    """

    phase: str
    by: str
    has: ColumnElement[bool]
    side: int
    batch: int
    make: Callable[[Sequence[Filled]], Sequence[Any]]
    keep: Callable[[Session, Mapping[int, Any]], None]
    told: Callable[[Any], str]
    known: Container[int] = frozenset()


Make = Callable[[Kind, Iterable[Filled], int, Progress], Iterator[tuple[list[Filled], Sequence[Any]]]]


def lacking(kind: Kind, roots: Sequence[Root]) -> Select[int]:
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


def make(
    kind: Kind, images: Iterable[Filled], max_pixels: int, progress: Progress
) -> Iterator[tuple[list[Filled], Sequence[Any]]]:
    """What is to be filled in for images, batch by batch: the images, and what was made of those without a reason."""

    def ready(image: Filled) -> Filled:
        if image.id in kind.known:
            return image
        with progress.timed("decode"):
            return opened(image, kind.side, max_pixels)

    with ThreadPoolExecutor(DECODERS, "decode") as pool:
        for some in batches(ahead(pool, ready, images, 2 * kind.batch), kind.batch):
            whole = [image for image in some if not image.reason]
            with progress.timed(kind.phase):
                made = kind.make(whole)
            yield some, made


def opened(image: Filled, side: int, max_pixels: int) -> Filled:
    """An image with its picture, whose shorter side is at least `side` pixels, or with the reason why it has none."""
    try:
        return replace(image, picture=patiently(lambda: open_original(image.path, side, max_pixels)))
    except UnreadablePicture as error:
        return replace(image, reason=str(error))


def fill(
    library: Library,
    kind: Kind,
    roots: Sequence[Root],
    progress: Progress,
    make: Make = make,
    claims: Claims | None = None,
) -> Iterator[list[Filled]]:
    """Fill in a kind; yields nothing once it is known for how many, then each batch once it is committed.

    What other runs have claimed is left to them, and looked at again once they had time to be done.
    """
    filling = _Filling(library, kind, claims)
    ids = filling.lacking(roots)
    while True:
        progress.enter(kind.phase, len(ids))
        yield []
        for images, each in make(kind, filling.in_turn(ids), library.settings.max_pixels, progress):
            made = dict(zip((image.id for image in images if not image.reason), each, strict=True))
            with progress.timed("store"):
                filling.keep(images, made)
            progress.advance(len(images))
            yield [replace(i, picture=None, text=kind.told(made[i.id]) if i.id in made else None) for i in images]
        if not claims or not filling.left or not (ids := filling.left_by_others(roots)):
            break


@dataclass
class _Filling:
    """What is read and written of the catalog while a kind is filled in; `left` says that others were at some of it,
    and `refused` which images have nothing to be filled in from."""

    library: Library
    kind: Kind
    claims: Claims | None = None
    left: bool = False
    refused: set[int] = field(default_factory=set)

    @property
    def work(self) -> str:
        return f"{self.kind.phase}:{self.kind.by}:{self.library.settings.caption_language}"

    @database.patiently
    def lacking(self, roots: Sequence[Root]) -> Sequence[int]:
        """The ids of the images that lack the kind."""
        with database.session(self.library.engine) as session:
            return array("q", (i for i in session.scalars(lacking(self.kind, roots)) if i not in self.refused))

    def left_by_others(self, roots: Sequence[Root]) -> Sequence[int]:
        """Those that others began with and did not end, once these have had time to."""
        if self.claims:
            self.claims.wait_for_others(self.work, _WAIT_S)
        self.left = False
        return self.lacking(roots)

    def in_turn(self, ids: Sequence[int]) -> Iterator[Filled]:
        """The images to fill in, with a file; what is wished for meanwhile comes before its turn."""
        wished: set[int] = set()
        under_way: deque[int] = deque(maxlen=3 * self.kind.batch)  # as many may not be committed yet
        for some in batches(ids, self.kind.batch):
            new = [i for i in self._wishes() if i not in wished and i not in under_way]
            wished.update(new)
            for image in self._claimed(new + [i for i in some if i not in wished]):
                under_way.append(image.id)
                yield image

    @database.patiently
    def _wishes(self) -> Sequence[int]:
        wishes = select(Image.id).join(Wish).where(~self.kind.has).order_by(Wish.wished_at.desc())
        with database.session(self.library.engine) as session:
            return session.scalars(wishes).all()

    @database.patiently
    def _claimed(self, ids: Sequence[int]) -> list[Filled]:
        """Those that still lack the kind, have a file, and are this run's to fill in."""
        own = {int(key) for key in self.claims.take(self.work, map(str, ids))} if self.claims else set(ids)
        self.left |= len(own) < len(ids)
        unit = database.writing if self.claims else database.session
        with unit(self.library.engine) as session:
            still = set(session.scalars(select(Image.id).where(Image.id.in_(own), ~self.kind.has)))
            paths = paths_of(session, still)
            self._give_back(session, own - paths.keys())
        return [Filled(i, paths[i]) for i in ids if i in paths]

    @database.patiently
    def keep(self, images: Sequence[Filled], made: Mapping[int, Any]) -> None:
        """Commit what was made of images."""
        self.refused.update(image.id for image in images if image.reason)
        with database.writing(self.library.engine) as session:
            self.kind.keep(session, made)
            wordsearch.refresh(session, made)
            self._give_back(session, {image.id for image in images})

    def _give_back(self, session: Session, ids: Collection[int]) -> None:
        if self.claims:
            self.claims.give_back(session, self.work, sorted(map(str, ids)))


def fulfil(session: Session, image_ids: Iterable[int]) -> None:
    """Images have what was wished for."""
    session.execute(delete(Wish).where(Wish.image_id.in_(listed(image_ids))))


def _below(roots: Sequence[Root]) -> ColumnElement[bool]:
    """Whether a file is one of the roots, of which there may be thousands, or lies below one."""
    root = each_text([to_sql(str(path).rstrip("/")) for path in roots])
    folder, name = cast(File.folder, String), cast(File.name, String)
    moment = place_in(name, literal("#t="))
    file = case((moment > 0, func.substr(name, 1, moment - 1)), else_=name)
    # "0" comes after "/": what lies between is below the root.
    inside = exists(select(root).where((folder == root) | (folder >= root + "/") & (folder < root + "0")))
    return inside | (folder + "/" + file).in_(select(root))
