"""Albums: photos that people put together under a name, and saved searches, which hold what they find now."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Select, delete, exists, func, insert, select
from sqlalchemy.orm import Session

from searcher import database
from searcher.catalog import Album, AlbumImage, File, Image
from searcher.library import Library
from searcher.portable import listed
from vlm.errors import AskpixError

LONGEST_NAME = 100
_QUOTATION_MARKS = '"“”„«»「」『』'  # which set a name apart in a query


@dataclass(frozen=True)
class AlbumInfo:
    """An album as lists show it: `query` is that of a saved search, `count` how many photos with a file it holds.

    A saved search that cannot be carried out, as when a photo that it names is forgotten, holds none.
    """

    id: int
    name: str
    query: str | None
    count: int


def albums(library: Library) -> list[AlbumInfo]:
    """All albums by name; saved searches are carried out, since what they hold is what they find."""
    with database.session(library.engine) as session:
        rows = session.execute(_counted().order_by(func.lower(Album.name))).all()
    return [_info(library, *row) for row in rows]


def make_album(library: Library, name: str, query: str | None = None) -> AlbumInfo:
    """Make an album, empty, or a saved search if there is a query.

    Raises AskpixError for a name that is taken or is none, and a query that cannot be understood or asks for an album.
    """
    name = _checked(name)
    count = 0 if query is None else len(library.saved_ids(query))
    with database.writing(library.engine) as session:
        _check_free(session, name)
        album = Album(name=name, query=query)
        session.add(album)
    return AlbumInfo(album.id, name, query, count)


def rename_album(library: Library, name: str, new: str) -> AlbumInfo:
    """Give an album another name; raises AskpixError as `make_album` does, or when there is no such album."""
    new = _checked(new)
    with database.writing(library.engine) as session:
        album = _named(session, name)
        _check_free(session, new, album)
        album.name = new
        session.flush()
        row = session.execute(_counted().where(Album.id == album.id)).one()
    return _info(library, *row)


def delete_album(library: Library, name: str) -> None:
    """Delete an album, not its photos; raises AskpixError when there is none of that name."""
    with database.writing(library.engine) as session:
        session.delete(_named(session, name))


def add_to_album(library: Library, name: str, ids: Iterable[int]) -> int:
    """Put photos into an album; how many of them were not in it before.

    Raises AskpixError when there is no such album or photo, or the album is a saved search.
    """
    wanted = list(dict.fromkeys(ids))
    with database.writing(library.engine) as session:
        album = _filled_by_hand(session, name)
        known = set(session.scalars(select(Image.id).where(Image.id.in_(listed(wanted)))))
        if unknown := [i for i in wanted if i not in known]:
            raise AskpixError(f"there is no photo with the id {unknown[0]} in this library; nothing was added")
        within = set(session.scalars(_within(album, wanted)))
        new = [{"album_id": album.id, "image_id": i} for i in wanted if i not in within]
        if new:
            session.execute(insert(AlbumImage), new)
    return len(new)


def remove_from_album(library: Library, name: str, ids: Iterable[int]) -> int:
    """Take photos out of an album; how many of them were in it.

    Raises AskpixError when there is no such album, or it is a saved search.
    """
    with database.writing(library.engine) as session:
        album = _filled_by_hand(session, name)
        within = session.scalars(_within(album, list(ids))).all()
        session.execute(
            delete(AlbumImage).where(AlbumImage.album_id == album.id, AlbumImage.image_id.in_(listed(within)))
        )
    return len(within)


def _counted() -> Select[int, str, str | None, int]:
    """Albums with how many photos with a file were put into each."""
    present = exists().where(File.image_id == AlbumImage.image_id, File.missing_since.is_(None))
    held = select(func.count()).where(AlbumImage.album_id == Album.id, present)
    return select(Album.id, Album.name, Album.query, held.scalar_subquery())


def _info(library: Library, number: int, name: str, query: str | None, count: int) -> AlbumInfo:
    if query is not None:
        with suppress(AskpixError):  # which who opens the album is told
            count = len(library.saved_ids(query))
    return AlbumInfo(number, name, query, count)


def _within(album: Album, ids: list[int]) -> Select[int]:
    """Those of the photos that are in an album."""
    return select(AlbumImage.image_id).where(AlbumImage.album_id == album.id, AlbumImage.image_id.in_(listed(ids)))


def _filled_by_hand(session: Session, name: str) -> Album:
    album = _named(session, name)
    if album.query is not None:
        raise AskpixError(
            f"{album.name!r} is a saved search and holds what {album.query!r} finds; make another album for photos"
        )
    return album


def _named(session: Session, name: str) -> Album:
    album = session.scalar(_by_name(name))
    if album is None:
        names = ", ".join(session.scalars(select(Album.name).order_by(Album.name))) or "none yet"
        raise AskpixError(f"there is no album {name!r}; there are: {names}")
    return album


def _check_free(session: Session, name: str, own: Album | None = None) -> None:
    """Raise AskpixError if another album than one's own has that name."""
    if (taken := session.scalar(_by_name(name))) not in (None, own):
        raise AskpixError(f"there is an album {taken.name!r} already; choose another name")


def _by_name(name: str) -> Select[Album]:
    return select(Album).where(func.case_folded(Album.name) == name.strip().casefold())


def _checked(name: str) -> str:
    """The name without space around it; raises AskpixError when no query could say it."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or not set(name).isdisjoint(_QUOTATION_MARKS):
        raise AskpixError(f"the name of an album has 1 to {LONGEST_NAME} characters and no quotation marks")
    return name
