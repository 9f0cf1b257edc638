"""Searching: by a query, by its plan, and by a picture that is sent."""

import re
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

from flask import Response
from flask_openapi3.models.file import FileStorage
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from werkzeug.datastructures import FileStorage as Sent

from searcher import Library, database, filters
from searcher.query import Part, Plan, typed
from vlm.errors import AskpixError
from webui.api import cursors
from webui.api.arranged import By, FacetShown, GroupShown, facets_shown, groups_shown
from webui.api.ranked import page, varied_page
from webui.api.shown import HitShown, PartShown, hit_shown, plan_shown
from webui.api.texts import Text, told
from webui.api.topic import topic
from webui.guard import VIEWER, needs
from webui.library import current_library
from webui.sought_pictures import MOST_BYTES, keep, kept

_AROUND = 10_000  # bytes of a body besides the picture that it brings
_ID = re.compile(r"[0-9]{1,18}")
_PICTURE = re.compile(r"[0-9a-f]{32}")

blueprint = topic("search", "Find photos by describing them.")
pictures = topic("pictures", "Find photos like a picture.", takes="multipart/form-data", most=MOST_BYTES + _AROUND)


class Arrangement(BaseModel):
    """What part of the hits is wanted, and how."""

    model_config = ConfigDict(extra="forbid")

    k: int = Field(default=20, ge=1, le=1_000, description="How many hits a page has at most.")
    cursor: Text | None = Field(default=None, description="The page's place: what next said on the page before.")
    min_confidence: float | None = Field(
        default=None, ge=0, le=1, description="Hits less likely are left out; unset, the model's own; 0 for all."
    )
    where: Text | None = Field(default=None, description="Filters besides the query, such as tag:dog date:2019.")
    diverse: bool = Field(default=False, description="Of the 200 best hits those first that differ from one another.")
    group_by: By | None = Field(default=None, description="Also put the hits of this page into groups.")
    facets: bool = Field(default=False, description="Also count what the photos share that the filters let through.")

    @classmethod
    @cache
    def model_json_schema(cls, *given: Any, **more: Any) -> dict[str, Any]:  # type: ignore[override]
        """Made once, as it is looked at for each request."""
        return super().model_json_schema(*given, **more)


class Query(Arrangement):
    """A query and how its hits are wanted."""

    q: Text | None = Field(default=None, description="What to look for; see Searching in the documentation.")


class Wish(Arrangement):
    """A query, or a plan as an answer had it, with changes to its parts by their places."""

    query: Text | None = None
    plan: list[PartShown] | None = Field(default=None, max_length=50)
    off: list[int] = Field(default=[], max_length=50, description="The places of parts to do without, from 0.")
    weights: dict[int, float] = Field(default={}, description="Other weights, by the places of the parts.")

    @model_validator(mode="after")
    def _check_one(self) -> "Wish":
        if self.query is not None and self.plan is not None:
            raise ValueError("give a query or a plan, not both")
        return self


def _check_file(sent: Any) -> Any:
    if not isinstance(sent, Sent) or not sent.filename:
        raise ValueError("send a file, with a name")
    return sent


class Picture(BaseModel):
    """A picture to search by."""

    picture: Annotated[FileStorage, AfterValidator(_check_file)] = Field(description="The file, of 50 MB at most.")


class Found(BaseModel):
    """What was found: hits best first, and near misses with the last page."""

    query: str | None = Field(description="The query that says the plan, as far as a query can.")
    plan: list[PartShown] = Field(description="How the query was understood; change it and POST it to search again.")
    hits: list[HitShown]
    near: list[HitShown] = Field(description="Photos that miss the cutoff, or the words in quotation marks.")
    facets: dict[str, list[FacetShown]] | None
    groups: list[GroupShown] | None
    next: str | None = Field(description="The cursor of the next page; null on the last.")


@blueprint.get("/search", responses={200: Found, 304: None})
def search(query: Query) -> Response:
    """Search by a query or filters; without a match there are no hits."""
    library = current_library()
    plan = library.plan(query.q) if query.q is not None else Plan()
    return _carry_out(library, plan, query, query.q)


@blueprint.post("/search", responses={200: Found})
@needs(VIEWER)
def search_by_plan(body: Wish) -> Response:
    """Search by a query or plan with changes: parts switched off, other weights."""
    library = current_library()
    if body.plan is not None:
        plan = _plan_of(library, body.plan)
    else:
        plan = library.plan(body.query) if body.query is not None else Plan()
    changed = plan.with_changes(body.off, body.weights)
    return _carry_out(library, changed, body, body.query if changed == plan else None)


@pictures.post("/search/picture", responses={200: Found})
@needs(VIEWER)
def search_by_picture(query: Query, form: Picture) -> Response:
    """Search by a picture that is sent, and a query if there is one.

    The library keeps a small copy of the last 200 such pictures, so that the plan can be sent again.
    """
    library = current_library()
    parts = library.plan(query.q).parts if query.q is not None else ()
    picture = Part("like", str(kept(library, keep(library, form.picture))))
    return _carry_out(library, Plan((*parts, picture)), query, query.q)


def _plan_of(library: Library, parts: list[PartShown]) -> Plan:
    """A plan that was sent; a path in it would have us read any file, so pictures are named as we show them."""
    plan = Plan.from_json([part.model_dump() for part in parts])
    return replace(plan, parts=tuple(_own_picture(library, part) for part in plan.parts))


def _own_picture(library: Library, part: Part) -> Part:
    if part.kind != "like" or _ID.fullmatch(part.value):
        return part
    if _PICTURE.fullmatch(part.value):
        return replace(part, value=str(kept(library, part.value)))
    raise AskpixError("a plan names pictures by the ids of photos, such as 12; send others to search/picture")


def _carry_out(library: Library, plan: Plan, wanted: Arrangement, query: str | None) -> Response:
    with database.session(library.engine) as session:
        terms = filters.read_filter(session, wanted.where) if wanted.where is not None else ()
        plan = Plan((*plan.parts, *(Part("where", term) for term in terms)))
        said = query if query is not None and not terms else typed(plan, filters.known(session))
    listed = plan, wanted.min_confidence, wanted.diverse
    start = cursors.read(wanted.cursor, listed) or 0
    read = varied_page if wanted.diverse else page
    shown = read(library, plan, wanted.min_confidence, start, wanted.k)
    found = Found(
        query=said or None,
        plan=plan_shown(plan),
        hits=[hit_shown(hit) for hit in shown.hits],
        near=[hit_shown(hit) for hit in shown.near],
        facets=facets_shown(library, plan) if wanted.facets else None,
        groups=groups_shown(library, shown.hits, wanted.group_by) if wanted.group_by else None,
        next=cursors.write(start + wanted.k, listed) if shown.more else None,
    )
    return told(found)
