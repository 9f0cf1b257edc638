"""Cursors: where a list goes on, which only fits the list that they come from."""

import base64
import binascii
import hashlib
import re

from vlm.errors import AskpixError

_CURSOR = re.compile(rb"([0-9]{1,18}) ([0-9a-f]{16})")


def write(place: int, listed: object) -> str:
    """A cursor for that place in a list of what `listed` says."""
    return base64.urlsafe_b64encode(f"{place} {_check(listed)}".encode()).decode().rstrip("=")


def read(cursor: str | None, listed: object) -> int | None:
    """The place in a list that a cursor tells, if there is one; raises AskpixError if it is of another list."""
    if cursor is None:
        return None
    try:
        said = _CURSOR.fullmatch(base64.urlsafe_b64decode(cursor.encode() + b"=="))
    except binascii.Error:
        said = None
    if said is None or said[2].decode() != _check(listed):
        raise AskpixError("the cursor belongs to another list; ask for the first page again, without a cursor")
    return int(said[1])


def _check(listed: object) -> str:
    return hashlib.blake2b(repr(listed).encode("utf-8", "replace"), digest_size=8).hexdigest()
