"""Search a photo library and ask it: `from searcher import Library`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from searcher.library import Library
    from searcher.results import Hit, Photo, Reply

__all__ = ["Hit", "Library", "Photo", "Reply"]


def __getattr__(name: str) -> Any:
    # Importing the room alone costs nothing: the command line asks for its verbs before it needs a database.
    if name == "Library":
        from searcher.library import Library

        return Library
    if name in __all__:
        from searcher import results

        return getattr(results, name)
    raise AttributeError(name)
