"""Accounts for tests of the page: one of each role, made without the time that a password takes."""

from functools import cache

from argon2 import PasswordHasher
from flask.testing import FlaskClient

from searcher import Library, credentials, database
from searcher.accounts import ROLES, AccountInfo, accounts
from searcher.catalog import Account

PASSWORD = "correct horse"
NAMES = {"viewer": "Vera", "editor": "Edgar", "admin": "Anna"}


def add_people(library: Library) -> dict[str, AccountInfo]:
    """Make Vera, Edgar and Anna; their accounts by role."""
    with database.writing(library.engine) as session:
        session.add_all(Account(name=NAMES[role], role=role, password=_hash()) for role in ROLES)
    return {account.role: account for account in accounts(library)}


def signed_in(client: FlaskClient, library: Library, account: AccountInfo | None) -> FlaskClient:
    """The client with the cookie of an account, or without any."""
    client.delete_cookie("askpix")
    if account:
        client.set_cookie("askpix", credentials.sign_in(library, account, "A test"))
    return client


@cache
def _hash() -> str:
    return PasswordHasher().hash(PASSWORD)
