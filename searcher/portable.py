"""What each database writes in its own way: lists of values, of which there may be more than a statement may have
parameters, and the place of a text in another."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Dialect,
    Integer,
    Select,
    String,
    Text,
    TypeDecorator,
    bindparam,
    select,
)
from sqlalchemy import column as sql_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class _List(TypeDecorator[Sequence[Any]]):
    """A list as one value: JSON for SQLite, an array for PostgreSQL."""

    impl = String
    cache_ok = True
    of: TypeEngine[Any] = Text()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(self.of) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        return list(value or ()) if dialect.name == "postgresql" else json.dumps(value)


class _Numbers(_List):
    cache_ok = True
    of = BigInteger()


class _each(FunctionElement[Any]):  # noqa: N801  named as in SQL
    """The values of a list, one a row."""

    inherit_cache = True


@compiles(_each, "sqlite")
def _each_of_json(element: _each, compiler: SQLCompiler, **how: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **how)})"


@compiles(_each, "postgresql")
def _each_of_array(element: _each, compiler: SQLCompiler, **how: Any) -> str:
    return f"(SELECT unnest({compiler.process(element.clauses, **how)}) AS value)"


def listed(ids: Iterable[int]) -> Select[int]:
    """Ids as a table."""
    return select(_each(bindparam("ids", [int(i) for i in ids], _Numbers(), unique=True)).table_valued("value").c.value)


def each_text(texts: Sequence[str]) -> ColumnElement[str]:
    """A column of a table of texts."""
    values = _each(bindparam("texts", list(texts), _List(), unique=True))
    found: ColumnElement[str] = values.table_valued(sql_column("value", String)).c.value
    return found


class place_in(FunctionElement[int]):  # noqa: N801  named as in SQL
    """From which letter on a text holds another one, counted from 1; 0 if it does not."""

    type = Integer()
    inherit_cache = True


@compiles(place_in, "sqlite")
def _instr(element: place_in, compiler: SQLCompiler, **how: Any) -> str:
    return f"instr({compiler.process(element.clauses, **how)})"


@compiles(place_in, "postgresql")
def _strpos(element: place_in, compiler: SQLCompiler, **how: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **how)})"
