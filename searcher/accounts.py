"""Who may sign in: accounts, each with a role and a password, of which only an argon2 hash is kept."""

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from searcher import database
from searcher.catalog import Account, ApiKey, SignIn
from searcher.library import Library
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

ROLES = VIEWER, EDITOR, ADMIN = ("viewer", "editor", "admin")  # each may what those before it may
LONGEST_NAME = 100
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1_000

_HASHING = Lock()  # a hash takes 64 MiB for its time, so many sign-ins at once would take a lot


@dataclass(frozen=True)
class AccountInfo:
    """An account as others see it; when it was made in UTC."""

    id: int
    name: str
    role: str
    created_at: datetime

    def may(self, role: str) -> bool:
        """Whether it may do what that role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


def accounts(library: Library) -> list[AccountInfo]:
    """All accounts by name."""
    with database.session(library.engine) as session:
        return [info(account) for account in session.scalars(select(Account).order_by(func.lower(Account.name)))]


def any_account(library: Library) -> bool:
    """Whether there is one, so that people must sign in."""
    with database.session(library.engine) as session:
        return session.scalar(select(Account.id).limit(1)) is not None


def make_account(library: Library, name: str, password: str, role: str) -> AccountInfo:
    """Make an account.

    Raises AskpixError for a name that is taken or is none, a password that is too short, and when the first account
    is no admin, since nobody could make others then.
    """
    name, role, hashed = _checked_name(name), _checked_role(role), _hashed(password)
    with database.writing(library.engine) as session:
        if taken := session.scalar(_by_name(name)):
            raise AskpixError(f"there is an account {taken.name!r} already; choose another name")
        if role != ADMIN and session.scalar(select(Account.id).limit(1)) is None:
            raise AskpixError(f"the first account must be an admin, who can make others; make {name!r} one")
        account = Account(name=name, password=hashed, role=role)
        session.add(account)
    return info(account)


def change_role(library: Library, name: str, role: str) -> AccountInfo:
    """Give an account another role; raises AskpixError when it is the last admin, or there is no such account."""
    role = _checked_role(role)
    with database.writing(library.engine) as session:
        account = _named(session, name)
        if role != ADMIN:
            _check_not_last(session, account)
        account.role = role
    return info(account)


def change_password(library: Library, name: str, password: str, keep: str) -> None:
    """Give an account a password of its own choice, and end its sign-ins but the one with the hash `keep`.

    Raises AskpixError when the password is too short or there is no such account.
    """
    hashed = _hashed(password)
    with database.writing(library.engine) as session:
        account = _named(session, name)
        account.password = hashed
        session.execute(delete(SignIn).where(SignIn.account_id == account.id, SignIn.hash != keep))


def reset_password(library: Library, name: str, password: str) -> None:
    """Give an account another password, and end whatever acts for it: its sign-ins and its keys.

    Raises AskpixError when the password is too short or there is no such account.
    """
    hashed = _hashed(password)
    with database.writing(library.engine) as session:
        account = _named(session, name)
        account.password = hashed
        session.execute(delete(SignIn).where(SignIn.account_id == account.id))
        session.execute(delete(ApiKey).where(ApiKey.account_id == account.id))


def delete_account(library: Library, name: str) -> None:
    """Delete an account with its sign-ins and keys; raises AskpixError as `change_role` does."""
    with database.writing(library.engine) as session:
        account = _named(session, name)
        _check_not_last(session, account)
        session.delete(account)


def delete_all_accounts(library: Library) -> int:
    """Delete all accounts, how many they were, so that nobody has to sign in."""
    with database.writing(library.engine) as session:
        return len(session.scalars(delete(Account).returning(Account.id)).all())


def check_password(library: Library, name: str, password: str) -> AccountInfo | None:
    """The account of that name, if the password is its own; a name that nobody has takes just as long.

    A hash that was made with other parameters than argon2-cffi advises now is made anew.
    """
    from argon2.exceptions import VerifyMismatchError

    with database.session(library.engine) as session:
        account = session.scalar(_by_name(name))
    stored, said = account.password if account else _nobodys(), _normal(password)
    try:
        with _HASHING:
            _hasher().verify(stored, said)
    except VerifyMismatchError:
        return None
    if account is None:
        return None
    if _hasher().check_needs_rehash(stored):
        renewed = _hashed(password)
        with database.writing(library.engine) as session:
            # Unless it was changed meanwhile.
            session.execute(update(Account).where(Account.password == stored).values(password=renewed))
    return info(account)


def info(account: Account) -> AccountInfo:
    """An account as others see it."""
    return AccountInfo(account.id, account.name, account.role, utc(account.created_at))


def utc(moment: datetime) -> datetime:
    """A time of the catalog with its zone, which SQLite does not keep."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys() -> str:
    """The hash of a password that nobody knows."""
    return _hasher().hash(secrets.token_urlsafe())


def _hashed(password: str) -> str:
    password = _normal(password)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AskpixError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters; choose another")
    with _HASHING:
        return _hasher().hash(password)


def _normal(text: str) -> str:
    """The same characters however a keyboard puts them together, as NIST SP 800-63B advises for passwords."""
    return unicodedata.normalize("NFKC", text)


def _checked_name(name: str) -> str:
    name = " ".join(_normal(name).split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise AskpixError(f"the name of an account has 1 to {LONGEST_NAME} printable characters; choose another")
    return name


def _checked_role(role: str) -> str:
    if role not in ROLES:
        raise AskpixError(f"there is no role {role!r}; there are: {', '.join(ROLES)}")
    return role


def _check_not_last(session: Session, account: Account) -> None:
    others = select(Account.id).where(Account.role == ADMIN, Account.id != account.id).limit(1)
    if account.role == ADMIN and session.scalar(others) is None:
        raise AskpixError(f"{account.name!r} is the only admin; make another account an admin first")


def _by_name(name: str) -> Select[Account]:
    return select(Account).where(func.case_folded(Account.name) == _normal(name).strip().casefold())


def _named(session: Session, name: str) -> Account:
    account = session.scalar(_by_name(name))
    if account is None:
        names = ", ".join(session.scalars(select(Account.name).order_by(Account.name))) or "none yet"
        raise AskpixError(f"there is no account {name!r}; there are: {names}")
    return account
