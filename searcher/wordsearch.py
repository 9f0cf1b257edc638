"""Search by words: what people, machines and the images themselves say, in the database's index of words.

One row of the table `words` an image. English words are found in all their forms (Porter's stemmer), accents do
not count, and Chinese, Japanese and Korean are found character by character, in phrases. SQLite's index is
`searcher.fts5`, PostgreSQL's `searcher.tsvectors`; both find the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import Boolean, ColumnElement, Dialect, Select, String, TypeDecorator, bindparam, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from searcher.catalog import PEOPLE, Caption, Details, Image, Keyword, Reading, Tag
from searcher.portable import listed
from searcher.wanted import COLUMNS, ROWS, Phrases, Wanted
from vlm.streams import batches

_BATCH = 500
T = TypeVar("T", Caption, Tag, Keyword, Details, Reading)


def _of(dialect: Dialect) -> ModuleType:
    if dialect.name == "sqlite":
        from searcher import fts5

        return fts5
    from searcher import tsvectors  # which takes long to import

    return tsvectors


def _index(session: Session) -> ModuleType:
    return _of(session.get_bind().dialect)


class _Query(TypeDecorator[Wanted]):
    """What is sought, as the database's index of words writes it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        query: str = _of(dialect).query(value)
        return query


class _written_of(FunctionElement[bool]):  # noqa: N801  named as in SQL
    """Whether what is sought was written of an image."""

    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True  # SQLite is not to compare it with 1


@compiles(_written_of, "sqlite")
def _matches(element: _written_of, compiler: SQLCompiler, **how: Any) -> str:
    return f"words MATCH {compiler.process(element.clauses, **how)}"


@compiles(_written_of, "postgresql")
def _in_stems(element: _written_of, compiler: SQLCompiler, **how: Any) -> str:
    return f"words.stems @@ CAST({compiler.process(element.clauses, **how)} AS tsquery)"


def _match(wanted: Wanted) -> ColumnElement[bool]:
    return _written_of(bindparam("wanted", wanted, _Query(), unique=True))


def refresh(session: Session, ids: Iterable[int]) -> None:
    """Bring the rows of these images in line with what the rest of the catalog says now."""
    for some in batches(sorted(ids), _BATCH):
        # Whoever writes about the same images at the same time waits here, and then sees what was written.
        session.execute(select(Image.id).where(Image.id.in_(some)).order_by(Image.id).with_for_update(key_share=True))
        said = _said(session, some)
        write(session, {i: {name: "\n".join(said[i, name]) for name in COLUMNS} for i in some})


def write(session: Session, texts: Mapping[int, Mapping[str, str]]) -> None:
    """Have these texts be what was written about images, by id and column."""
    _index(session).write(session, texts)


def forget(session: Session, ids: Sequence[int]) -> None:
    """Drop the rows of these images."""
    if ids:
        _index(session).forget(session, ids)


def having(text: str, *columns: str) -> Select[int]:
    """The ids of the images of which a phrase was written, in any of these columns, or at all."""
    return having_all([text], *columns)


def having_all(texts: Iterable[str], *columns: str) -> Select[int]:
    """The ids of the images of which each of these phrases was written, in any of these columns, or at all."""
    return select(ROWS.c.rowid).where(_match((Phrases(tuple(texts), columns, every=True),)))


def beginning(session: Session, words: Sequence[str], columns: Sequence[str], most: int) -> Sequence[int]:
    """The ids of the newest images of which this phrase was written, whose last word may go on, in these columns."""
    wanted = Phrases((" ".join(words),), tuple(columns), begun=True)
    found = select(ROWS.c.rowid).where(_match((wanted,)))
    return session.scalars(found.order_by(ROWS.c.rowid.desc()).limit(most)).all()


def counts(session: Session, texts: Sequence[str], most: int) -> list[int]:
    """Of how many images each phrase was written; counting ends at `most`."""
    if not texts:
        return []
    each = [having(text).limit(most).subquery() for text in texts]
    counted = [select(func.count()).select_from(some).scalar_subquery() for some in each]
    return list(session.execute(select(*counted)).one())


def any_of(texts: Iterable[str], columns: Sequence[str] = ()) -> Phrases:
    """What is to be looked for: any of these phrases, in any of these columns, or at all."""
    return Phrases(tuple(texts), tuple(columns))


def best(session: Session, wanted: Sequence[Phrases], most: int, allowed: Sequence[int] | None = None) -> Sequence[int]:
    """The ids of the images that have any of what is wanted (see `any_of`), the most telling first (BM25: Robertson
    and Zaragoza, 2009), out of those `allowed`, if given."""
    found = select(ROWS.c.rowid).where(_match(tuple(wanted)))
    if allowed is not None:
        found = found.where(ROWS.c.rowid.in_(listed(allowed)))
    ids: Sequence[int] = _index(session).best(session, found, tuple(wanted), most)
    return ids


def written(session: Session, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """What was written about images, by id and column."""
    rows = session.execute(select(ROWS).where(ROWS.c.rowid.in_(listed(ids))))
    plain = _index(session).plain
    return {i: dict(zip(COLUMNS, map(plain, texts), strict=True)) for i, *texts in rows}


def _said(session: Session, ids: Sequence[int]) -> dict[tuple[int, str], list[str]]:
    """The texts of images by id and column: what people say, and captions and tags, of which theirs take the place of
    the machine's."""
    said: dict[tuple[int, str], list[str]] = defaultdict(list)
    captions = session.scalars(_rows(Caption, ids)).all()
    corrected = {caption.image_id for caption in captions if caption.model == PEOPLE}
    for caption in captions:
        if caption.model == PEOPLE:
            said[caption.image_id, "people"].append(caption.text)
        if caption.model == PEOPLE or caption.image_id not in corrected:
            said[caption.image_id, "captions"].append(caption.text)
    tags = session.scalars(_rows(Tag, ids)).all()
    removed = {(tag.image_id, tag.name.casefold()) for tag in tags if tag.model == PEOPLE and not tag.score}
    for tag in tags:
        if (tag.image_id, tag.name.casefold()) not in removed:
            said[tag.image_id, "tags"].append(tag.name)
            if tag.model == PEOPLE:
                said[tag.image_id, "people"].append(tag.name)
    for keyword in session.scalars(_rows(Keyword, ids)):
        said[keyword.image_id, "people"].append(keyword.name)
    for about in session.scalars(_rows(Details, ids)):
        said[about.image_id, "people"] += filter(None, (about.title, about.description))
        said[about.image_id, "places"] += filter(None, (about.city, about.region, about.country))
    for reading in session.scalars(_rows(Reading, ids)):
        said[reading.image_id, "reading"].append(reading.text)
    return said


def _rows(table: type[T], ids: Sequence[int]) -> Select[T]:
    """The rows of images, in the same order in every database."""
    key = table.__table__.primary_key
    return select(table).where(table.__table__.c.image_id.in_(ids)).order_by(*key)
