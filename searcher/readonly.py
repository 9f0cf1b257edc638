"""A catalog of SQLite that may only be read: on a disk that is mounted so, or in a folder of somebody else's.

SQLite's log (WAL) wants files beside the catalog. Where nobody writes they are not needed, and the file is taken as one
that never changes; where somebody else does, theirs are read. Which of both it is, is looked at before each use.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError


def may_only_read(path: Path) -> bool:
    """Whether the catalog in a file, which is there, cannot be written to."""
    return path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def reading_engine(path: Path, **more: Any) -> Engine:
    """The database in a file that is never written to; `more` is SQLAlchemy's."""

    def connect() -> sqlite3.Connection:
        how = "mode=ro" if _log_size(path) else "mode=ro&immutable=1"
        return sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, check_same_thread=False)

    def note(_connection: Any, record: Any) -> None:
        record.info["state"] = _state(path)

    def look(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["state"] != _state(path):
            raise DisconnectionError  # which has it opened anew

    engine = create_engine(f"sqlite:///{path}", creator=connect, **more)
    event.listen(engine, "connect", note)
    event.listen(engine, "checkout", look)
    return engine


def _log_size(path: Path) -> int:
    try:
        return os.stat(f"{path}-wal").st_size
    except OSError:
        return 0


def _state(path: Path) -> tuple[int, int, int, bool]:
    """Tells whether the file has been written to, or others have begun or ended to write."""
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size, bool(_log_size(path))
