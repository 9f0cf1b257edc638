"""What is sought by words, whatever the database: phrases, each in some columns of what was written."""

import re
from dataclasses import dataclass

from sqlalchemy import Integer, column, table

COLUMNS = ("people", "captions", "tags", "reading", "places")
IDEOGRAPHS = "[぀-ヿ㐀-鿿豈-﫿가-힯]"
ROWS = table("words", column("rowid", Integer), *map(column, COLUMNS))
_IDEOGRAPH = re.compile(f"({IDEOGRAPHS})")


@dataclass(frozen=True)
class Phrases:
    """Any of some phrases, or every one, in any of these columns, or at all; with `begun` their last word may go on."""

    texts: tuple[str, ...]
    columns: tuple[str, ...] = ()
    every: bool = False
    begun: bool = False


Wanted = tuple[Phrases, ...]  # any of them


def apart(text: str) -> str:
    """Text whose ideographs stand apart, as words of their own."""
    return _IDEOGRAPH.sub(r" \1 ", text)
