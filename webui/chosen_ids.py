"""The photos that an address or a form names."""

import re

from werkzeug.datastructures import MultiDict

from vlm.errors import AskpixError

MOST_IDS = 2_000  # photos that an address can name


def chosen_ids(said: MultiDict[str, str]) -> list[int]:
    """The ids in `ids`, as 3,14, and in each `id`, without repetition; raises AskpixError for what is none."""
    named = ",".join(filter(None, [said.get("ids", ""), *said.getlist("id")]))
    if not re.fullmatch(r"(\d{1,18}(,\d{1,18})*)?", named):
        raise AskpixError("ids does not say which photos are meant; write for example ids=3,14")
    ids = list(dict.fromkeys(map(int, filter(None, named.split(",")))))
    if len(ids) > MOST_IDS:
        raise AskpixError(f"{len(ids):,} photos are named, {MOST_IDS:,} are the most; search for them instead")
    return ids
