"""The catalog: every image known by its content, the files that hold it, and what was written about it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    Index,
    String,
    TypeDecorator,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from vlm.errors import AskpixError

REVISION = "0002"  # the newest migration: a catalog that bears it needs no look at Alembic, which is slow to import
_STRAY = 0x10FE00  # undecodable bytes 0x80-0xFF of file names live here, in a private plane, inside the catalog
_TO_SQL = {0xDC00 + byte: _STRAY + byte for byte in range(0x80, 0x100)}
_FROM_SQL = {stored: surrogate for surrogate, stored in _TO_SQL.items()}


class FileName(TypeDecorator[str]):
    """A path as Python knows it. Names that are not UTF-8 hold surrogates, which no database stores."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return value.translate(_TO_SQL) if value else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return value.translate(_FROM_SQL) if value else value


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Tables of the catalog."""

    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True), dict[str, Any]: JSON, list[str]: JSON}


class Image(Base):
    """One picture, known by the hash of its content; width and height in pixels, upright."""

    __tablename__ = "images"

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    width: Mapped[int]
    height: Mapped[int]
    format: Mapped[str] = mapped_column(String(16))
    added_at: Mapped[datetime] = mapped_column(default=now)


class Run(Base):
    """One run of the indexer."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    roots: Mapped[list[str]]
    model: Mapped[str]
    captioner: Mapped[str | None]
    seen: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    stages: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="seconds spent in each stage")


class File(Base):
    """A file that was looked at: it leads to an image, or has the reason why it was refused."""

    __tablename__ = "files"
    __table_args__ = (UniqueConstraint("folder", "name"), Index("ix_files_image_id", "image_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    folder: Mapped[str] = mapped_column(FileName)
    name: Mapped[str] = mapped_column(FileName)
    size: Mapped[int] = mapped_column(BigInteger, doc="bytes")
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    sidecar_ns: Mapped[int | None] = mapped_column(BigInteger, doc="modification time of its XMP sidecar, if any")
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"))
    reason: Mapped[str | None]
    missing_since: Mapped[datetime | None]

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.folder, self.name)


class Details(Base):
    """What an image's files say about it; what they do not say is None.

    `taken_at` is the time on the camera's clock, without a zone, which is `zone` ("+02:00") where it is
    known. `rating` is 0 to 5, or -1 for rejected; latitude and longitude are in degrees (WGS 84).
    """

    __tablename__ = "details"
    __table_args__ = (Index("ix_details_taken_at", "taken_at"),)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    taken_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    zone: Mapped[str | None] = mapped_column(String(6))
    camera: Mapped[str | None]
    lens: Mapped[str | None]
    title: Mapped[str | None]
    description: Mapped[str | None]
    rating: Mapped[int | None]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    city: Mapped[str | None]
    region: Mapped[str | None]
    country: Mapped[str | None]


class Keyword(Base):
    """A word that people gave an image, as its files say."""

    __tablename__ = "keywords"
    __table_args__ = (Index("ix_keywords_name", "name"),)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)


class Embedding(Base):
    """Which row of a model's vectors belongs to an image."""

    __tablename__ = "embeddings"
    __table_args__ = (UniqueConstraint("model", "position"),)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    position: Mapped[int]


class Caption(Base):
    """What a model wrote about an image."""

    __tablename__ = "captions"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    text: Mapped[str]
    confidence: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Tag(Base):
    """A word for something in an image, with its probability."""

    __tablename__ = "tags"
    __table_args__ = (Index("ix_tags_name", "name"),)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    score: Mapped[float]


class Question(Base):
    """A question whose answers are kept as a column of that name."""

    __tablename__ = "questions"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Answer(Base):
    """The answer that a model gave to a question about an image."""

    __tablename__ = "answers"

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    text: Mapped[str]
    confidence: Mapped[float]
    why: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


def open_catalog(path: Path) -> Engine:
    """Open the SQLite catalog at `path`, making or upgrading it as needed.

    Raises AskpixError when the file is no catalog, or one of a newer askpix.
    """
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _set_pragmas)
    try:
        with engine.connect() as connection:
            found = _revision(connection)
        if found != REVISION:
            _upgrade(engine, path)
    except DatabaseError as error:
        raise AskpixError(f"the catalog {path} cannot be read ({error.orig}); restore it or index afresh") from error
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    # WAL lets searches go on while a run writes; NORMAL still survives a crash of the process,
    # and after a power cut loses at most the last steps, which the next run does again.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 30000"):
        connection.execute(f"PRAGMA {pragma}")


def _revision(connection: Any) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _upgrade(engine: Engine, path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError
    from filelock import FileLock

    config = Config()
    config.set_main_option("script_location", "migrations:")
    # Two processes may open a new library at the same time.
    with FileLock(f"{path}.lock"), engine.begin() as connection:
        found = _revision(connection)
        try:
            ScriptDirectory.from_config(config).get_revision(found or "base")
        except CommandError as error:
            raise AskpixError(
                f"the library {path.parent} was made by a newer askpix (catalog {found}); upgrade askpix to open it"
            ) from error
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """A unit of work: committed at the end, rolled back on an error."""
    with Session(engine, expire_on_commit=False) as opened, opened.begin():
        yield opened
