"""Types of columns that differ between databases."""

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine


def words(length: int | None = None) -> TypeEngine[str]:
    """A text. PostgreSQL is to compare it sign by sign, as SQLite does, whatever the order of the database is."""
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")


def number() -> TypeEngine[int]:
    """A whole number of 64 bits."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
