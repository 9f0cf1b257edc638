"""Captions in the order of how sure the machine is of them, and narrowed down."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from searcher import Library, captions, database, wordsearch
from searcher.captions import MACHINES, Place, Wanted
from searcher.catalog import PEOPLE, Caption, File, Image
from searcher.corrections import correct_caption

ENGLISH, CHINESE, OTHER = "builtin", "builtin:zh", "coca"
#               image, model, text, confidence, month
WRITTEN = (
    (1, ENGLISH, "A dog on a beach", 0.5, 1),
    (1, CHINESE, "海滩上的狗", 0.1, 2),
    (2, ENGLISH, "Two dogs", 0.2, 1),
    (3, OTHER, "A cat on a sofa", 0.9, 3),
    (4, ENGLISH, "A cat on a beach", 0.2, 3),
    (5, ENGLISH, "A file that is gone", 0.0, 3),
)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library whose catalog alone is filled."""
    with Library(tmp_path / "library", create=True) as made:
        with database.writing(made.engine) as session:
            for i in range(1, 6):
                session.add(Image(id=i, hash=str(i), width=4, height=3, format="JPEG"))
            session.flush()
            gone = {5: datetime(2026, 1, 1, tzinfo=UTC)}
            for i in range(1, 6):
                file = {"folder": "/photos", "name": f"{i}.jpg", "size": 1, "mtime_ns": 1}
                session.add(File(**file, image_id=i, missing_since=gone.get(i)))
            rows = [
                {"image_id": i, "model": model, "text": text, "confidence": sure, "created_at": _month(month)}
                for i, model, text, sure, month in WRITTEN
            ]
            session.execute(insert(Caption), rows)
            wordsearch.refresh(session, range(1, 6))
        yield made


def _month(month: int) -> datetime:
    return datetime(2026, month, 1, tzinfo=UTC)


def found(
    library: Library, size: int = 10, after: Place | None = None, surest: bool = False, **how: object
) -> list[int]:
    wanted = Wanted(ENGLISH, **how)  # type: ignore[arg-type]
    with database.session(library.engine) as session:
        page = captions.page(session, wanted, size, after, surest)
        if after is None and size >= 10:
            assert captions.count(session, wanted, 100) == len(page)
            assert list(captions.images(session, wanted)) == sorted(row.image_id for row in page)
            texts = captions.texts(session, wanted, [1, 2, 3, 4, 5])
            assert texts == {row.image_id: row.text for row in page}
    return [row.image_id for row in page]


def test_the_least_sure_come_first_page_by_page(library: Library) -> None:
    assert found(library) == [2, 4, 1, 3]
    assert found(library, 2, after=(0.2, 2)) == [4, 1]
    assert found(library, surest=True) == [3, 1, 4, 2]
    assert found(library, 2, after=(0.5, 1), surest=True) == [4, 2]


def test_of_each_photo_the_caption_that_is_shown(library: Library) -> None:
    correct_caption(library, 1, "Our Minka at the sea")
    assert found(library) == [2, 4, 3, 1]
    assert found(library, by=PEOPLE) == [1]
    assert found(library, by=MACHINES) == [2, 4, 3]
    assert found(library, by=ENGLISH) == [2, 4]
    assert found(library, by=CHINESE) == []
    correct_caption(library, 1, None)
    assert found(library, by=CHINESE) == [1]
    assert found(library, by="nobody") == []


def test_by_words_and_by_time(library: Library) -> None:
    assert found(library, words="dog") == [2, 1]
    assert found(library, words="beach cat") == [4]
    assert found(library, words='nothing "of (the) kind*') == []
    assert found(library, since=_month(2)) == [4, 3]
    assert found(library, since=_month(1), until=_month(2)) == [2, 1]


def test_who_wrote(library: Library) -> None:
    correct_caption(library, 1, "Minka")
    with database.session(library.engine) as session:
        assert captions.writers(session) == [ENGLISH, CHINESE, OTHER, PEOPLE]


def test_counting_ends_where_it_is_said_to(library: Library) -> None:
    with database.session(library.engine) as session:
        assert captions.count(session, Wanted(ENGLISH), 2) == 2
