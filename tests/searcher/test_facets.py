"""Facets count what their filters let through."""

from datetime import datetime

import pytest
from sqlalchemy import delete, insert, select, update

from searcher import Library, database
from searcher.catalog import Answer, Details, File, Image, Question, now
from searcher.corrections import correct_caption, correct_tags
from searcher.facets import MOST, Facet, facets
from support import Askpix, records
from vlm.errors import AskpixError

CITIES = (("Paris", "France"), ("Lyon", "France"), ("Luxembourg", "Luxembourg"), (None, None))


@pytest.fixture
def described(demo_copy: Library) -> Library:
    """The demo library with what files say and answers of two models; one file is gone."""
    with database.writing(demo_copy.engine) as session:
        ids = session.scalars(select(Image.id).order_by(Image.id)).all()
        session.execute(delete(Details))
        session.add_all(_details(i) for i in ids)
        question = Question(name="has_dog", text="is there a dog?")
        session.add(question)
        session.flush()
        answers = [(i, "one", "yes" if i % 3 else "no") for i in ids] + [(i, "two", "Yes") for i in ids[:9]]
        rows = [
            {"question_id": question.id, "image_id": i, "model": m, "text": t, "confidence": 1.0} for i, m, t in answers
        ]
        session.execute(insert(Answer), rows)
        session.execute(update(Image).where(Image.id == 2).values(format="cr2"))
        session.execute(update(Image).where(Image.id == 4).values(format="nef"))
        session.execute(update(File).where(File.image_id == 3).values(missing_since=now()))
    return demo_copy


def _details(i: int) -> Details:
    city, country = CITIES[i % 4]
    return Details(
        image_id=i,
        taken_at=datetime(2018 + i % 5, 7, 14, 12) if i % 7 else None,
        camera=f"Camera No {i % 6}" if i % 6 else None,
        rating=i % 6 if i % 2 else None,
        city=city,
        country=country,
    )


def matching(library: Library, query: str) -> int:
    return len(library.browse(query, k=1000))


def test_each_facet_counts_what_its_filter_lets_through(described: Library) -> None:
    found = facets(described)
    assert set(found) == {"has_dog", "tag", "year", "camera", "place", "type", "rating"}
    for kind, some in found.items():
        assert 0 < len(some) <= MOST, kind
        assert [facet.count for facet in some] == sorted((facet.count for facet in some), reverse=True)
        assert [matching(described, facet.term) for facet in some] == [facet.count for facet in some], kind
    assert len(found["tag"]) == MOST
    assert {facet.value for facet in found["place"]} == {"France", "Paris", "Lyon", "Luxembourg"}
    assert Facet("raw", 2, "type:raw") in found["type"]
    assert any(facet.term == 'camera:"Camera No 1"' for facet in found["camera"])


@pytest.mark.parametrize(
    "query", ["date:2019..2020", "has_dog:no -place:Paris", '"dog" rating:>=1', "a dog -cat type:photo", "-field"]
)
def test_only_what_a_plan_lets_through_counts(described: Library, query: str) -> None:
    plan = described.plan(query)
    words = [place for place, part in enumerate(plan.parts) if part.kind == "text"]
    through = {hit.photo.id for hit in described.search(plan.with_changes(off=words), k=1000)}
    assert 0 < len(through) < described.count_images()
    found = facets(described, plan)
    for facet in [*found["tag"], *found["has_dog"], *found["year"]]:
        hits = described.browse(facet.term, k=1000)
        assert facet.count == len(through & {hit.photo.id for hit in hits})


def test_a_tag_that_people_took_away_does_not_count(demo_copy: Library) -> None:
    dogs = [hit.photo.id for hit in demo_copy.browse("tag:dog")]
    correct_tags(demo_copy, dogs[0], remove=["dog"])
    correct_tags(demo_copy, dogs[1], add=["dog"])  # by two now, and counted once
    correct_caption(demo_copy, dogs[2], "Our dog")
    for plan in (None, demo_copy.plan("type:photo")):
        (counted,) = (facet.count for facet in facets(demo_copy, plan)["tag"] if facet.value == "dog")
        assert counted == len(dogs) - 1


def test_nothing_is_counted_where_nothing_is_let_through(demo_copy: Library) -> None:
    assert not any(facets(demo_copy, demo_copy.plan('"nowhere written"')).values())
    with pytest.raises(AskpixError, match="there is no album"):
        facets(demo_copy, demo_copy.plan("album:Nowhere"))


def test_the_verb_search_prints_them(askpix: Askpix, demo_copy: Library) -> None:
    (record,) = records(askpix("search", "a cat -dog", "--facets", "--json", "--library", demo_copy.folder))
    assert record["facets"]["type"] == [
        {"value": "jpeg", "count": record["facets"]["type"][0]["count"], "term": "type:jpeg"}
    ]
    told = askpix("search", "a cat", "--facets", "--library", demo_copy.folder)
    assert "type: jpeg (44)" in told.stderr
    assert "type:" not in told.stdout
