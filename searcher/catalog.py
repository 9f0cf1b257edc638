"""The catalog: every image known by its content, the files that hold it, and what was written about it."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from searcher.elsewhere import Where, where_is

REVISION = "0005"  # the newest migration: a catalog that bears it needs no look at Alembic, which is slow to import
PEOPLE = "people"  # whose captions and tags those are that people wrote; theirs are shown before any model's
_STRAY = 0x10FE00  # undecodable bytes 0x80-0xFF of file names live here, in a private plane, inside the catalog
_TO_SQL = {0xDC00 + byte: _STRAY + byte for byte in range(0x80, 0x100)}
_FROM_SQL = {stored: surrogate for surrogate, stored in _TO_SQL.items()}


def to_sql(name: str) -> str:
    """A path as it stands in the catalog."""
    return name.translate(_TO_SQL)


class Words(TypeDecorator[str]):
    """A text, of any length in every database; the length that a column names is what it is meant for.

    PostgreSQL refuses the character 0, which files may hold, so there it is left out.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "postgresql" else self.impl_instance)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace("\0", "") if value and dialect.name == "postgresql" else value


class FileName(Words):
    """A path as Python knows it. Names that are not UTF-8 hold surrogates, which no database stores."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return to_sql(value) if value else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return value if value is None or value.isascii() else value.translate(_FROM_SQL)


class Moment(TypeDecorator[datetime]):
    """A time in UTC, also from SQLite, which keeps no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value and value.replace(tzinfo=UTC)


NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # whose keys count up by themselves only so


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Tables of the catalog."""

    type_annotation_map: ClassVar = {
        datetime: Moment,
        int: NUMBER,
        float: Double,
        str: Words,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
    }


class Image(Base):
    """One picture, known by the hash of its content; width and height in pixels, upright.

    `likeness` is its perceptual hash (see `searcher.duplicates`), 64 bits as a signed number; `duplicate_of` the
    best of the images that show the same, if that is another one. An id is never given to another image, since
    the vectors are keyed by it.
    """

    __tablename__ = "images"
    __table_args__ = (Index("ix_images_duplicate_of", "duplicate_of"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(Words(64), unique=True)
    width: Mapped[int]
    height: Mapped[int]
    format: Mapped[str] = mapped_column(Words(16))
    likeness: Mapped[int | None] = mapped_column(BigInteger)
    duplicate_of: Mapped[int | None] = mapped_column(ForeignKey("images.id"))
    added_at: Mapped[datetime] = mapped_column(default=now)


class Run(Base):
    """One run of the indexer: what it does, how far it is, and how it ended.

    `outcome` is empty while it runs, and stays so when it was killed.
    """

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    roots: Mapped[list[str]]
    model: Mapped[str]
    captioner: Mapped[str | None]
    outcome: Mapped[str | None]
    phase: Mapped[str] = mapped_column(Words(16), default="")
    done: Mapped[int] = mapped_column(default=0, doc="of this phase, in files or images")
    total: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    seen: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    captioned: Mapped[int] = mapped_column(default=0)
    read: Mapped[int] = mapped_column(default=0, doc="images whose text was read")
    stages: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="seconds spent in each stage")
    reasons: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="how often each reason was told")


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
    start: Mapped[int | None] = mapped_column(
        BigInteger, doc="bytes before it in its tar; of a tar read to its end, the pictures in it"
    )

    @property
    def path(self) -> Where:
        """Where the file is."""
        return where_is(self.folder, self.name, self.size, self.mtime_ns, self.start)


class Details(Base):
    """What an image's files say about it; what they do not say is None.

    `taken_at` is the time on the camera's clock, without a zone, which is `zone` ("+02:00") where it is
    known. `rating` is 0 to 5, or -1 for rejected; latitude and longitude are in degrees (WGS 84).
    """

    __tablename__ = "details"
    __table_args__ = (Index("ix_details_taken_at", "taken_at"),)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    taken_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    zone: Mapped[str | None] = mapped_column(Words(6))
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
    name: Mapped[str] = mapped_column(Words(200), primary_key=True)


class Embedding(Base):
    """Which row of a model's vectors belongs to an image; `compared` says that its duplicates were looked for."""

    __tablename__ = "embeddings"
    __table_args__ = (UniqueConstraint("model", "position"),)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    model: Mapped[str] = mapped_column(Words(200), primary_key=True)
    position: Mapped[int]
    compared: Mapped[bool] = mapped_column(default=False)


class VectorRows(Base):
    """How many rows of a model's vectors were ever committed: the next one comes behind them.

    Who adds rows locks this one until they are committed, so that no two ever write the same.
    """

    __tablename__ = "vector_rows"

    model: Mapped[str] = mapped_column(Words(200), primary_key=True)
    count: Mapped[int]


class Claim(Base):
    """Something that a run is at, so that no other one does it: `work` is what is done, and `key` what it is done to.

    It ends with its run, however that ends.
    """

    __tablename__ = "claims"
    __table_args__ = (Index("ix_claims_run_id", "run_id"),)

    work: Mapped[str] = mapped_column(Words(220), primary_key=True)
    key: Mapped[str] = mapped_column(FileName, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))


class Caption(Base):
    """What a model wrote about an image, or PEOPLE, whose confidence is 1."""

    __tablename__ = "captions"
    __table_args__ = (Index("ix_captions_confidence", "model", "confidence", "image_id", "created_at"),)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    model: Mapped[str] = mapped_column(Words(200), primary_key=True)
    text: Mapped[str]
    confidence: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Tag(Base):
    """A word for something in an image, with its probability."""

    __tablename__ = "tags"
    __table_args__ = (Index("ix_tags_name", "name", "image_id"),)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    model: Mapped[str] = mapped_column(Words(200), primary_key=True)
    name: Mapped[str] = mapped_column(Words(200), primary_key=True)
    score: Mapped[float]


class Question(Base):
    """A question whose answers are kept as a column of that name; `standing` if new photos are asked as they come."""

    __tablename__ = "questions"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Words(64), unique=True)
    text: Mapped[str]
    standing: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Answer(Base):
    """The answer that a model, or PEOPLE, gave to a question about an image; people's wins."""

    __tablename__ = "answers"

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    model: Mapped[str] = mapped_column(Words(200), primary_key=True)
    text: Mapped[str]
    confidence: Mapped[float]
    why: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Reading(Base):
    """The text that a model read in an image, line by line, empty if there is none.

    `lines` are objects with text, confidence and box: left, top, width and height as shares of the image.
    """

    __tablename__ = "readings"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    model: Mapped[str] = mapped_column(Words(200), primary_key=True)
    text: Mapped[str]
    lines: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Wish(Base):
    """An image that was found before it had a caption, which is written before others."""

    __tablename__ = "wishes"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    wished_at: Mapped[datetime] = mapped_column(default=now)


class Album(Base):
    """Images that people put together under a name; with a query it is a saved search, and holds what that finds."""

    __tablename__ = "albums"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Words(100), unique=True)
    query: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class AlbumImage(Base):
    """An image in an album."""

    __tablename__ = "album_images"
    __table_args__ = (Index("ix_album_images_image_id", "image_id"),)

    album_id: Mapped[int] = mapped_column(ForeignKey("albums.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    added_at: Mapped[datetime] = mapped_column(default=now)


class Edit(Base):
    """An image made out of another: by which instruction, plan and editor, and what was found when it was checked."""

    __tablename__ = "edits"
    __table_args__ = (Index("ix_edits_source_id", "source_id"),)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    instruction: Mapped[str]
    plan: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    editor: Mapped[str] = mapped_column(Words(200))
    verdict: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Change(Base):
    """What people changed about an image, and what it was before, so that it can be undone.

    The changes of one action have the same `action`; `kind` is "caption" or "tags", and `before` what people had
    said then about what was changed, null where nothing: {"text": "…"}, {"tags": {"dog": 1, "cat": 0, "cow": null}}.
    """

    __tablename__ = "changes"
    __table_args__ = (Index("ix_changes_action", "action"), Index("ix_changes_image_id", "image_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(Words(32))
    about: Mapped[str] = mapped_column(doc="the action in words")
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    kind: Mapped[str] = mapped_column(Words(16))
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class PastSearch(Base):
    """A search that was typed on the page, for suggestions."""

    __tablename__ = "past_searches"

    text: Mapped[str] = mapped_column(Words(1000), primary_key=True)
    times: Mapped[int] = mapped_column(default=1)
    last_at: Mapped[datetime] = mapped_column(default=now)


class Account(Base):
    """Somebody who may sign in; `role` is viewer, editor or admin, `password` its argon2 hash."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Words(100), unique=True)
    password: Mapped[str]
    role: Mapped[str] = mapped_column(Words(16))
    created_at: Mapped[datetime] = mapped_column(default=now)


class SignIn(Base):
    """A browser that is signed in, known by the hash of its cookie."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("ix_sign_ins_account_id", "account_id"),)

    hash: Mapped[str] = mapped_column(Words(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    agent: Mapped[str] = mapped_column(doc="what the browser calls itself")
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)


class ApiKey(Base):
    """A key with which a program acts for an account, known by its hash."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_account_id", "account_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(Words(64), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Words(100))
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]


class WrongPassword(Base):
    """A password that was guessed wrong, or is being tried: for which name or from which address."""

    __tablename__ = "wrong_passwords"
    __table_args__ = (Index("ix_wrong_passwords_who", "kind", "who", "at"), Index("ix_wrong_passwords_at", "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Words(8), doc="name or address")
    who: Mapped[str] = mapped_column(Words(200), doc="the name as it is compared, or the address")
    at: Mapped[datetime] = mapped_column(default=now)
