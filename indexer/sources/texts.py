"""The texts beside pictures, in tars and lists: what people wrote, as the catalog keeps it."""

import json
from collections.abc import Mapping
from typing import Any

from indexer.found import Beside
from vlm.headers import LONGEST_KEYWORD, plain

_MOST_KEYWORDS = 500


def read_beside(texts: Mapping[str, bytes]) -> Beside:
    """What the texts of a picture say, by their endings: ".txt" the caption alone, ".json" an object that may have
    caption or description, title, and keywords or tags. What is damaged counts as absent."""
    try:
        said: Any = json.loads(texts.get(".json", b"{}"))
    except (ValueError, RecursionError):
        said = {}
    said = said if isinstance(said, dict) else {}
    caption = plain(texts.get(".txt", b"").decode("utf-8", "replace"))
    caption = caption or plain(said.get("caption")) or plain(said.get("description"))
    return Beside(caption, plain(said.get("title")), _keywords(said.get("keywords") or said.get("tags")))


def _keywords(value: Any) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    texts = [text[:LONGEST_KEYWORD] for word in words[:_MOST_KEYWORDS] if (text := plain(word))]
    return tuple(dict.fromkeys(texts))
