"""What tests share besides fixtures."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

Askpix = Callable[..., subprocess.CompletedProcess[str]]

# Put before a command, makes it heed Ctrl-C even where the tests run in the background, which ignores it.
HEED_CTRL_C = ["env", "--default-signal=INT"]


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The JSON lines that a verb printed; any other line on standard output is a fault."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def migrate(engine: Engine, revision: str) -> None:
    """Bring a catalog to an older revision, or to "head"."""
    config = Config()
    config.set_main_option("script_location", "migrations:")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.connection.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            config.attributes["connection"] = connection
            (command.upgrade if revision == "head" else command.downgrade)(config, revision)


def flip(path: Path, at: int) -> None:
    """Turn a bit of a file over."""
    data = bytearray(path.read_bytes())
    data[at] ^= 16
    path.write_bytes(data)
