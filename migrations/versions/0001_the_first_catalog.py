"""The first catalog."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import number, words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first catalog."""
    op.create_table(
        "images",
        sa.Column("id", number(), nullable=False),
        sa.Column("hash", words(64), nullable=False),
        sa.Column("width", number(), nullable=False),
        sa.Column("height", number(), nullable=False),
        sa.Column("format", words(16), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "questions",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", words(64), nullable=False),
        sa.Column("text", words(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "runs",
        sa.Column("id", number(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("roots", sa.JSON(), nullable=False),
        sa.Column("model", words(), nullable=False),
        sa.Column("captioner", words(), nullable=True),
        sa.Column("seen", number(), nullable=False),
        sa.Column("added", number(), nullable=False),
        sa.Column("unchanged", number(), nullable=False),
        sa.Column("refused", number(), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "answers",
        sa.Column("question_id", number(), nullable=False),
        sa.Column("image_id", number(), nullable=False),
        sa.Column("model", words(200), nullable=False),
        sa.Column("text", words(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.ForeignKeyConstraint(
            ["question_id"],
            ["questions.id"],
        ),
        sa.PrimaryKeyConstraint("question_id", "image_id", "model"),
    )
    op.create_table(
        "captions",
        sa.Column("image_id", number(), nullable=False),
        sa.Column("model", words(200), nullable=False),
        sa.Column("text", words(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("image_id", "model"),
    )
    op.create_table(
        "embeddings",
        sa.Column("image_id", number(), nullable=False),
        sa.Column("model", words(200), nullable=False),
        sa.Column("position", number(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("image_id", "model"),
        sa.UniqueConstraint("model", "position"),
    )
    op.create_table(
        "files",
        sa.Column("id", number(), nullable=False),
        sa.Column("folder", words(), nullable=False),
        sa.Column("name", words(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("image_id", number(), nullable=True),
        sa.Column("reason", words(), nullable=True),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("folder", "name"),
    )
    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.create_index("ix_files_image_id", ["image_id"], unique=False)

    op.create_table(
        "tags",
        sa.Column("image_id", number(), nullable=False),
        sa.Column("model", words(200), nullable=False),
        sa.Column("name", words(200), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("image_id", "model", "name"),
    )
    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.create_index("ix_tags_name", ["name"], unique=False)


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.drop_index("ix_tags_name")

    op.drop_table("tags")
    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.drop_index("ix_files_image_id")

    op.drop_table("files")
    op.drop_table("embeddings")
    op.drop_table("captions")
    op.drop_table("answers")
    op.drop_table("runs")
    op.drop_table("questions")
    op.drop_table("images")
