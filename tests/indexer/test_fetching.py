"""Fetching from the web: what is polite, what is within bounds, and what must never be reached."""

import io
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from searcher.addresses import Allowed, holds_secret, without_secrets
from searcher.elsewhere import Unreachable
from searcher.fetching import Bounds, Fetcher
from servers import Handle, at, flaky, reply, site

HERE = Allowed(private="127.0.0.1")  # type: ignore[arg-type]
QUICK = Bounds(pause_s=0.001)


def fetched(fetcher: Fetcher, address: str) -> bytes:
    file = io.BytesIO()
    fetcher.fetch(address, file)
    return file.getvalue()


def test_it_says_who_it_is_and_asks_robots_once() -> None:
    with at(site(a=b"one", b=b"two")) as (server, seen):
        fetcher = Fetcher(HERE, QUICK)
        assert fetched(fetcher, f"{server}/a") + fetched(fetcher, f"{server}/b") == b"onetwo"
    assert seen.paths == ["/robots.txt", "/a", "/b"]
    assert all(headers["User-Agent"].startswith("askpix/") for headers in seen.headers)


def test_robots_are_obeyed_unless_allowed() -> None:
    robots = b"User-agent: *\nDisallow: /*.png$\n\nUser-agent: askpix\nDisallow: /private/\n"
    with at(site(robots=robots, **{"a.png": b"png", "private/b": b"b"})) as (server, seen):
        fetcher = Fetcher(HERE, QUICK)
        assert fetched(fetcher, f"{server}/a.png") == b"png"  # what is said to askpix itself counts
        with pytest.raises(Unreachable, match=r"robots\.txt of 127\.0\.0\.1 asks") as refused:
            fetched(fetcher, f"{server}/private/b")
        assert not refused.value.again and "/private/b" not in seen.paths
        assert fetched(Fetcher(HERE.model_copy(update={"robots": False}), QUICK), f"{server}/private/b") == b"b"


def test_a_server_whose_robots_cannot_be_read_is_left_alone() -> None:
    with (
        at(site(robots=reply(503, b""), a=b"one")) as (server, seen),
        pytest.raises(Unreachable, match="503") as refused,
    ):
        fetched(Fetcher(HERE, QUICK), f"{server}/a")
    assert refused.value.again and set(seen.paths) == {"/robots.txt"}


PRIVATE = """
    127.0.0.1 localhost [::1] 2130706433 0x7f.1 10.1.2.3 169.254.169.254 0.0.0.0 [::ffff:127.0.0.1] [64:ff9b::7f00:1]
    [2002:7f00:1::] [fe80::1] 224.0.0.1 100.64.0.1
"""


@pytest.mark.parametrize("host", PRIVATE.split())
def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    with pytest.raises(Unreachable, match=r"private address|is not known") as refused:
        fetched(Fetcher(Allowed(), QUICK), f"http://{host}:9/a.jpg")
    assert not refused.value.again


def test_nobody_is_sent_on_to_a_private_address() -> None:
    elsewhere = reply(302, b"", Location="http://127.0.0.2:1/secret")
    with at(site(a=elsewhere)) as (server, _), pytest.raises(Unreachable, match=r"127\.0\.0\.2 has a private address"):
        fetched(Fetcher(HERE, QUICK), f"{server}/a")


def test_redirects_are_followed_but_not_for_ever() -> None:
    with at(site(a=reply(301, b"", Location="/b"), b=b"there", c=reply(307, b"", Location="/c"))) as (server, _seen):
        fetcher = Fetcher(HERE, QUICK)
        assert fetched(fetcher, f"{server}/a") == b"there"
        with pytest.raises(Unreachable, match="more than 5 times"):
            fetched(fetcher, f"{server}/c")
        with pytest.raises(Unreachable, match="no address of the web"):
            fetched(fetcher, "file:///etc/passwd")


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that stands for a public address when it is checked, and for a private one a moment later."""
    asked: list[str] = []
    real: Callable[..., Any] = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *more: Any, **how: Any) -> Any:
        if host != "photos.example":
            return real(host, port, *more, **how)
        asked.append(host)
        return real("127.0.0.1" if len(asked) <= 2 else "127.0.0.2", port, *more, **how)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with at(site(a=b"one")) as (server, seen):
        port = server.rpartition(":")[2]
        fetcher = Fetcher(HERE, QUICK)
        assert fetched(fetcher, f"http://photos.example:{port}/a") == b"one"
        assert len(asked) == 2  # for robots.txt and for the picture
        assert seen.headers[-1]["Host"] == f"photos.example:{port}"
        with pytest.raises(Unreachable, match="private address"):
            fetched(fetcher, f"http://photos.example:{port}/a")


def test_what_fails_for_a_moment_is_asked_for_again_and_what_is_gone_is_not() -> None:
    busy = reply(429, b"", Retry_After="0")
    with at(site(a=b"one")) as (server, _), at(flaky(server, None, reply(500, b""), busy)) as (front, seen):
        fetcher = Fetcher(HERE.model_copy(update={"robots": False}), Bounds(pause_s=0.001, attempts=4))
        assert fetched(fetcher, f"{front}/a") == b"one"
        assert seen.paths == ["/a"] * 4
        with pytest.raises(Unreachable, match="404 Not Found") as gone:
            fetched(fetcher, f"{front}/z")
        assert not gone.value.again and seen.paths.count("/z") == 1
    with at(site(a=reply(503, b"", Retry_After="3600"))) as (server, seen), pytest.raises(Unreachable) as later:
        fetched(Fetcher(HERE, QUICK), f"{server}/a")
    assert later.value.again and seen.paths.count("/a") == 1  # an hour is not waited


def drip(first: bytes, drop: bytes, stop: threading.Event) -> Handle:
    """A server that sends a byte now and then, for ever."""

    def handle(request: BaseHTTPRequestHandler, _body: bytes) -> None:
        request.close_connection = True
        request.wfile.write(first)
        while not stop.wait(0.02):
            request.wfile.write(drop)

    return handle


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_slow_server_is_left_after_the_time_it_may_take(first: bytes) -> None:
    stop = threading.Event()
    allowed = HERE.model_copy(update={"robots": False})
    with at(drip(first, b"x", stop)) as (server, _seen), pytest.raises(Unreachable, match=r"more than 0\.3 s") as slow:
        fetched(Fetcher(allowed, Bounds(seconds=0.3)), f"{server}/a")
    stop.set()
    assert slow.value.again


def test_a_body_that_is_too_long_or_too_short_is_refused() -> None:
    def endless(request: BaseHTTPRequestHandler, _body: bytes) -> None:
        request.send_response(200)
        request.end_headers()
        with suppress(OSError):
            while True:
                request.wfile.write(b"x" * 10_000)

    pages = {"endless": endless, "long": reply(200, b"x", length=10**12), "short": reply(200, b"x" * 99, length=100)}
    with at(site(**pages)) as (server, _seen):
        fetcher = Fetcher(HERE, Bounds(most_bytes=1_000_000, pause_s=0.001))
        for page, reason in {"endless": "does not end after 1 MB", "long": "more than the 1 MB"}.items():
            with pytest.raises(Unreachable, match=reason) as refused:
                fetched(fetcher, f"{server}/{page}")
            assert not refused.value.again
        with pytest.raises(Unreachable, match="broke off") as cut:
            fetched(fetcher, f"{server}/short")
        assert cut.value.again


def test_no_host_has_more_than_two_connections() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def counted(request: BaseHTTPRequestHandler, body: bytes) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.02)
        reply(200, b"one")(request, body)
        with lock:
            now -= 1

    with at(site(a=counted)) as (server, _seen), ThreadPoolExecutor(8) as pool:
        fetcher = Fetcher(HERE, QUICK)
        assert list(pool.map(lambda _: fetched(fetcher, f"{server}/a"), range(16))) == [b"one"] * 16
    assert most <= 2


def test_a_certificate_must_be_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = _certificate(tmp_path, "photos.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    real: Callable[..., Any] = socket.getaddrinfo
    names = {"photos.example", "other.example"}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **how: real("127.0.0.1" if host in names else host, *more, **how)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    fetcher = Fetcher(HERE.model_copy(update={"robots": False}), QUICK)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=_serve_tls, args=(listening, context, 2))
        thread.start()
        assert fetched(fetcher, f"https://photos.example:{port}/a") == b"one"
        with pytest.raises(Unreachable, match=r"certificate of other\.example"):
            fetched(Fetcher(fetcher.allowed, Bounds(attempts=1)), f"https://other.example:{port}/a")
        thread.join()


def _serve_tls(listening: socket.socket, context: ssl.SSLContext, times: int) -> None:
    for _ in range(times):
        raw, _ = listening.accept()
        with raw, suppress(OSError), context.wrap_socket(raw, server_side=True) as line:
            line.recv(10_000)
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")


def _certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = folder / "server.pem"
    pem.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return pem


def test_secrets_in_addresses_are_known_and_left_out() -> None:
    for secret in (
        "https://me:pass@h/a.jpg",
        "s3://key:secret@bucket/x",
        "https://h/a.jpg?X-Amz-Signature=abc",
        "https://h/a.jpg?w=3&sig=abc",
    ):
        assert holds_secret(secret), secret
        told = without_secrets(f"cannot read '{secret}' now")
        assert "abc" not in told and "pass" not in told and "secret" not in told, told
    for plain in ("https://h/a@b.jpg?width=100", "https://h/users/@me/a.jpg", "s3://bucket/a"):
        assert not holds_secret(plain), plain
