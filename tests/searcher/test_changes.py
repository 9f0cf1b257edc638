"""What people changed is undone: exactly, in any order, also after a restart."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from indexer.prune import prune
from searcher import Library, changes, database, wordsearch
from searcher.catalog import PEOPLE, Caption, Change, File, Image, Tag
from searcher.corrections import correct_caption, correct_captions, correct_tags, tag_photos
from vlm.errors import AskpixError

COUNT = 1_203  # several transactions


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library whose catalog alone is filled: photo N has the caption "Dog N"."""
    with Library(tmp_path / "library", create=True) as made:
        fill(made, COUNT)
        yield made


def fill(library: Library, count: int) -> None:
    numbers = range(1, count + 1)
    with database.writing(library.engine) as session:
        about = {"width": 4, "height": 3, "format": "JPEG"}
        session.execute(insert(Image), [{"id": i, "hash": str(i), **about} for i in numbers])
        file = {"folder": "/photos", "size": 1, "mtime_ns": 1}
        session.execute(insert(File), [{**file, "name": f"{i}.jpg", "image_id": i} for i in numbers])
        own = {"model": "builtin", "confidence": 0.5}
        session.execute(insert(Caption), [{**own, "image_id": i, "text": f"Dog {i}"} for i in numbers])
        tag = {"model": "builtin", "name": "dog", "score": 0.9}
        session.execute(insert(Tag), [{**tag, "image_id": i} for i in numbers])
        wordsearch.refresh(session, numbers)


def said(library: Library, *ids: int) -> list[tuple[str | None, dict[str, float]]]:
    """Captions and tags of people, by image."""
    with database.session(library.engine) as session:
        return [
            (
                session.scalar(select(Caption.text).filter_by(image_id=i, model=PEOPLE)),
                {tag.name: tag.score for tag in session.scalars(select(Tag).filter_by(image_id=i, model=PEOPLE))},
            )
            for i in ids
        ]


def having(library: Library, word: str) -> int:
    with database.session(library.engine) as session:
        return session.scalar(select(func.count()).select_from(wordsearch.having(word).subquery())) or 0


def test_a_correction_is_undone_to_what_people_said_before(library: Library) -> None:
    correct_caption(library, 1, "Our Minka")
    correct_caption(library, 1, "Our Minka sleeps")
    second, first = changes.latest(library)
    assert (second.about, second.photos) == ("Caption corrected", 1)
    assert changes.undo(library, second.id) == 1
    assert said(library, 1) == [("Our Minka", {})]
    assert changes.undo(library, first.id) == 1
    assert said(library, 1) == [(None, {})]
    assert (having(library, "minka"), changes.latest(library)) == (0, [])
    correct_tags(library, 1, add=["Minka"], remove=["DOG"])
    assert said(library, 1) == [(None, {"Minka": 1, "dog": 0})]
    changes.undo(library, changes.latest(library)[0].id)
    assert said(library, 1) == [(None, {})]


def test_what_changes_nothing_is_no_action(library: Library) -> None:
    correct_caption(library, 1, None)
    correct_caption(library, 1, "Minka")
    correct_caption(library, 1, "Minka")
    correct_tags(library, 1, add=["Minka"])
    correct_tags(library, 1, add=["minka"], remove=["not there"])
    assert [action.about for action in changes.latest(library)] == ["Tags corrected", "Caption corrected"]


def test_many_at_once_are_one_action_and_undone_in_one(library: Library) -> None:
    correct_caption(library, 7, "Minka")
    did = correct_captions(library, ((i, f"Hound {i}") for i in range(1, COUNT + 1)), "Replaced")
    tagged = tag_photos(library, range(1, COUNT + 1), ["pet"], ["dog"], "Tagged")
    assert having(library, "hound") == having(library, "pet") == COUNT
    assert having(library, "dog") == 0
    assert [(action.about, action.photos) for action in changes.latest(library)] == [
        ("Tagged", COUNT),
        ("Replaced", COUNT),
        ("Caption corrected", 1),
    ]
    with Library(library.folder) as again:
        assert changes.undo(again, did) == changes.undo(again, tagged) == COUNT
        assert said(again, 1, 7, COUNT) == [(None, {}), ("Minka", {}), (None, {})]
        assert (having(again, "hound"), having(again, "pet"), having(again, "dog")) == (0, 0, COUNT)
        assert [action.about for action in changes.latest(again)] == ["Caption corrected"]


def test_an_earlier_action_is_undone_beneath_a_later_one(library: Library) -> None:
    did = correct_captions(library, [(1, "one"), (2, "two")], "first")
    tagged = tag_photos(library, [1, 2], ["a", "b"], ["dog"], "first tags")
    correct_caption(library, 1, "later")
    later = changes.latest(library)[0].id
    untagged = tag_photos(library, [1], [], ["a"], "later tags")
    changes.undo(library, did)
    assert [caption for caption, _ in said(library, 1, 2)] == ["later", None]
    changes.undo(library, tagged)
    assert [tags for _, tags in said(library, 1, 2)] == [{"a": 0}, {}]
    changes.undo(library, later)
    changes.undo(library, untagged)
    assert said(library, 1, 2) == [(None, {}), (None, {})]


def test_actions_that_were_done_at_the_same_time_are_told_apart(library: Library) -> None:
    with database.writing(library.engine) as session:
        for action, image in (("a", 1), ("b", 2), ("a", 3)):
            changes.change_captions(session, action, f"Action {action}", {image: "new"})
    assert [(action.id, action.photos) for action in changes.latest(library)] == [("a", 2), ("b", 1)]
    assert [action.id for action in changes.latest(library, most=1)] == ["a"]
    changes.undo(library, "a")
    assert [caption for caption, _ in said(library, 1, 2, 3)] == [None, "new", None]


def test_what_was_undone_cannot_be_undone_again(library: Library) -> None:
    did = correct_captions(library, [(1, "one")], "first")
    changes.undo(library, did)
    with pytest.raises(AskpixError, match="undone already"):
        changes.undo(library, did)


def test_a_photo_that_is_forgotten_takes_its_changes_along(library: Library) -> None:
    correct_captions(library, [(1, "one"), (2, "two")], "both")
    with database.writing(library.engine) as session:
        session.get_one(File, 1).missing_since = session.get_one(Image, 1).added_at
    assert prune(library, gone_folders=True).images == 1
    with closing(library.engine.connect()) as connection:
        assert connection.scalars(select(Change.image_id)).all() == [2]
