"""What a query that is being typed may become, and the searches of before."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from searcher import Library, database, wordsearch
from searcher.albums import make_album
from searcher.catalog import Details
from searcher.corrections import correct_tags
from searcher.suggestions import KEPT, MOST, forget, past_searches, remember, spelled, suggest


@pytest.fixture(scope="module")
def lived_in(untouched_demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A copy of the demo library with an album, people's tags, a camera, a place, dates, and a column of answers."""
    with Library(shutil.copytree(untouched_demo_folder, tmp_path_factory.mktemp("lived") / "library")) as library:
        make_album(library, "Summer in Lyon")
        correct_tags(library, 1, ["Mia", "our cat"], [])
        with database.writing(library.engine) as session:
            for image_id, year in ((1, 2019), (2, 2021)):
                details = session.get(Details, image_id) or Details(image_id=image_id)
                details.taken_at, details.camera = datetime(year, 5, 1), "Canon EOS R6"
                details.city, details.country = "Lyon", "France"
                session.add(details)
            wordsearch.refresh(session, [1, 2])

        photos = [photo for i in (1, 2) if (photo := library.photo(i))]
        list(library.ask("is there a dog?", photos, save_as="has_dog"))
        yield library


@pytest.mark.parametrize(
    ("begun", "query", "kind"),
    [
        ("a do", "a dog", "word"),
        ("runn", "running", "word"),
        ("tag:do", "tag:dog", "tag"),
        ("-tag:do", "-tag:dog", "tag"),
        ("a dog tag:gra", "a dog tag:grass", "tag"),
        ("tag:mi", "tag:Mia", "tag"),
        ('tag:"our', 'tag:"our cat"', "tag"),
        ("mi", "tag:Mia", "tag"),
        ("album:lyo", 'album:"Summer in Lyon"', "album"),
        ("place:ly", "place:Lyon", "place"),
        ("place:", "place:France", "place"),
        ("camera:eos", 'camera:"Canon EOS R6"', "camera"),
        ("date:20", "date:2021", "date"),
        ("is:du", "is:duplicate", "is"),
        ("rating:", "rating:5", "rating"),
        ("a cat cam", "a cat camera:", "field"),
        ("has_", "has_dog:", "field"),
        ("caption:gra", "caption:grass", "caption"),
    ],
)
def test_the_last_term_is_completed(lived_in: Library, begun: str, query: str, kind: str) -> None:
    assert (query, kind) in [(one.query, one.kind) for one in suggest(lived_in, begun)]


def test_answers_complete_their_column(lived_in: Library) -> None:
    found = [one.query for one in suggest(lived_in, "has_dog:")]
    assert found and set(found) <= {"has_dog:yes", "has_dog:no"}


def test_every_suggestion_can_be_searched_for(lived_in: Library) -> None:
    for begun in ("d", "p", "tag:", "place:", "camera:", "date:", "album:", "a photo of gr"):
        found = suggest(lived_in, begun)
        assert 0 < len(found) <= MOST
        for one in found:
            if one.kind != "field":
                assert lived_in.plan(one.query).parts


@pytest.mark.parametrize("begun", ["x:y", "nosuchword", 'tag:"', "(", "tag:%", "a-", "*", '"', "猫"])
def test_what_cannot_be_completed_is_left_alone(lived_in: Library, begun: str) -> None:
    assert all(one.query.startswith(begun[0]) or one.kind == "tag" for one in suggest(lived_in, begun))


def test_past_searches_come_first_and_can_be_forgotten(lived_in: Library) -> None:
    forget(lived_in)
    for query in ("a dog on a beach", "boats", "a dog"):
        remember(lived_in, query)
    remember(lived_in, "boats")
    assert [one.query for one in suggest(lived_in, "")] == ["boats", "a dog", "a dog on a beach"]
    assert suggest(lived_in, "bea")[0].query == "a dog on a beach"
    assert suggest(lived_in, "A DOG")[0].query == "a dog on a beach"
    forget(lived_in, "boats")
    assert past_searches(lived_in) == ["a dog", "a dog on a beach"]
    forget(lived_in)
    assert suggest(lived_in, "") == []


def test_only_the_latest_past_searches_are_kept(lived_in: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEPT >= 100
    monkeypatch.setattr("searcher.suggestions.KEPT", 3)
    for number in range(5):
        remember(lived_in, f"search {number}")
    assert past_searches(lived_in) == ["search 4", "search 3", "search 2"]
    forget(lived_in)


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("tag", "gras", "grass"),
        ("tag", "dgo", "dog"),
        ("place", "Lyonn", "Lyon"),
        ("camera", "Canon EOS R5", "Canon EOS R6"),
    ],
)
def test_other_spellings_are_known(lived_in: Library, field: str, wrong: str, right: str) -> None:
    with database.session(lived_in.engine) as session:
        assert right in spelled(session, field, wrong)
        assert spelled(session, field, "qqqqqqqq") == []
