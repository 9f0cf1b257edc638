"""Words that a query and what was written about a photo have in common."""

import re

from searcher.results import Photo

_STOP = frozenset(
    "a an and are as at be by for from has have in is it its of on or that the their there these this to was "
    "were while with".split()
)


def shared_words(query: str, photo: Photo) -> list[str]:
    """The query's words, in its order, that stand in the photo's caption or tags."""
    written = set(_words(" ".join([photo.caption or "", *photo.tags])))
    return [word for word in dict.fromkeys(_words(query)) if word in written]


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.lower()) if word not in _STOP]
