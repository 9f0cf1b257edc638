"""What people call what is to be indexed: folders and files, addresses of buckets, tars, lists, and many at once."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from searcher import ranges
from searcher.elsewhere import LIST, TAR, Unreachable
from vlm.errors import AskpixError

Root = Path | str  # a folder or file of this machine; or else where something lies, as the catalog calls it

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.DOTALL | re.IGNORECASE)
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_KINDS = {".tar": TAR, ".csv": LIST, ".parquet": LIST}
_MOST = 100_000  # tars or lists by one range


def roots_of(paths: Sequence[Path | str]) -> list[Root]:
    """What is meant by each, without repetition: local paths made absolute, ranges and globs of tars and lists spread.

    Raises AskpixError for a path that does not exist, and for an address that cannot be one of a source, or holds a
    password.
    """
    return list(dict.fromkeys(root for path in paths for root in _roots(path)))


def _roots(path: Path | str) -> Iterator[Root]:
    text = str(path)
    for kind in (TAR, LIST):  # as the catalog calls it, and records of runs do
        if text.startswith(kind):
            yield f"{kind}{_checked(text.removeprefix(kind))}"
            return
    text = _checked(text) if isinstance(path, str) else text
    if isinstance(path, str) and _ADDRESS.match(text):
        yield from map(_remote_root, _spread(text))
        return
    local = Path(text).expanduser().absolute()
    if os.path.lexists(local):
        yield _local_root(local)
        return
    found = [one for one in _spread(str(local)) if one != str(local)] if local.suffix.lower() in _KINDS else []
    for one in found or [str(local)]:
        if not os.path.lexists(one):
            raise AskpixError(f"there is nothing at {one}; name a folder or a picture that exists")
        yield _local_root(Path(one))


def _local_root(path: Path) -> Root:
    kind = _KINDS.get(path.suffix.lower())
    return f"{kind}{path}" if kind and path.is_file() else path


def _remote_root(address: str) -> Root:
    kind = _KINDS.get(os.path.splitext(address)[1].lower())
    if kind is None and address.startswith(("http://", "https://")):
        raise AskpixError(
            f"{address} is a page or a picture of the web; put the pictures' addresses into a .csv with a column url"
        )
    return f"{kind}{address}" if kind else address.rstrip("/")


def _checked(text: str) -> str:
    """An address that may be kept in the catalog, with its protocol in small letters."""
    from searcher.addresses import holds_secret

    found = _ADDRESS.match(text)
    if found is None:
        return text
    protocol, rest = found[1].lower(), found[2]
    if holds_secret(text):
        host = re.split(r"[/?#]", rest.rpartition("@")[2])[0]
        raise AskpixError(
            f"the address of {protocol}://{host} holds a password or signature, which would be kept; leave it out, and "
            "give credentials in the environment"
        )
    if "::" in rest or not rest.strip("/"):
        raise AskpixError(f"{text} names no place; an address is one such as s3://bucket/prefix")
    return rest if protocol in {"file", "local"} else f"{protocol}://{rest}"


def _spread(pattern: str) -> Iterator[str]:
    """The names that a pattern stands for: ranges such as {000..010} counted, and globs looked for."""
    if found := _RANGE.search(pattern):
        first, last = int(found[1]), int(found[2])
        if not 0 <= last - first < _MOST:
            raise AskpixError(f"{found[0]} is no range of at most {_MOST:,}; write it such as {{000..010}}")
        for number in range(first, last + 1):
            yield from _spread(f"{pattern[: found.start()]}{number:0{len(found[1])}}{pattern[found.end() :]}")
    elif glob.has_magic(pattern) and os.path.splitext(pattern)[1].lower() in _KINDS:
        names = _matching(pattern)
        if not names:
            raise AskpixError(f"nothing matches {pattern}; name tars or lists that exist")
        yield from names
    else:
        yield pattern


def _matching(pattern: str) -> list[str]:
    if pattern.startswith("/"):
        return sorted(glob.glob(pattern))
    protocol = pattern.partition("://")[0]
    try:
        with ranges.told(pattern):
            files, path = ranges.opened(pattern)
            return [f"{protocol}://{name.lstrip('/')}" for name in sorted(files.glob(path))]
    except Unreachable as error:
        raise AskpixError(f"{pattern} cannot be looked for: {error}") from error
