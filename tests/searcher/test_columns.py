"""Columns of answers: kept under names, corrected by people, sorted by, exported, listed."""

import csv
import io

import pytest
from sqlalchemy import insert

from searcher import Library, database
from searcher.answers import AUTOMATIC, open_column
from searcher.catalog import Answer
from searcher.columns import (
    column,
    columns,
    correct_answer,
    delete_column,
    rename_column,
    set_standing,
    sorted_by,
)
from searcher.export import records as exported
from searcher.export import write_csv
from searcher.facets import facets
from support import Askpix, records
from vlm.errors import AskpixError
from vlm.protocols import CANNOT_TELL


@pytest.fixture
def asked(demo_copy: Library) -> Library:
    """A library with the column has_dog: yes, no and a guess in turn, by two models, the newer of which says no."""
    made = open_column(demo_copy.engine, "is there a dog?", "has_dog")
    ids = sorted(hit.photo.id for hit in demo_copy.browse(k=1000))
    own = {"question_id": made.id, "why": {}}
    rows = [
        {
            **own,
            "image_id": i,
            "model": "new",
            "text": ("yes", "no", "yes")[i % 3],
            "confidence": (0.9, 0.8, 0.1)[i % 3],
        }
        for i in ids
    ]
    with database.writing(demo_copy.engine) as session:
        session.execute(insert(Answer), [{**own, "image_id": ids[0], "model": "old", "text": "old", "confidence": 1.0}])
        session.execute(insert(Answer), rows)
    return demo_copy


def found(library: Library, where: str) -> set[int]:
    return {hit.photo.id for hit in library.browse(where, k=1000)}


def test_filters_and_facets_tell_the_same_and_guesses_apart(asked: Library) -> None:
    yes, no, guess = (found(asked, f"has_dog:{answer}") for answer in ("yes", "no", f'"{CANNOT_TELL}"'))
    assert all(i % 3 == 0 for i in yes)
    assert all(i % 3 == 1 for i in no)
    assert all(i % 3 == 2 for i in guess)
    assert len(yes) + len(no) + len(guess) == asked.count_images()
    assert not found(asked, "has_dog:old")
    counted = {facet.value: facet.count for facet in facets(asked)["has_dog"]}
    assert counted == {"yes": len(yes), "no": len(no), CANNOT_TELL.lower(): len(guess)}


def test_people_have_the_last_word_everywhere(asked: Library) -> None:
    one = min(found(asked, "has_dog:no"))
    correct_answer(asked, one, "has_dog", " a  small one ")
    assert found(asked, 'has_dog:"a small one"') == {one}
    assert one not in found(asked, "has_dog:no")
    assert "a small one" in {facet.value for facet in facets(asked)["has_dog"]}
    (reply,) = asked.ask(
        "is there a dog?", [hit.photo for hit in asked.browse(k=1000) if hit.photo.id == one], save_as="has_dog"
    )
    assert (reply.answer, reply.confidence) == ("a small one", 1.0)
    tally = list(asked.ask_all("which have a dog?", [one]))[-1].tally
    assert tally.rows[0].label == "a small one"
    assert {record.answers["has_dog"] for record in exported(asked, 'has_dog:"a small one"')} == {"a small one"}
    assert column(asked, "has_dog").by_people == 1
    correct_answer(asked, one, "has_dog", None)
    assert one in found(asked, "has_dog:no")


def test_wrong_corrections_are_refused(asked: Library) -> None:
    for name, image_id, text, said in (
        ("has_cat", 1, "yes", "there is no column 'has_cat'; there are: has_dog"),
        ("has_dog", 10**9, "yes", "there is no photo with the id"),
        ("has_dog", 1, "  ", "an answer has 1 to 200 characters"),
        ("has_dog", 1, "x" * 201, "an answer has 1 to 200 characters"),
    ):
        with pytest.raises(AskpixError, match=said):
            correct_answer(asked, image_id, name, text)


def test_what_was_asked_without_a_name_gets_one(asked: Library) -> None:
    kept = open_column(asked.engine, "is there a cat?", None)
    assert kept.name == f"{AUTOMATIC}is_there_a_cat"
    assert open_column(asked.engine, "is there a cat?", None) == kept
    assert open_column(asked.engine, "is there a dog?", None).name == "has_dog"  # it has a name already
    assert [one.name for one in columns(asked)] == ["has_dog", kept.name]
    assert kept.name not in facets(asked)
    named = open_column(asked.engine, "is there a cat?", "has_cat")
    assert named.id == kept.id
    assert open_column(asked.engine, "有猫吗？", None).name != open_column(asked.engine, "有狗吗？", None).name


def test_names_are_changed_and_columns_deleted(asked: Library) -> None:
    assert rename_column(asked, "has_dog", "dogs").name == "dogs"
    assert found(asked, "dogs:yes")
    open_column(asked.engine, "is there a cat?", "cats")
    for new, said in (("cats", "there is a column cats already"), ("Dogs", "cannot name"), ("tag", "cannot name")):
        with pytest.raises(AskpixError, match=said):
            rename_column(asked, "dogs", new)
    assert set_standing(asked, "dogs", standing=True).standing
    delete_column(asked, "dogs")
    assert [one.name for one in columns(asked)] == ["cats"]
    with pytest.raises(AskpixError, match="there is no column 'dogs'"):
        delete_column(asked, "dogs")


def test_hits_are_sorted_by_a_column(asked: Library) -> None:
    hits = sorted_by(asked, asked.browse(k=1000), "has_dog")
    assert [hit.photo.id % 3 for hit in hits] == sorted((hit.photo.id % 3 for hit in hits), key=[2, 1, 0].index)
    numbers = open_column(asked.engine, "how many?", "number")
    some = [hit.photo.id for hit in hits[:4]]
    for image_id, text in zip(some, ("10", "9", "none", "2"), strict=True):
        correct_answer(asked, image_id, str(numbers.name), text)
    in_order = [hit.photo.id for hit in sorted_by(asked, hits, "number")]
    assert in_order[:4] == [some[3], some[1], some[0], some[2]]
    with pytest.raises(AskpixError, match="there is no column"):
        sorted_by(asked, hits, "nothing")


def test_a_table_has_the_answers(asked: Library) -> None:
    file = io.StringIO()
    write_csv(exported(asked, "has_dog:yes"), file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert rows
    assert {row["answers"] for row in rows} == {"has_dog=yes"}


def test_the_verbs(askpix: Askpix, asked: Library) -> None:
    place = ("--library", asked.folder)
    (told,) = records(askpix("columns", "has_dog", "--standing", "--rename", "dogs", "--json", *place))
    assert (told["name"], told["standing"], told["models"]) == ("dogs", True, ["new", "old"])
    one = min(found(asked, "dogs:no"))
    (corrected,) = records(askpix("correct", one, "--answer", "dogs=yes", "--json", *place))
    assert corrected["answers"] == {"dogs": "yes"}
    (sought,) = records(askpix("search", "--where", "-dogs:no", "--sort", "dogs", "-k", 500, "--json", *place))
    order = [hit["id"] for hit in sought["hits"]]
    yes = found(asked, "dogs:yes")
    assert set(order[-len(yes) :]) == yes
    wrong = askpix("columns", "--standing", *place)
    assert wrong.returncode == 2
    assert "which column?" in wrong.stderr
