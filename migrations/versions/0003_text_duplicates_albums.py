"""Text in images, duplicates, albums, and how far runs are."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import number, words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _of_runs() -> list[sa.Column[Any]]:
    return [
        sa.Column("outcome", words(), nullable=True),
        sa.Column("phase", words(16), nullable=False, server_default=""),
        sa.Column("done", number(), nullable=False, server_default="0"),
        sa.Column("total", number(), nullable=False, server_default="0"),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), nullable=False, server_default="1970-01-01 00:00:00.000000"
        ),
        sa.Column("captioned", number(), nullable=False, server_default="0"),
        sa.Column("read", number(), nullable=False, server_default="0"),
        sa.Column("reasons", sa.JSON(), nullable=False, server_default="{}"),
    ]


def upgrade() -> None:
    """Text in images, duplicates, albums, and how far runs are."""
    op.add_column("images", sa.Column("likeness", sa.BigInteger(), nullable=True))
    op.add_column("images", sa.Column("duplicate_of", number(), nullable=True))
    # SQLite gives no number again only to a table that is made so.
    anew: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("images", recreate=anew, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.create_foreign_key("fk_images_duplicate_of", "images", ["duplicate_of"], ["id"])
        batch_op.create_index("ix_images_duplicate_of", ["duplicate_of"])
    with op.batch_alter_table("runs") as batch_op:
        for column in _of_runs():
            batch_op.add_column(column)
    with op.batch_alter_table("embeddings") as batch_op:
        batch_op.add_column(sa.Column("compared", sa.Boolean(), nullable=False, server_default="0"))
    op.drop_index("ix_tags_name", "tags")
    op.create_index("ix_tags_name", "tags", ["name", "image_id"])
    op.create_table(
        "readings",
        sa.Column("image_id", number(), nullable=False),
        sa.Column("model", words(200), nullable=False),
        sa.Column("text", words(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"]),
        sa.PrimaryKeyConstraint("image_id", "model"),
    )
    op.create_table(
        "wishes",
        sa.Column("image_id", number(), nullable=False),
        sa.Column("wished_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"]),
        sa.PrimaryKeyConstraint("image_id"),
    )
    op.create_table(
        "albums",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", words(100), nullable=False),
        sa.Column("query", words(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "album_images",
        sa.Column("album_id", number(), nullable=False),
        sa.Column("image_id", number(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["album_id"], ["albums.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"]),
        sa.PrimaryKeyConstraint("album_id", "image_id"),
    )
    op.create_index("ix_album_images_image_id", "album_images", ["image_id"])
    # What was written about an image, for searching by words; see searcher/wordsearch.py.
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE words USING fts5("
            "people, captions, tags, reading, places, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
    else:
        op.create_table(
            "words",
            sa.Column("rowid", sa.BigInteger(), nullable=False, autoincrement=False),
            *(sa.Column(name, words(), nullable=False) for name in ("people", "captions", "tags", "reading", "places")),
            sa.Column("stems", postgresql.TSVECTOR(), nullable=False),
            sa.Column("length", sa.Integer(), nullable=False),
            sa.PrimaryKeyConstraint("rowid"),
        )
        op.create_index("ix_words_stems", "words", ["stems"], postgresql_using="gin")


def downgrade() -> None:
    """Undo it."""
    op.execute("DROP TABLE words")
    op.drop_index("ix_tags_name", "tags")
    op.create_index("ix_tags_name", "tags", ["name"])
    for table in ("album_images", "albums", "wishes", "readings"):
        op.drop_table(table)
    with op.batch_alter_table("runs") as batch_op:
        for column in _of_runs():
            batch_op.drop_column(column.name)
    with op.batch_alter_table("embeddings") as batch_op:
        batch_op.drop_column("compared")
    with op.batch_alter_table("images") as batch_op:
        batch_op.drop_index("ix_images_duplicate_of")
        batch_op.drop_constraint("fk_images_duplicate_of", type_="foreignkey")
    for name in ("duplicate_of", "likeness"):
        with op.batch_alter_table("images") as batch_op:
            batch_op.drop_column(name)
