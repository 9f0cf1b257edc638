"""Search by words: what people, machines and the images themselves say, in SQLite's full-text index (FTS5).

One row of the table `words` an image. English words are found in all their forms (Porter's stemmer), accents do
not count, and Chinese, Japanese and Korean are found character by character, in phrases. Another database brings
its own text search: it is to do what the functions here do.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, column, delete, insert, select, table
from sqlalchemy.orm import Session

from searcher.catalog import PEOPLE, Caption, Details, Keyword, Reading, Tag
from vlm.streams import batches

COLUMNS = ("people", "captions", "tags", "reading", "places")
_WORDS = table("words", column("rowid"), *map(column, COLUMNS))
_BATCH = 500
_IDEOGRAPH = re.compile(r"([぀-ヿ㐀-鿿豈-﫿가-힯])")


def refresh(session: Session, ids: Iterable[int]) -> None:
    """Bring the rows of these images in line with what the rest of the catalog says now."""
    for some in batches(ids, _BATCH):
        said = _said(session, some)
        forget(session, some)
        session.execute(
            insert(_WORDS),
            [{"rowid": i, **{name: apart("\n".join(said[i, name])) for name in COLUMNS}} for i in some],
        )


def forget(session: Session, ids: Sequence[int]) -> None:
    """Drop the rows of these images."""
    if ids:
        session.execute(delete(_WORDS).where(_WORDS.c.rowid == bindparam("id")), [{"id": i} for i in ids])


def apart(text: str) -> str:
    """Text whose ideographs stand apart, as words of their own."""
    return _IDEOGRAPH.sub(r" \1 ", text)


def _said(session: Session, ids: Sequence[int]) -> dict[tuple[int, str], list[str]]:
    """The texts of images by id and column. What people say takes the place of what machines say."""
    said: dict[tuple[int, str], list[str]] = defaultdict(list)
    captions = session.scalars(select(Caption).where(Caption.image_id.in_(ids))).all()
    corrected = {caption.image_id for caption in captions if caption.model == PEOPLE}
    for caption in captions:
        if caption.model == PEOPLE:
            said[caption.image_id, "people"].append(caption.text)
        elif caption.image_id not in corrected:
            said[caption.image_id, "captions"].append(caption.text)
    tags = session.scalars(select(Tag).where(Tag.image_id.in_(ids))).all()
    removed = {(tag.image_id, tag.name) for tag in tags if tag.model == PEOPLE and not tag.score}
    for tag in tags:
        if (tag.image_id, tag.name) not in removed:
            said[tag.image_id, "people" if tag.model == PEOPLE else "tags"].append(tag.name)
    for keyword in session.scalars(select(Keyword).where(Keyword.image_id.in_(ids))):
        said[keyword.image_id, "people"].append(keyword.name)
    for about in session.scalars(select(Details).where(Details.image_id.in_(ids))):
        said[about.image_id, "people"] += filter(None, (about.title, about.description))
        said[about.image_id, "places"] += filter(None, (about.city, about.region, about.country))
    for reading in session.scalars(select(Reading).where(Reading.image_id.in_(ids))):
        said[reading.image_id, "reading"].append(reading.text)
    return said
