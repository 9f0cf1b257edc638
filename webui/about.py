"""What the catalog knows about one photo beyond what every hit bears."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from searcher import Library, Photo, database
from searcher.catalog import PEOPLE, Album, AlbumImage, Caption, File, Image, Reading
from searcher.elsewhere import Where
from searcher.results import photos


@dataclass(frozen=True)
class About:
    """`machine` is the caption that people's took the place of, if any; `lines` the text read in the photo, each line
    with its box; `files` those that hold the photo, `same` the photos that show the same, the best first; `albums`
    those it was put into, and `others` the names of those it could be."""

    machine: str | None
    lines: list[dict[str, Any]]
    files: list[Where]
    same: list[Photo]
    albums: list[str]
    others: list[str]


def about(library: Library, photo: Photo) -> About:
    """Look it up."""
    machine = select(Caption.text).where(Caption.image_id == photo.id, Caption.model != PEOPLE)
    lines = select(Reading.lines).where(Reading.image_id == photo.id).order_by(Reading.created_at.desc())
    files = select(File).where(File.image_id == photo.id, File.missing_since.is_(None)).order_by(File.id)
    best = photo.duplicate_of or photo.id
    same = select(Image.id).where(or_(Image.id == best, Image.duplicate_of == best), Image.id != photo.id)
    inside = select(AlbumImage.album_id).where(AlbumImage.image_id == photo.id)
    albums = select(Album.name).where(Album.query.is_(None)).order_by(Album.name)
    by_hand = (Caption.model == library.captions_by).desc(), Caption.created_at.desc()
    with database.session(library.engine) as session:
        ids = session.scalars(same.order_by(Image.duplicate_of.is_not(None), Image.id)).all()
        return About(
            machine=session.scalar(machine.order_by(*by_hand).limit(1)) if photo.captioner == PEOPLE else None,
            lines=session.scalar(lines.limit(1)) or [],
            files=[file.path for file in session.scalars(files)],
            same=photos(session, ids, library.captions_by),
            albums=list(session.scalars(albums.where(Album.id.in_(inside)))),
            others=list(session.scalars(albums.where(Album.id.not_in(inside)))),
        )
