"""What a model loads when it is first used."""

import threading
from collections.abc import Callable
from typing import Any


class Parts:
    """Parts by name, each loaded once, whichever threads ask; `lock` also guards what cannot take two at once."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._loaded: dict[str, Any] = {}

    def __reduce__(self) -> tuple[type["Parts"], tuple[()]]:
        """A model that is sent to another process loads its parts there."""
        return Parts, ()

    def get(self, name: str, load: Callable[[], Any]) -> Any:
        """A part, loaded when first asked for."""
        with self.lock:
            if name not in self._loaded:
                self._loaded[name] = load()
            return self._loaded[name]
