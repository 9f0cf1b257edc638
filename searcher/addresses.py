"""Addresses of the web: which are fetched from, which may be kept, and which networks may be reached.

What a list names may be anything, so that nothing of the internet can lead to where only this machine should reach.
"""

import ipaddress
import re
import socket
from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from urllib3.util import Url, parse_url

from searcher.elsewhere import Unreachable
from vlm.errors import AskpixError

_LONGEST = 2_000  # characters of an address, which a database can still index
_SECRETS = frozenset(
    {"x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-signature", "x-goog-credential"}
    | {"signature", "sig", "token", "access_token", "api_key", "apikey", "auth", "password"}
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Allowed(BaseSettings):
    """What whoever runs askpix allows its fetcher, in the environment of every process that fetches.

    `private` are networks of private addresses (ASKPIX_FETCH_PRIVATE=10.0.0.0/8,127.0.0.1), and with `robots` false
    robots.txt is not heeded (ASKPIX_FETCH_ROBOTS=0).
    """

    model_config = SettingsConfigDict(env_prefix="ASKPIX_FETCH_", frozen=True)

    private: Annotated[tuple[Network, ...], NoDecode] = ()
    robots: bool = True

    @field_validator("private", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    def check(self, url: Url) -> str:
        """The number that the host's name stands for, if it may be connected to; raises Unreachable if not."""
        try:
            found = socket.getaddrinfo(host_of(url), port_of(url), type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            later = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            raise Unreachable(f"the host {url.host} is not known", again=later) from error
        for *_, place in found:
            if self._may_connect(ipaddress.ip_address(str(place[0]).partition("%")[0])):
                return str(place[0])
        raise Unreachable(
            f"{url.host} has a private address, and those are not fetched from unless ASKPIX_FETCH_PRIVATE allows it",
            again=False,
        )

    def _may_connect(self, address: Address) -> bool:
        """Whether an address is one of the public internet, or allowed; what others are packed in counts as these."""
        if isinstance(address, ipaddress.IPv6Address):
            packed = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
            if address in _NAT64:
                packed = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            if packed:
                return self._may_connect(packed)
        if any(address.version == network.version and address in network for network in self.private):
            return True
        return address.is_global and not address.is_multicast


def read_allowed() -> Allowed:
    """What the environment allows; raises AskpixError naming what is wrong there."""
    try:
        return Allowed()
    except ValidationError as error:
        wrong = str(error.errors()[0]["loc"][0])
        raise AskpixError(
            f"ASKPIX_FETCH_{wrong.upper()} in the environment is wrong: it may be "
            + ("0 or 1" if wrong == "robots" else "networks such as 10.0.0.0/8,127.0.0.1")
        ) from error


def parsed(address: str) -> Url:
    """An address of the web taken apart; raises Unreachable for what is none."""
    try:
        url = parse_url(address)
    except ValueError:
        raise Unreachable("it is no address of the web", again=False) from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise Unreachable("it is no address of the web, which begin with http:// or https://", again=False)
    if url.auth:
        raise Unreachable("the address holds a password, which is not used", again=False)
    return url._replace(fragment=None)


def holds_secret(address: str) -> bool:
    """Whether an address holds a password, or a signature that lets its reader in."""
    before, _, query = address.partition("?")
    return "@" in re.split(r"[/?#]", before.partition("://")[2])[0] or any(
        name.lower() in _SECRETS for name, _ in parse_qsl(query, keep_blank_values=True)
    )


def permitted(address: str) -> tuple[str, str | None]:
    """An address as it may be kept, and why it is not fetched, if so; what may be secret in it is left out then."""
    if holds_secret(address):
        reason = "its address holds a password or signature, which would be kept; list addresses that need none"
        return without_secrets(address)[:_LONGEST], reason
    if len(address) > _LONGEST:
        return address[:_LONGEST], f"its address has {len(address):,} characters, {_LONGEST:,} are the most"
    try:
        parsed(address)
    except Unreachable as error:
        return address, str(error)
    return address, None


def without_secrets(text: str) -> str:
    """A text with what may be secret in its addresses left out: who asks, and what follows the question mark."""
    return re.sub(r"(\w+://)(?:[^/\s@]*@)?([^\s?#]*)(?:\?[^\s'\")]*)?", r"\1\2", text)


def origin_of(url: Url) -> str:
    """The server that an address is on."""
    return f"{url.scheme}://{url.netloc}"


def host_of(url: Url) -> str:
    """The host's name or number, without the brackets of an IPv6 one."""
    return (url.host or "").strip("[]")


def port_of(url: Url) -> int:
    """The port, also where it is not said."""
    return url.port or (443 if url.scheme == "https" else 80)
