"""How often a password was guessed wrong, so that nobody can try many."""

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

MOST = 5  # wrong passwords for one name, or from one address,
WITHIN = 15 * 60  # seconds

_KEPT = 10_000  # names and addresses


class Attempts:
    """Wrong passwords of the last quarter of an hour, by name and by address.

    They are kept in the memory of this process, where an attack writes nothing to the catalog; each of several
    processes that serve one library counts its own. Safe between threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        self._lock = Lock()

    def begin(self, name: str, address: str | None) -> int:
        """Seconds that must pass before a password may be tried for a name from an address; 0 if it may be now.

        It counts as wrong until it is told to have been right, so that trying many at once gains nothing.
        """
        with self._lock:
            now = self._clock()
            counted = [self._wrong.get(one, deque()) for one in _kinds(name, address)]
            wait = max(times[0] + WITHIN - now if len(times) == MOST else 0 for times in counted)
            if wait > 0:
                return math.ceil(wait)
            for one in _kinds(name, address):
                self._wrong.setdefault(one, deque(maxlen=MOST)).append(now)
                self._wrong.move_to_end(one)
            while len(self._wrong) > _KEPT:
                self._wrong.popitem(last=False)
            return 0

    def succeed(self, name: str, address: str | None) -> None:
        """The password was right: the name starts afresh, and the address did nothing wrong this time."""
        by_name, by_address = _kinds(name, address)
        with self._lock:
            self._wrong.pop(by_name, None)
            if times := self._wrong.get(by_address):
                times.pop()


def _kinds(name: str, address: str | None) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("name", " ".join(name.casefold().split())[:200]), ("address", _network(address or ""))


def _network(address: str) -> str:
    """An address, of version 6 the network of one household, within which anybody can take any."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:  # a socket without one
        return address
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))
