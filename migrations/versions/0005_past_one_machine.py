"""What runs are at, rows of vectors, places in tars, guessed passwords; texts in any case on PostgreSQL."""

import sys

import sqlalchemy as sa
from alembic import op

from migrations.columns import number, words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What runs are at, rows of vectors, places in tars, guessed passwords; texts in any case on PostgreSQL."""
    rows = op.create_table(
        "vector_rows",
        sa.Column("model", words(200), nullable=False),
        sa.Column("count", number(), nullable=False),
        sa.PrimaryKeyConstraint("model"),
    )
    embeddings = sa.table("embeddings", sa.column("model"), sa.column("position"))
    known = sa.select(embeddings.c.model, sa.func.max(embeddings.c.position) + 1).group_by(embeddings.c.model)
    op.execute(rows.insert().from_select(["model", "count"], known))
    op.create_table(
        "claims",
        sa.Column("work", words(220), nullable=False),
        sa.Column("key", words(), nullable=False),
        sa.Column("run_id", number(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("work", "key"),
    )
    op.create_index("ix_claims_run_id", "claims", ["run_id"])
    op.create_table(
        "wrong_passwords",
        sa.Column("id", number(), nullable=False),
        sa.Column("kind", words(8), nullable=False),
        sa.Column("who", words(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_wrong_passwords_who", "wrong_passwords", ["kind", "who", "at"])
    op.create_index("ix_wrong_passwords_at", "wrong_passwords", ["at"])
    op.add_column("files", sa.Column("start", sa.BigInteger(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(_case_folded())


def downgrade() -> None:
    """Undo it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION case_folded(text)")
    with op.batch_alter_table("files") as batch_op:
        batch_op.drop_column("start")
    for table in ("wrong_passwords", "claims", "vector_rows"):
        op.drop_table(table)


def _case_folded() -> str:
    """A function that folds the case of a text as Python's `str.casefold` does, whatever the server's locale."""
    signs = [chr(number) for number in range(sys.maxunicode) if not 0xD800 <= number < 0xE000]
    folded = {sign: sign.casefold() for sign in signs if sign.casefold() != sign}
    single = {sign: one for sign, one in folded.items() if len(one) == 1}
    several = {sign: one for sign, one in folded.items() if len(one) > 1}
    said = f"translate(said, '{''.join(single)}', '{''.join(single.values())}')"
    for sign, one in several.items():
        said = f"replace({said}, '{sign}', '{one}')"
    return f"""
        CREATE FUNCTION case_folded(said text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT CASE
                WHEN octet_length(said) = char_length(said) THEN lower(said COLLATE "C")
                WHEN said ~ '[{"".join(several)}]' THEN {said}
                ELSE translate(said, '{"".join(single)}', '{"".join(single.values())}')
            END
        $$"""
