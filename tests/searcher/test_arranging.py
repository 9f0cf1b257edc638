"""Hits in another order, or in groups."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from searcher import Hit, Library
from searcher.arranging import diversify, group
from searcher.catalog import Details
from support import Askpix, records
from vlm.errors import AskpixError


def names(hits: Sequence[Hit]) -> list[str]:
    return [hit.photo.path.stem for hit in hits]


def said(hit: Hit, **details: object) -> Hit:
    return replace(hit, photo=replace(hit.photo, details=Details(**details)))


def test_varied_hits_are_unlike_one_another(demo_library: Library) -> None:
    hits = demo_library.search("mountains", k=30, min_confidence=0)
    assert names(hits)[:2] == ["mountains", "autumn_hills"]  # which look alike
    varied = diversify(demo_library, hits, 3)
    assert varied[0] == hits[0]
    assert "autumn_hills" not in names(varied)[:2]
    assert _likeness(demo_library, varied[:2]) < _likeness(demo_library, hits[:2])
    assert _sorted(diversify(demo_library, hits, 100)) == _sorted(hits)
    assert diversify(demo_library, [], 4) == []


def _sorted(hits: Sequence[Hit]) -> list[int]:
    return sorted(hit.photo.id for hit in hits)


def _likeness(library: Library, hits: Sequence[Hit]) -> float:
    """The largest cosine between two hits."""
    ids = np.array([hit.photo.id for hit in hits])
    vectors = library.vectors.get(ids, library.count_vectors())
    return float((vectors @ vectors.T)[np.triu_indices(len(hits), 1)].max())


def test_what_the_encoder_has_not_seen_has_a_place_too(demo_library: Library) -> None:
    hits = demo_library.browse(k=4)
    unseen = replace(hits[0], photo=replace(hits[0].photo, id=9999))
    assert unseen in diversify(demo_library, [*hits, unseen], 5)
    assert [one.hits for one in group(demo_library, [*hits, unseen], "likeness")][-1] == [unseen]


def test_moments_begin_after_a_pause(demo_library: Library) -> None:
    times = [(2, 9, 0), (1, 23, 10), (2, 1, 30), None, (2, 11, 40), (5, 8, 0), (2, 4, 30)]
    hits = [
        said(hit, taken_at=time and datetime(2021, 7, *time))
        for hit, time in zip(demo_library.browse(k=7), times, strict=True)
    ]
    moments = group(demo_library, hits, "moment")
    assert [(one.title, [hits.index(hit) for hit in one.hits]) for one in moments] == [
        ("2 July 2021, 09:00 to 11:40", [0, 4]),
        ("1 July 2021, 23:10 to 2 July 2021, 04:30", [1, 2, 6]),
        ("5 July 2021, 08:00", [5]),
        ("no date", [3]),
    ]


def test_places_are_told_by_their_names(demo_library: Library) -> None:
    lyon = {"city": "Lyon", "country": "France"}
    hits = [
        said(hit, **where)
        for hit, where in zip(demo_library.browse(k=4), ({}, lyon, {"country": "Japan"}, lyon), strict=True)
    ]
    places = group(demo_library, hits, "place")
    assert [(one.title, [hits.index(hit) for hit in one.hits]) for one in places] == [
        ("Lyon, France", [1, 3]),
        ("Japan", [2]),
        ("no place", [0]),
    ]


def test_duplicates_and_what_looks_alike_are_together(demo_library: Library) -> None:
    hits = demo_library.search("mountains", k=6, min_confidence=0)
    best = hits[3].photo.id
    copy = replace(hits[5], photo=replace(hits[5].photo, duplicate_of=best))
    alike = group(demo_library, [*hits[:5], copy], "likeness")
    assert [names(one.hits) for one in alike if len(one.hits) > 1] == [
        ["mountains", "autumn_hills"],
        names([hits[3], copy]),
    ]
    assert alike[0].title == hits[0].photo.caption
    assert sum(len(one.hits) for one in alike) == 6


def test_other_groups_are_refused(demo_library: Library) -> None:
    with pytest.raises(AskpixError, match="cannot be grouped by 'colour'; there are: moment, place, likeness"):
        group(demo_library, [], "colour")


def test_the_verb_search_arranges(askpix: Askpix, demo_library: Library) -> None:
    place = ("--library", demo_library.folder, "--min-confidence", 0, "-k", 4)
    (plain,) = records(askpix("search", "mountains", "--group-by", "likeness", "--json", *place))
    assert plain["groups"][0]["ids"] == [hit["id"] for hit in plain["hits"]][:2]
    (varied,) = records(askpix("search", "mountains", "--diverse", "--json", *place))
    assert "groups" not in varied
    assert len(varied["hits"]) == 4
    assert [hit["id"] for hit in varied["hits"]] != [hit["id"] for hit in plain["hits"]]
    told = askpix("search", "mountains", "--group-by", "moment", *place)
    assert (told.stderr, len(told.stdout.splitlines())) == ("no date:\n", 4)
