"""How verbs speak: results on standard output, everything else on standard error."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from vlm.protocols import Description

F = TypeVar("F", bound=Callable[..., Any])

json_option: Callable[[F], F] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON lines on standard output and nothing else there."
)


def emit(record: Mapping[str, Any]) -> None:
    """Print one JSON line (ASCII, so that any name, even one that is not UTF-8, survives a pipe)."""
    click.echo(json.dumps(record))


def say(text: str) -> None:
    """Print one line for a person on standard output, whatever bytes a file name holds."""
    click.echo(printable(text))


def note(text: str) -> None:
    """Print a remark on standard error."""
    click.echo(printable(text), err=True)


def told(description: "Description") -> str:
    """A caption with its tags, on one line."""
    tags = ", ".join(tag.name for tag in description.tags)
    return f"{description.caption}  [{tags}]" if tags else description.caption


def printable(text: str) -> str:
    """Replace what no terminal can print: undecodable bytes of file names and control characters."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
