"""What a shell completes: the script for it, and the fields of filters."""

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from vlm.errors import AskpixError

SHELLS = ("bash", "zsh", "fish")
_PROGRAM, _VARIABLE = "askpix", "_ASKPIX_COMPLETE"


@click.command(epilog="Example: askpix completion bash")
@click.argument("shell", required=False, type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print the script that has a SHELL (default: yours) complete verbs, flags, paths and fields of filters.

    \b
    bash, in ~/.bashrc:                      eval "$(askpix completion bash)"
    zsh, in ~/.zshrc:                        eval "$(askpix completion zsh)"
    fish, in ~/.config/fish/config.fish:     askpix completion fish | source
    """
    shell = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell)
    if shell not in SHELLS or kind is None:
        raise AskpixError(f"there is no completion for the shell {shell!r}; there are: {', '.join(SHELLS)}")
    click.echo(kind(context.find_root().command, {}, _PROGRAM, _VARIABLE).source())


def complete_term(_context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
    """The fields that a filter may begin with, each with what it is for."""
    from searcher.query import FIELDS

    return [
        CompletionItem(f"{field}:", help=what)
        for field, what in FIELDS.items()
        if field != "like" and field.startswith(begun)
    ]
