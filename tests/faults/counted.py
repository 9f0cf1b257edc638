"""askpix, which writes down what it encodes: python -m tests.faults.counted LOG VERB …

A line for each look of a model at pictures, and one for each batch of embeddings that is handed to the store.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import askpix
import vlm
from indexer.store import Job, Store


def main() -> None:
    log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    load, write = vlm.load, Store.write

    def loading(*given: Any, **more: Any) -> Any:
        model = load(*given, **more)
        look = model.look

        def looking(images: Sequence[Any]) -> Any:
            seen = look(images)
            if images:
                os.write(log, f"look {len(images)}\n".encode())
            return seen

        object.__setattr__(model, "look", looking)
        return model

    def writing(self: Store, jobs: Sequence[Job]) -> Any:
        os.write(log, f"write {sum(job.embedding is not None for job in jobs)}\n".encode())
        return write(self, jobs)

    vlm.load, Store.write = loading, writing  # type: ignore[assignment, method-assign]
    askpix.main()


def count(log: Path, what: str) -> int:
    """How many pictures a run looked at, or wrote."""
    lines = log.read_text().splitlines() if log.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith(what))


if __name__ == "__main__":
    main()
