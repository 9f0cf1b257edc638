"""Servers on loopback: small ones that misbehave in a given way, and a proxy that fails at first."""

import hashlib
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Seen:
    """What a server was asked."""

    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


Handle = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def serving(handle: Handle) -> Iterator[tuple[str, Seen]]:
    """A server that lets `handle` answer; its address ending in /v1, and what it was asked."""
    seen, lock = Seen(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                seen.paths.append(self.path)
                seen.bodies.append(body)
                seen.headers.append(dict(self.headers))
            with suppress(BrokenPipeError, ConnectionResetError):  # given up on
                handle(self, body)

        do_GET = do_POST = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(
    status: int, body: bytes, kind: str = "application/json", length: int | None = None, **headers: str
) -> Handle:
    """Always the same answer; `length` is what it claims to be long."""

    def handle(request: BaseHTTPRequestHandler, _body: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return handle


def site(**pages: Handle | bytes) -> Handle:
    """A server of pages by their names, bytes being pictures; "robots" is robots.txt. Others are not there."""

    def handle(request: BaseHTTPRequestHandler, body: bytes) -> None:
        name = request.path.strip("/").partition("?")[0].removesuffix(".txt")
        page = pages.get(name, reply(404, b"no", "text/plain"))
        (reply(200, page, "image/jpeg") if isinstance(page, bytes) else page)(request, body)

    return handle


@contextmanager
def at(handle: Handle) -> Iterator[tuple[str, Seen]]:
    """As `serving`, with the address of the server's root, without a slash."""
    with serving(handle) as (address, seen):
        yield address.removesuffix("/v1"), seen


def flaky(target: str, *faults: Handle | None) -> Handle:
    """Fail the first requests by `faults`, one each (None cuts the connection), then hand on to `target`."""
    left, lock = list(faults), threading.Lock()

    def handle(request: BaseHTTPRequestHandler, body: bytes) -> None:
        with lock:
            fault = left.pop(0) if left else ...
        if fault is None:
            request.connection.shutdown(socket.SHUT_RDWR)
        elif fault is not ...:
            fault(request, body)
        else:
            address = target.removesuffix("/v1") + request.path
            asked = urllib.request.Request(address, body or None, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    reply(answer.status, answer.read())(request, body)
            except urllib.error.HTTPError as error:
                reply(error.code, error.read())(request, body)

    return handle


def hub(repository: str, commit: str, files: dict[str, bytes], cut: int | None = None) -> Handle:
    """A model hub with one repository; with `cut` its first large file breaks off after so many bytes, once."""
    broken: list[str] = []

    def handle(request: BaseHTTPRequestHandler, body: bytes) -> None:
        path = request.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if path.startswith(f"/api/models/{repository}"):
            listed = [{"rfilename": file, "size": len(data)} for file, data in files.items()]
            tree = [{"type": "file", "path": file, "size": len(data), "oid": "0"} for file, data in files.items()]
            about = {"id": repository, "sha": commit, "siblings": listed, "private": False}
            reply(200, json.dumps(tree if "/tree/" in path else about).encode())(request, body)
        elif path.startswith(f"/{repository}/resolve/") and name in files:
            data = files[name]
            start = int((request.headers.get("Range") or "bytes=0-")[6:].partition("-")[0])
            request.send_response(206 if start else 200)
            tag = hashlib.sha256(data).hexdigest()
            for header, value in {
                "X-Repo-Commit": commit,
                "ETag": f'"{tag}"',
                "Content-Length": str(len(data) - start),
                "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}",
                "Accept-Ranges": "bytes",
            }.items():
                request.send_header(header, value)
            request.end_headers()
            if request.command == "HEAD":
                return
            if cut is not None and len(data) > cut and not broken:
                broken.append(name)
                request.wfile.write(data[:cut])
                request.close_connection = True
                return
            request.wfile.write(data[start:])
        else:
            reply(404, b"{}", X_Error_Code="RepoNotFound")(request, body)

    return handle


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
