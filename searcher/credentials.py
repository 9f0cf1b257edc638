"""What acts for an account without its password: browsers that are signed in, and keys for programs.

Both bear a random token of 256 bits, of which only the hash is kept. So much chance needs no slow hash.
"""

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Update, delete, or_, select, update

from searcher import database
from searcher.accounts import AccountInfo, info, utc
from searcher.catalog import Account, ApiKey, SignIn, now
from searcher.library import Library
from vlm.errors import AskpixError

LASTS = timedelta(days=30)  # a sign-in that is not used
LONGEST_NAME = 100
KEY_PREFIX = "askpix_"  # by which people and scanners for lost secrets know a key

_NOTED_EVERY = timedelta(minutes=5)  # how often it is written down that a sign-in or key is in use
_LONGEST_AGENT = 300


@dataclass(frozen=True)
class SignInInfo:
    """A browser that is signed in; times are in UTC."""

    hash: str
    agent: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True)
class KeyInfo:
    """A key for a program; times are in UTC."""

    id: int
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True)
class SignedIn:
    """Whose browser it is; `renewed` says that the cookie is to last from now on."""

    account: AccountInfo
    hash: str
    renewed: bool


def sign_in(library: Library, account: AccountInfo, agent: str) -> str:
    """Note that a browser, which calls itself `agent`, is signed in; what it is to show from now on."""
    token = secrets.token_urlsafe(32)
    with database.writing(library.engine) as session:
        session.execute(delete(SignIn).where(SignIn.seen_at < _oldest()))
        session.add(SignIn(hash=_hashed(token), account_id=account.id, agent=agent[:_LONGEST_AGENT]))
    return token


def signed_in(library: Library, token: str) -> SignedIn | None:
    """Who is signed in with what a browser shows, if anybody is."""
    known, since = _hashed(token), now() - _NOTED_EVERY
    asked = select(Account, SignIn.seen_at < since).join(SignIn).where(SignIn.hash == known, SignIn.seen_at > _oldest())
    with database.session(library.engine) as session:
        found = session.execute(asked).first()
    if found is None:
        return None
    account, due = found
    if due:
        _note(library, update(SignIn).where(SignIn.hash == known, SignIn.seen_at < since).values(seen_at=now()))
    return SignedIn(info(account), known, due)


def sign_ins(library: Library, account: AccountInfo) -> list[SignInInfo]:
    """An account's browsers, the one that was seen last first."""
    asked = select(SignIn).where(SignIn.account_id == account.id, SignIn.seen_at > _oldest())
    with database.session(library.engine) as session:
        found = session.scalars(asked.order_by(SignIn.seen_at.desc(), SignIn.hash)).all()
    return [SignInInfo(one.hash, one.agent, utc(one.created_at), utc(one.seen_at)) for one in found]


def end_sign_in(library: Library, account: AccountInfo, known: str) -> None:
    """Sign out the browser of an account that has this hash."""
    with database.writing(library.engine) as session:
        session.execute(delete(SignIn).where(SignIn.account_id == account.id, SignIn.hash == known))


def end_sign_ins(library: Library, account: AccountInfo) -> None:
    """Sign out all browsers of an account."""
    with database.writing(library.engine) as session:
        session.execute(delete(SignIn).where(SignIn.account_id == account.id))


def make_key(library: Library, account: AccountInfo, name: str) -> str:
    """Make a key with which a program acts for an account; it can never be shown again.

    Raises AskpixError for a name that is none.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise AskpixError(f"the name of a key has 1 to {LONGEST_NAME} printable characters; say what it is for")
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    with database.writing(library.engine) as session:
        session.add(ApiKey(hash=_hashed(key), account_id=account.id, name=name))
    return key


def keys(library: Library, account: AccountInfo) -> list[KeyInfo]:
    """An account's keys by name."""
    asked = select(ApiKey).where(ApiKey.account_id == account.id).order_by(ApiKey.name, ApiKey.id)
    with database.session(library.engine) as session:
        found = session.scalars(asked).all()
    return [KeyInfo(one.id, one.name, utc(one.created_at), one.used_at and utc(one.used_at)) for one in found]


def revoke_key(library: Library, account: AccountInfo, number: int) -> None:
    """Have a key of an account open nothing any more."""
    with database.writing(library.engine) as session:
        session.execute(delete(ApiKey).where(ApiKey.account_id == account.id, ApiKey.id == number))


def key_account(library: Library, key: str) -> AccountInfo | None:
    """The account for which a program with that key acts, if there is one."""
    known, since = _hashed(key), now() - _NOTED_EVERY
    unnoted = or_(ApiKey.used_at.is_(None), ApiKey.used_at < since)
    with database.session(library.engine) as session:
        found = session.execute(select(Account, unnoted).join(ApiKey).where(ApiKey.hash == known)).first()
    if found is None:
        return None
    account, due = found
    if due:
        _note(library, update(ApiKey).where(ApiKey.hash == known, unnoted).values(used_at=now()))
    return info(account)


def _note(library: Library, used: Update) -> None:
    with suppress(AskpixError), database.writing(library.engine) as session:  # a full disk keeps nobody from looking
        session.execute(used)


def _oldest() -> datetime:
    return now() - LASTS


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
