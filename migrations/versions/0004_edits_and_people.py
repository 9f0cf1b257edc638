"""Edits, standing questions, what can be undone, past searches, and who may sign in."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import number, words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Edits, standing questions, what can be undone, past searches, and who may sign in."""
    with op.batch_alter_table("questions") as batch_op:
        batch_op.add_column(sa.Column("standing", sa.Boolean(), nullable=False, server_default="0"))
    op.create_table(
        "edits",
        sa.Column("image_id", number(), nullable=False),
        sa.Column("source_id", number(), nullable=False),
        sa.Column("instruction", words(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("editor", words(200), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=False),
        _time("created_at"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["images.id"]),
        sa.PrimaryKeyConstraint("image_id"),
    )
    op.create_index("ix_edits_source_id", "edits", ["source_id"])
    op.create_table(
        "changes",
        sa.Column("id", number(), nullable=False),
        sa.Column("action", words(32), nullable=False),
        sa.Column("about", words(), nullable=False),
        sa.Column("image_id", number(), nullable=False),
        sa.Column("kind", words(16), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        _time("created_at"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_changes_action", "changes", ["action"])
    op.create_index("ix_changes_image_id", "changes", ["image_id"])
    op.create_index("ix_captions_confidence", "captions", ["model", "confidence", "image_id", "created_at"])
    op.create_table(
        "past_searches",
        sa.Column("text", words(1000), nullable=False),
        sa.Column("times", number(), nullable=False),
        _time("last_at"),
        sa.PrimaryKeyConstraint("text"),
    )
    op.create_table(
        "accounts",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", words(100), nullable=False),
        sa.Column("password", words(), nullable=False),
        sa.Column("role", words(16), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("hash", words(64), nullable=False),
        sa.Column("account_id", number(), nullable=False),
        sa.Column("agent", words(), nullable=False),
        _time("created_at"),
        _time("seen_at"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_sign_ins_account_id", "sign_ins", ["account_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", number(), nullable=False),
        sa.Column("hash", words(64), nullable=False),
        sa.Column("account_id", number(), nullable=False),
        sa.Column("name", words(100), nullable=False),
        _time("created_at"),
        _time("used_at", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("ix_api_keys_account_id", "api_keys", ["account_id"])


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_captions_confidence", "captions")
    for table in ("api_keys", "sign_ins", "accounts", "past_searches", "changes", "edits"):
        op.drop_table(table)
    with op.batch_alter_table("questions") as batch_op:
        batch_op.drop_column("standing")
