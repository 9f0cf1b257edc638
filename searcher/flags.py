"""Flags of the command line that hold for whatever a command opens, so that no verb needs to hand them on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_given: ContextVar[Mapping[str, Any]] = ContextVar("flags")


@contextmanager
def holding(**flags: Any) -> Iterator[None]:
    """Have flags hold within; those that are None count as not given."""
    before = _given.set({**given(), **{name: value for name, value in flags.items() if value is not None}})
    try:
        yield
    finally:
        _given.reset(before)


def given() -> Mapping[str, Any]:
    """The flags that hold now, by the names of their settings."""
    return _given.get({})
