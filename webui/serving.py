"""Runs the server of an application, and ends it so that who is being answered gets the answer."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

from vlm.errors import AskpixError
from webui.overload import THREADS

LARGEST_REQUEST = 60_000_000  # bytes: a picture to search by, which may have 50 MB
GRACE = 25  # seconds for answers under way; Kubernetes and Docker kill after 30 and 10 unless told otherwise

_CONNECTIONS = 1_000  # browsers keep several each, open and idle
_IDLE_S = 75  # until one is closed: longer than proxies keep theirs, so that they don't send into a closed one


class Server:
    """A server that listens."""

    def __init__(self, app: Flask, host: str, port: int, **more: Any) -> None:
        """Listen; `more` is waitress's. Raises AskpixError when the port cannot be had."""
        self._app = app
        self._sockets: dict[int, Any] = {}
        self._ends_at: float | None = None
        try:
            waitress.create_server(
                app,
                map=self._sockets,
                host=host,
                port=port,
                threads=THREADS,
                connection_limit=_CONNECTIONS,
                channel_timeout=_IDLE_S,
                asyncore_use_poll=True,  # select, the default, fails beyond 1,024 open files
                ident=None,
                max_request_body_size=LARGEST_REQUEST,
                **more,
            )
        except OSError as error:
            raise AskpixError(f"port {port} cannot be had: {error.strerror}; choose another with --port") from error

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listening()[0].effective_port)

    def run(self) -> None:
        """Answer until `stop`; then answers under way have `GRACE` seconds to end."""
        listening = self._listening()
        try:
            while self._ends_at is None:
                self._turn(1)
            for one in listening:
                wasyncore.dispatcher.close(one)
            while self._busy() and time.monotonic() < self._ends_at:
                self._turn(0.1)
        finally:
            listening[0].task_dispatcher.shutdown(timeout=1)
            wasyncore.close_all(self._sockets, ignore_all=True)

    def stop(self) -> None:
        """Have it end."""
        self._app.extensions["stopping"] = True
        self._ends_at = time.monotonic() + GRACE
        for one in self._listening():
            one.pull_trigger()  # which wakes it up

    @contextmanager
    def ended_by_signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C have it end, another one at once."""

        def end(_number: int, _frame: FrameType | None) -> None:
            if self._ends_at is not None:
                raise KeyboardInterrupt
            self.stop()

        before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _turn(self, timeout: float) -> None:
        wasyncore.loop(timeout, use_poll=True, map=self._sockets, count=1)

    def _busy(self) -> bool:
        """Whether somebody is being answered; whoever is not loses the connection, to open one to another server."""
        busy = False
        for channel in [one for one in self._sockets.values() if isinstance(one, HTTPChannel)]:
            if channel.requests or channel.request or channel.total_outbufs_len:
                busy = True
            else:
                channel.will_close = True
        return busy

    def _listening(self) -> list[Any]:
        return [one for one in self._sockets.values() if isinstance(one, BaseWSGIServer)]
