"""Standing questions are asked of new photos as they are indexed."""

from pathlib import Path
from typing import Any

from indexer.pipeline import IndexRun
from searcher import Library
from searcher.answers import open_column
from searcher.columns import columns, correct_answer, set_standing


def answered(library: Library, name: str) -> int:
    return {one.name: one.photos for one in columns(library)}[name]


def run(library: Library, *paths: Path, captions: bool = False) -> IndexRun:
    done = IndexRun(library, paths, captions=captions)
    for _ in done:
        pass
    return done


def test_new_photos_are_asked_and_old_ones_once(photos: Path, tmp_path: Path, watched: Any) -> None:
    with Library(tmp_path / "library", create=True, encoder=watched, captioner=watched, answerer=watched) as library:
        first = run(library, photos / "animals" / "cat.jpg", captions=True)
        assert first.summary.answered == 0
        assert "answers" not in first.models
        open_column(library.engine, "is there a dog?", "has_dog")
        set_standing(library, "has_dog", standing=True)
        looked = watched.looked
        second = run(library, photos / "animals" / "cat.jpg", photos / "animals" / "german_shepherd.jpg", captions=True)
        assert second.summary.answered == 2
        assert second.summary.read == 0
        assert watched.looked == looked + 2  # the new one once, for all; the old one again
        assert answered(library, "has_dog") == 2
        (hit,) = library.browse("has_dog:yes")
        assert hit.photo.path.name == "german_shepherd.jpg"
        assert run(library, photos / "animals" / "german_shepherd.jpg").summary.answered == 0
        set_standing(library, "has_dog", standing=False)
        assert run(library, photos / "animals" / "macaw.jpg").summary.answered == 0


def test_a_question_about_a_thing_is_put_where_the_thing_is(photos: Path, tmp_path: Path, watched: Any) -> None:
    some = [photos / "animals" / name for name in ("german_shepherd.jpg", "cat.jpg", "two_dogs.jpg")]
    with Library(tmp_path / "library", create=True, encoder=watched, captioner=watched, answerer=watched) as library:
        open_column(library.engine, "what color is the dog?", "colour")
        set_standing(library, "colour", standing=True)
        assert run(library, *some).summary.answered == 3
        assert answered(library, "asked_is_there_a_dog") == 3
        assert answered(library, "colour") == len(library.browse("asked_is_there_a_dog:yes")) == 2
        assert run(library, *some).summary.answered == 0


def test_what_people_answered_is_not_asked(photos: Path, tmp_path: Path, watched: Any) -> None:
    with Library(tmp_path / "library", create=True, encoder=watched, captioner=watched, answerer=watched) as library:
        run(library, photos / "animals" / "cat.jpg")
        open_column(library.engine, "is there a dog?", "has_dog")
        set_standing(library, "has_dog", standing=True)
        correct_answer(library, library.browse()[0].photo.id, "has_dog", "no")
        assert run(library, photos / "animals" / "cat.jpg").summary.answered == 0
