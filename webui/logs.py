"""What a server writes down: one line a request, and what went wrong, on standard error.

A line tells the route and not the address, so that nobody's searches, questions or file names are in it; nor are
cookies, keys or passwords. Who asked is told by the account's name.
"""

import json
import logging
import re
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, request

_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_requests = logging.getLogger("askpix.requests")


class _Json(logging.Formatter):
    """One JSON object a record, on one line whatever it says."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        said = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            **getattr(record, "request", {"message": record.getMessage()}),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said)


class _Text(logging.Formatter):
    """One line a record, and a traceback below where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        said = getattr(record, "request", None)
        told = " ".join(map(str, said.values())) if said else record.getMessage()
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{_time(record)} {record.levelname.lower()} {told}{trace}"


def set_up(how: str) -> None:
    """Have this process write what it logs on standard error: as text or JSON with a line a request, or without."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(how))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # A browser asks for many thumbnails at once; that they wait their turn is no news.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    _requests.setLevel(logging.WARNING if how == "none" else logging.INFO)


def formatter(how: str) -> logging.Formatter:
    """What makes text or JSON of a record."""
    return _Json() if how == "json" else _Text()


def add_log(app: Flask) -> None:
    """Have an application give each request an id, that of the proxy before it if it has one, and log it."""
    app.before_request(_begin)
    app.after_request(_end)


def elapsed() -> float:
    """Seconds since the request came in."""
    return time.perf_counter() - float(g.get("asked_at", time.perf_counter()))


def _begin() -> None:
    said = request.headers.get("X-Request-ID", "")
    g.request_id = said if _ID.fullmatch(said) else secrets.token_hex(8)
    g.asked_at = time.perf_counter()


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    if _requests.isEnabledFor(logging.INFO):
        _requests.info("", extra={"request": _told(response)})
    return response


def _told(response: Response) -> dict[str, Any]:
    account = g.get("account")
    return {
        "id": g.get("request_id"),
        "method": request.method,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "ms": round(1000 * elapsed(), 1),
        "user": account.name if account else None,
    }


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
