"""What the files say: dates, cameras, places, captions, keywords and ratings."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import number, words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Dates, cameras, places, captions, keywords and ratings."""
    op.create_table(
        "details",
        sa.Column("image_id", number(), nullable=False),
        sa.Column("taken_at", sa.DateTime(), nullable=True),
        sa.Column("zone", words(6), nullable=True),
        sa.Column("camera", words(), nullable=True),
        sa.Column("lens", words(), nullable=True),
        sa.Column("title", words(), nullable=True),
        sa.Column("description", words(), nullable=True),
        sa.Column("rating", number(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("city", words(), nullable=True),
        sa.Column("region", words(), nullable=True),
        sa.Column("country", words(), nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"]),
        sa.PrimaryKeyConstraint("image_id"),
    )
    op.create_index("ix_details_taken_at", "details", ["taken_at"])
    op.create_table(
        "keywords",
        sa.Column("image_id", number(), nullable=False),
        sa.Column("name", words(200), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"]),
        sa.PrimaryKeyConstraint("image_id", "name"),
    )
    op.create_index("ix_keywords_name", "keywords", ["name"])
    op.add_column("files", sa.Column("sidecar_ns", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("files") as batch_op:
        batch_op.drop_column("sidecar_ns")
    op.drop_table("keywords")
    op.drop_table("details")
