"""From where a server can be reached, and what must be so before it may be."""

from typing import Any

from searcher import Library
from searcher.accounts import any_account
from vlm.console import note
from vlm.errors import AskpixError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  # nothing is bound here

# One proxy is believed, which says for whom it asks, how, and for which host.
_PROXY = {
    "trusted_proxy": "*",
    "trusted_proxy_count": 1,
    "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
}


def checked(library: Library, host: str, names: tuple[str, ...], behind_proxy: bool) -> dict[str, Any]:
    """The configuration of an application that listens on `host` and is called by `names`.

    Raises AskpixError when it could be reached from elsewhere and nobody would have to sign in, or a name is none.
    """
    if wrong := [name for name in names if not name or set("/ ,*") & set(name)]:
        raise AskpixError(f"{wrong[0]!r} is no host name; give --name as in photos.example.org, without http://")
    # A proxy hands on what comes from elsewhere, wherever it listens itself.
    beyond = host not in LOOPBACK or bool(names) or behind_proxy
    if beyond and not any_account(library):
        raise AskpixError(
            f"there are no accounts, so only this machine is served, not {', '.join(names) or host}; "
            "make one with: askpix accounts add NAME --role admin"
        )
    if beyond and not behind_proxy:
        note("passwords and photos cross the network unencrypted; docs/people.md says how to put TLS before this")
    if host in _EVERY_ADDRESS and not names:
        note("only requests for 127.0.0.1 or localhost are answered; say by which names others ask, with --name")
    called = [*LOOPBACK, *names, *({host} - set(_EVERY_ADDRESS))]
    return {"TRUSTED_HOSTS": [bracketed(name) for name in called], "ALWAYS_SIGN_IN": beyond}


def proxied(behind_proxy: bool) -> dict[str, Any]:
    """What waitress is to be told of a proxy; without one it forgets what pretends to come through it."""
    return _PROXY if behind_proxy else {}


def bracketed(host: str) -> str:
    """A host as addresses of pages have it."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
