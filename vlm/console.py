"""How verbs speak: results on standard output, everything else on standard error."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from vlm.protocols import Description

F = TypeVar("F", bound=Callable[..., Any])

json_option: Callable[[F], F] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON lines on standard output and nothing else there."
)


def runtime_options(command: F) -> F:
    """The flags --device, --dtype and --trust-remote-code; the verb gets them as one mapping, `runtime`."""

    @wraps(command)
    def run(*given: Any, device: str | None, dtype: str | None, trust_remote_code: bool | None, **more: Any) -> Any:
        flags = {"device": device, "dtype": dtype, "trust_remote_code": trust_remote_code}
        return command(*given, runtime=flags, **more)

    options = (
        click.option("--trust-remote-code", is_flag=True, default=None, help="Run code that a hub model brings."),
        click.option("--dtype", help="The arithmetic of torch models: auto, float32, bfloat16 or float16."),
        click.option("--device", help="Where torch models run: auto (the default), cpu, cuda, cuda:N or mps."),
    )
    with_flags = run
    for option in options:
        with_flags = option(with_flags)
    return cast(F, with_flags)


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
