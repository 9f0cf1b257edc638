"""The verbs that say who may sign in."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from searcher.options import library_option
from vlm.console import emit, json_option, note, say

if TYPE_CHECKING:
    from searcher.accounts import AccountInfo
    from searcher.library import Library

_ROLES = ("viewer", "editor", "admin")
_stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Take the password from the first line of standard input, not the keyboard."
)


@click.group(epilog="Example: askpix accounts add anna --role admin")
def accounts() -> None:
    """Say who may sign in on the page, and what they may do.

    As soon as there is an account, the page asks everybody to sign in. A viewer searches, looks and asks; an editor
    also corrects captions, keeps albums and edits pictures; an admin also indexes and looks after accounts.
    """


@accounts.command(epilog="Example: askpix accounts add anna --role admin")
@click.argument("name")
@click.option("--role", type=click.Choice(_ROLES), default="viewer", show_default=True)
@_stdin_option
@library_option
@json_option
def add(name: str, role: str, password_stdin: bool, library: Path | None, as_json: bool) -> None:
    """Make the account NAME, and ask for its password twice. The first must be an admin."""
    from searcher.accounts import make_account

    with _open(library) as opened:
        made = make_account(opened, name, _password(password_stdin), role)
    _print(made, as_json)


@accounts.command("list", epilog="Example: askpix accounts list --json")
@library_option
@json_option
def list_(library: Path | None, as_json: bool) -> None:
    """List accounts."""
    from searcher.accounts import accounts

    with _open(library) as opened:
        found = accounts(opened)
    if not found:
        note("there are no accounts, so nobody has to sign in; make one with: askpix accounts add NAME --role admin")
    for account in found:
        _print(account, as_json)


@accounts.command(epilog="Example: askpix accounts role ben editor")
@click.argument("name")
@click.argument("role", type=click.Choice(_ROLES))
@library_option
@json_option
def role(name: str, role: str, library: Path | None, as_json: bool) -> None:
    """Give the account NAME another ROLE."""
    from searcher.accounts import change_role

    with _open(library) as opened:
        _print(change_role(opened, name, role), as_json)


@accounts.command(epilog="Example: askpix accounts password ben")
@click.argument("name")
@_stdin_option
@library_option
def password(name: str, password_stdin: bool, library: Path | None) -> None:
    """Give the account NAME another password; its browsers are signed out, and its keys revoked."""
    from searcher.accounts import reset_password

    with _open(library) as opened:
        reset_password(opened, name, _password(password_stdin))
    note(f"{name} has another password")


@accounts.command(epilog="Example: askpix accounts delete ben")
@click.argument("name", required=False)
@click.option("--all", "everybody", is_flag=True, help="Delete all accounts, so that nobody has to sign in.")
@library_option
def delete(name: str | None, everybody: bool, library: Path | None) -> None:
    """Delete the account NAME with its sign-ins and keys; what it did in the library stays."""
    from searcher.accounts import delete_account, delete_all_accounts

    if (name is None) != everybody:
        raise click.UsageError("give either the NAME of an account or --all")
    with _open(library) as opened:
        if name is None:
            note(f"{delete_all_accounts(opened)} deleted; nobody has to sign in, and only this machine is served")
        else:
            delete_account(opened, name)
            note(f"{name} deleted")


def _open(library: Path | None) -> "Library":
    from searcher.library import Library
    from searcher.settings import load_settings

    return Library(settings=load_settings(library=library))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    said: str = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    return said


def _print(account: "AccountInfo", as_json: bool) -> None:
    if as_json:
        emit({"name": account.name, "role": account.role})
    else:
        say(f"{account.name}  {account.role}")
