"""Facets and groups as the API shows them."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from searcher import Hit, Library
from searcher.arranging import group
from searcher.facets import facets
from searcher.query import Plan

By = Literal["moment", "place", "likeness"]


class FacetShown(BaseModel):
    """A value that photos have, how many of them, and the filter that keeps those."""

    value: str
    count: int
    term: str = Field(description="To be put into a query or where, such as tag:dog.")


class GroupShown(BaseModel):
    """Hits of this page that belong together."""

    title: str
    ids: list[int]


def facets_shown(library: Library, plan: Plan | None) -> dict[str, list[FacetShown]]:
    """The facets of all photos that the filters of a plan let through."""
    return {
        name: [FacetShown(value=str(one.value), count=one.count, term=one.term) for one in values]
        for name, values in facets(library, plan).items()
    }


def groups_shown(library: Library, hits: Sequence[Hit], by: By) -> list[GroupShown]:
    """Hits put together by what they share."""
    return [
        GroupShown(title=one.title, ids=[hit.photo.id for hit in one.hits]) for one in group(library, list(hits), by)
    ]
