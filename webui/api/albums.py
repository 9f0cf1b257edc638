"""Albums: photos that people put together, and saved searches."""

from typing import Annotated
from urllib.parse import urlencode

from flask import Response, abort, url_for
from pydantic import BaseModel, ConfigDict, Field

from searcher import Library, database
from searcher.albums import (
    AlbumInfo,
    add_to_album,
    albums,
    delete_album,
    make_album,
    remove_from_album,
    rename_album,
)
from searcher.catalog import Album
from webui.api.photos import PhotoId
from webui.api.texts import Text, told
from webui.api.topic import topic
from webui.formats import quoted
from webui.library import current_library

blueprint = topic("albums", "Put photos together.")

Ids = Annotated[list[PhotoId], Field(max_length=10_000)]


class Path(BaseModel):
    """Which album."""

    album_id: PhotoId = Field(description="An album's id.")


class New(BaseModel):
    """An album to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    query: Text | None = Field(default=None, description="For a saved search, which holds what it finds.")


class Change(BaseModel):
    """What is to be changed about an album; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = None
    add: Ids = Field(default=[], description="Ids of photos to put into it.")
    remove: Ids = Field(default=[], description="Ids of photos to take out of it.")


class AlbumShown(BaseModel):
    """An album; its photos are at the address that is in it."""

    id: int
    name: str
    query: str | None
    count: int
    photos: str


class Albums(BaseModel):
    """All albums."""

    albums: list[AlbumShown]


@blueprint.get("/albums", responses={200: Albums, 304: None})
def all_albums() -> Response:
    """List albums."""
    return told(Albums(albums=[_shown(album) for album in albums(current_library())]))


@blueprint.post("/albums", responses={201: AlbumShown})
def make(body: New) -> Response:
    """Make an album, or a saved search."""
    album = make_album(current_library(), body.name, body.query)
    return told(_shown(album), 201, Location=url_for("api_albums.album", album_id=album.id))


@blueprint.get("/albums/<int:album_id>", responses={200: AlbumShown, 304: None})
def album(path: Path) -> Response:
    """One album."""
    return told(_shown(_known(current_library(), path.album_id)))


@blueprint.patch("/albums/<int:album_id>", responses={200: AlbumShown})
def change(path: Path, body: Change) -> Response:
    """Rename an album, put photos into it, take some out."""
    library = current_library()
    name = _name(library, path.album_id)
    if body.name is not None:
        name = rename_album(library, name, body.name).name
    if body.add:
        add_to_album(library, name, body.add)
    if body.remove:
        remove_from_album(library, name, body.remove)
    return told(_shown(_known(library, path.album_id)))


@blueprint.delete("/albums/<int:album_id>", responses={204: None})
def delete(path: Path) -> tuple[str, int]:
    """Delete an album, not its photos."""
    library = current_library()
    delete_album(library, _name(library, path.album_id))
    return "", 204


def _name(library: Library, album_id: int) -> str:
    with database.session(library.engine) as session:
        found = session.get(Album, album_id)
    return found.name if found else abort(404, f"there is no album {album_id} here; /albums lists those there are")


def _known(library: Library, album_id: int) -> AlbumInfo:
    name = _name(library, album_id)
    return next(album for album in albums(library) if album.name == name)


def _shown(album: AlbumInfo) -> AlbumShown:
    where = urlencode({"where": quoted(f"album:{album.name}")})
    return AlbumShown(**vars(album), photos=f"{url_for('api_photos.browse')}?{where}")
