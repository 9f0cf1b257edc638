"""How often a password was guessed wrong, so that nobody can try many."""

import hashlib
import ipaddress
import math
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from searcher import Library, database
from searcher.accounts import utc
from searcher.catalog import WrongPassword, now

MOST = 5  # wrong passwords for one name, or from one address,
WITHIN = timedelta(minutes=15)


class Attempts:
    """Wrong passwords of the last quarter of an hour, by name and by address.

    They are kept in the catalog, so that several servers of one library count together, and each password costs enough
    (`searcher.accounts`) that no attack makes them many. Names and addresses are kept as hashes: some people type
    their password for their name.
    """

    def __init__(self, library: Library, clock: Callable[[], datetime] = now) -> None:
        self._engine = library.engine
        self._clock = clock

    def begin(self, name: str, address: str | None) -> int:
        """Seconds that must pass before a password may be tried for a name from an address; 0 if it may be now.

        It counts as wrong until it is told to have been right, so that trying many at once gains nothing.
        """
        time = self._clock()
        with database.alone(self._engine, "attempts"), database.writing(self._engine) as session:
            counted = [session.scalars(_wrong(*one).offset(MOST - 1)).first() for one in _kinds(name, address)]
            until = max((utc(at) + WITHIN for at in counted if at is not None), default=time)
            if until > time:
                return math.ceil((until - time).total_seconds())
            session.execute(delete(WrongPassword).where(WrongPassword.at <= time - WITHIN))
            session.add_all(WrongPassword(kind=kind, who=who, at=time) for kind, who in _kinds(name, address))
        return 0

    def succeed(self, name: str, address: str | None) -> None:
        """The password was right: the name starts afresh, and the address did nothing wrong this time."""
        (kind, who), by_address = _kinds(name, address)
        with database.writing(self._engine) as session:
            session.execute(delete(WrongPassword).where(WrongPassword.kind == kind, WrongPassword.who == who))
            _forget_one(session, *by_address)


def _wrong(kind: str, who: str) -> Select[datetime]:
    """The times of wrong passwords, the latest first."""
    chosen = select(WrongPassword.at).where(WrongPassword.kind == kind, WrongPassword.who == who)
    return chosen.order_by(WrongPassword.at.desc(), WrongPassword.id.desc()).limit(1)


def _forget_one(session: Session, kind: str, who: str) -> None:
    latest = select(func.max(WrongPassword.id)).where(WrongPassword.kind == kind, WrongPassword.who == who)
    session.execute(delete(WrongPassword).where(WrongPassword.id == latest.scalar_subquery()))


def _kinds(name: str, address: str | None) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("name", _hashed(" ".join(name.casefold().split()))), ("address", _hashed(_network(address or "")))


def _network(address: str) -> str:
    """An address, of version 6 the network of one household, within which anybody can take any."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:  # a socket without one
        return address
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
