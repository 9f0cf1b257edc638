"""One word or phrase in place of another, in captions."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from searcher.wanted import IDEOGRAPHS
from vlm.errors import AskpixError

_LONGEST = 200  # characters


@dataclass(frozen=True)
class Replacing:
    """Puts `put` where `find` stands as whole words, in any case; a capital that it begins with stays one.

    Raises AskpixError when there is nothing to find, or either is too long.
    """

    find: str
    put: str

    def __post_init__(self) -> None:
        if not any(map(str.isalnum, self.find)) or len(self.find) > _LONGEST:
            raise AskpixError(f"say which word to replace, in 1 to {_LONGEST} characters with a letter among them")
        if len(self.put) > _LONGEST:
            raise AskpixError(f"what is put in its place has {len(self.put)} characters; {_LONGEST} are the most")

    def changed(self, texts: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """The texts that are others afterwards, by their images; one of which nothing would be left stays as it is."""
        for image_id, text in texts:
            new = " ".join(self._pattern.sub(self._put, text).split())
            if new and new != text:
                yield image_id, new

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = r"\s+".join(map(re.escape, self.find.split()))
        # Chinese, Japanese and Korean have no spaces between words.
        before = "" if re.match(IDEOGRAPHS, self.find[0]) else r"(?<!\w)"
        after = "" if re.match(IDEOGRAPHS, self.find[-1]) else r"(?!\w)"
        return re.compile(before + words + after, re.IGNORECASE)

    def _put(self, found: re.Match[str]) -> str:
        return self.put[:1].upper() + self.put[1:] if found[0][0].isupper() else self.put
