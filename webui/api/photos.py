"""Photos: all of them, one of them, what is like it, and what people say about it."""

from typing import Annotated, Literal

from flask import abort, redirect
from pydantic import BaseModel, ConfigDict, Field
from werkzeug import Response

from searcher import Library, Photo, database
from searcher.catalog import Image
from searcher.corrections import correct_caption, correct_tags
from searcher.results import photos
from webui.api import cursors
from webui.api.record import Record, record
from webui.api.shown import HitShown, PhotoShown, hit_shown, photo_shown
from webui.api.texts import Text, told
from webui.api.topic import topic
from webui.formats import picture_url
from webui.library import current_library

blueprint = topic("photos", "Look at photos, and correct what was written about them.")

PhotoId = Annotated[int, Field(ge=1, lt=2**63)]


class Path(BaseModel):
    """Which photo."""

    photo_id: PhotoId = Field(description="A photo's id.")


class Listing(BaseModel):
    """What part of the photos is wanted."""

    model_config = ConfigDict(extra="forbid")

    k: int = Field(default=100, ge=1, le=1_000, description="How many photos a page has at most.")
    cursor: Text | None = Field(default=None, description="The page's place: what next said on the page before.")
    where: Text | None = Field(default=None, description="Filters, such as tag:dog date:2019.")


class Photos(BaseModel):
    """Photos, newest in the library first."""

    photos: list[PhotoShown]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class Count(BaseModel):
    """How many are wanted."""

    model_config = ConfigDict(extra="forbid")

    k: int = Field(default=20, ge=1, le=1_000, description="How many photos at most.")


class Similar(BaseModel):
    """Photos like one, the most similar first; confidence is the cosine of the embeddings."""

    hits: list[HitShown]


class Size(BaseModel):
    """How large."""

    size: Literal["small", "large"] = Field(default="large", description="At most 1600 x 440, or 1920 x 1440 pixels.")


class Correction(BaseModel):
    """What people say about a photo; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    caption: Text | None = Field(default=None, description="Shown in place of the machine's; null shows that again.")
    add_tags: list[Text] = Field(default=[], max_length=100)
    remove_tags: list[Text] = Field(default=[], max_length=100)


@blueprint.get("/photos", responses={200: Photos, 304: None})
def browse(query: Listing) -> Response:
    """List photos, newest in the library first."""
    library = current_library()
    before = cursors.read(query.cursor, query.where)
    with database.session(library.engine) as session:
        chosen = library.chosen(session, query.where).order_by(Image.id.desc()).limit(query.k + 1)
        ids = session.scalars(chosen if before is None else chosen.where(Image.id < before)).all()
        found = photos(session, ids[: query.k], library.captions_by)
    more = len(ids) > query.k
    following = cursors.write(ids[query.k - 1], query.where) if more else None
    return told(Photos(photos=[photo_shown(photo) for photo in found], next=following))


@blueprint.get("/photos/<int:photo_id>", responses={200: Record, 304: None})
def photo(path: Path) -> Response:
    """All that is known of a photo."""
    library = current_library()
    return told(record(library, known_photo(library, path.photo_id)))


@blueprint.patch("/photos/<int:photo_id>", responses={200: Record})
def correct(path: Path, body: Correction) -> Response:
    """Correct the caption and tags of a photo; what people say stays, whatever is indexed again."""
    library = current_library()
    known_photo(library, path.photo_id)
    if body.add_tags or body.remove_tags:
        correct_tags(library, path.photo_id, body.add_tags, body.remove_tags)
    if "caption" in body.model_fields_set:
        correct_caption(library, path.photo_id, body.caption)
    return told(record(library, known_photo(library, path.photo_id)))


@blueprint.get("/photos/<int:photo_id>/similar", responses={200: Similar, 304: None})
def similar(path: Path, query: Count) -> Response:
    """Photos that look like a photo."""
    library = current_library()
    known_photo(library, path.photo_id)
    hits = library.similar(path.photo_id, k=query.k)
    return told(Similar(hits=[hit_shown(hit) for hit in hits]))


@blueprint.get("/photos/<int:photo_id>/picture", responses={302: None})
def picture(path: Path, query: Size) -> Response:
    """Leads to a WebP of a photo, which may be kept for ever."""
    return redirect(picture_url(known_photo(current_library(), path.photo_id), query.size))


def known_photo(library: Library, photo_id: int) -> Photo:
    """The photo with that id; answers 404 if there is none."""
    return library.photo(photo_id) or abort(404, f"there is no photo {photo_id} here; ids are those that searches give")
