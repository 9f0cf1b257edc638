"""Photos, hits and plans as the API shows them."""

from pathlib import Path
from typing import Any

from flask import url_for
from pydantic import BaseModel, Field

from searcher import Hit, Photo
from searcher.query import Kind, Plan
from webui.api.texts import Shown, Text
from webui.formats import picture_url


class Links(BaseModel):
    """Addresses on this server."""

    details: str = Field(description="All that is known of it, as JSON.")
    page: str = Field(description="Its page, for people.")
    picture: str = Field(description="A WebP of at most 1920 x 1440 pixels.")
    thumbnail: str = Field(description="A WebP of at most 1600 x 440 pixels.")
    original: str = Field(description="The file itself.")


class PhotoShown(BaseModel):
    """A photo, in short."""

    id: int
    path: Shown = Field(description="Absolute; what is not UTF-8 in it is shown as question marks.")
    caption: str | None
    tags: list[str]
    width: int = Field(description="In pixels, upright.")
    height: int
    links: Links


class HitShown(PhotoShown):
    """A photo that a search found."""

    score: float = Field(description="What ranks it.")
    confidence: float = Field(description="The calibrated probability that it matches, 0 to 1.")
    why: dict[str, Any] = Field(description="What gave the score; parts has one entry for each part of the plan.")


class PartShown(BaseModel):
    """A part of a plan: one thing that was understood of a query."""

    kind: Kind
    value: Text = Field(description="The words; for like, a photo's id, or the name of a picture that was sent.")
    weight: float = 1.0
    on: bool = True
    said: Text = Field(default="", description="The words that it was understood from.")


def photo_shown(photo: Photo) -> PhotoShown:
    """A photo, in short."""
    return PhotoShown(**_short(photo))


def hit_shown(hit: Hit) -> HitShown:
    """A hit with its photo."""
    said = hit.as_json()
    return HitShown(**_short(hit.photo), **{name: said[name] for name in ("score", "confidence", "why")})


def plan_shown(plan: Plan) -> list[PartShown]:
    """The parts of a plan; a picture that was sent is called by its name here, not by where it is kept."""
    parts = [PartShown(**part) for part in plan.as_json()]
    for part in parts:
        if part.kind == "like":
            part.value = Path(part.value).stem
    return parts


def _short(photo: Photo) -> dict[str, Any]:
    links = Links(
        details=url_for("api_photos.photo", photo_id=photo.id),
        page=url_for("photo.show", image_id=photo.id),
        picture=picture_url(photo, "large"),
        thumbnail=picture_url(photo, "small"),
        original=url_for("pictures.original", image_id=photo.id),
    )
    names = ("id", "path", "caption", "tags", "width", "height")
    return {**{name: getattr(photo, name) for name in names}, "links": links}
