"""Search by words: what people, machines and the images themselves say, in SQLite's full-text index (FTS5).

One row of the table `words` an image. English words are found in all their forms (Porter's stemmer), accents do
not count, and Chinese, Japanese and Korean are found character by character, in phrases. Another database brings
its own text search: it is to do what the functions here do.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal_column,
    select,
    table,
)
from sqlalchemy.orm import Session

from searcher.catalog import PEOPLE, Caption, Details, Keyword, Reading, Tag
from vlm.streams import batches

COLUMNS = ("people", "captions", "tags", "reading", "places")
IDEOGRAPHS = "[぀-ヿ㐀-鿿豈-﫿가-힯]"
_WORDS = table("words", column("rowid", Integer), *map(column, COLUMNS))
_BATCH = 500
_IDEOGRAPH = re.compile(f"({IDEOGRAPHS})")
_APART = re.compile(f" ({IDEOGRAPHS}) ")


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


def _together(text: str) -> str:
    """Text as it was before its ideographs were put apart."""
    return text if text.isascii() else _APART.sub(r"\1", text)


def having(text: str, *columns: str) -> Select[int]:
    """The ids of the images of which a phrase was written, in any of these columns, or at all."""
    return select(_WORDS.c.rowid).where(_match(_within(_phrase(text), columns)))


def having_all(texts: Iterable[str], *columns: str) -> Select[int]:
    """The ids of the images of which each of these phrases was written, in any of these columns, or at all."""
    return select(_WORDS.c.rowid).where(_match(_within(" AND ".join(map(_phrase, texts)), columns)))


def counts(session: Session, texts: Sequence[str], most: int) -> list[int]:
    """Of how many images each phrase was written; counting ends at `most`."""
    if not texts:
        return []
    each = [having(text).limit(most).subquery() for text in texts]
    counted = [select(func.count()).select_from(some).scalar_subquery() for some in each]
    return list(session.execute(select(*counted)).one())


def any_of(texts: Iterable[str], columns: Sequence[str] = ()) -> str:
    """What is to be looked for: any of these phrases, in any of these columns, or at all."""
    return _within(" OR ".join(map(_phrase, texts)), columns)


def best(session: Session, wanted: Iterable[str], most: int, allowed: Sequence[int] | None = None) -> Sequence[int]:
    """The ids of the images that have any of what is wanted (see `any_of`), the most telling first (BM25: Robertson
    and Zaragoza, 2009), out of those `allowed`, if given."""
    found = select(_WORDS.c.rowid).where(_match(" OR ".join(wanted)))
    if allowed is not None:
        found = found.where(_WORDS.c.rowid.in_(listed(allowed)))
    return session.scalars(found.order_by(literal_column("rank")).limit(most)).all()


def written(session: Session, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """What was written about images, by id and column."""
    rows = session.execute(select(_WORDS).where(_WORDS.c.rowid.in_(listed(ids))))
    return {i: dict(zip(COLUMNS, map(_together, texts), strict=True)) for i, *texts in rows}


def listed(ids: Iterable[int]) -> Select[int]:
    """Ids as a table, of which there may be more than a statement may have parameters."""
    each = func.json_each(json.dumps([int(i) for i in ids])).table_valued("value")
    return select(each.c.value)


def _match(query: str) -> ColumnElement[bool]:
    return literal_column("words").op("MATCH", is_comparison=True)(query)


def _within(query: str, columns: Sequence[str]) -> str:
    return f"{{{' '.join(columns)}}} : ({query})" if columns else f"({query})"


def _phrase(text: str) -> str:
    """A phrase as FTS5 writes it, whatever stands in it."""
    return '"{}"'.format(apart(text).replace('"', '""').replace("\0", " "))


def _said(session: Session, ids: Sequence[int]) -> dict[tuple[int, str], list[str]]:
    """The texts of images by id and column: what people say, and captions and tags, of which theirs take the place of
    the machine's."""
    said: dict[tuple[int, str], list[str]] = defaultdict(list)
    captions = session.scalars(select(Caption).where(Caption.image_id.in_(ids))).all()
    corrected = {caption.image_id for caption in captions if caption.model == PEOPLE}
    for caption in captions:
        if caption.model == PEOPLE:
            said[caption.image_id, "people"].append(caption.text)
        if caption.model == PEOPLE or caption.image_id not in corrected:
            said[caption.image_id, "captions"].append(caption.text)
    tags = session.scalars(select(Tag).where(Tag.image_id.in_(ids))).all()
    removed = {(tag.image_id, tag.name.casefold()) for tag in tags if tag.model == PEOPLE and not tag.score}
    for tag in tags:
        if (tag.image_id, tag.name.casefold()) not in removed:
            said[tag.image_id, "tags"].append(tag.name)
            if tag.model == PEOPLE:
                said[tag.image_id, "people"].append(tag.name)
    for keyword in session.scalars(select(Keyword).where(Keyword.image_id.in_(ids))):
        said[keyword.image_id, "people"].append(keyword.name)
    for about in session.scalars(select(Details).where(Details.image_id.in_(ids))):
        said[about.image_id, "people"] += filter(None, (about.title, about.description))
        said[about.image_id, "places"] += filter(None, (about.city, about.region, about.country))
    for reading in session.scalars(select(Reading).where(Reading.image_id.in_(ids))):
        said[reading.image_id, "reading"].append(reading.text)
    return said
