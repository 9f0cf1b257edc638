"""What tests share besides fixtures."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

Askpix = Callable[..., subprocess.CompletedProcess[str]]

# Put before a command, makes it heed Ctrl-C even where the tests run in the background, which ignores it.
HEED_CTRL_C = ["env", "--default-signal=INT"]


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The JSON lines that a verb printed; any other line on standard output is a fault."""
    return [json.loads(line) for line in done.stdout.splitlines()]
