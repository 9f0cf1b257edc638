"""What to look for in a picture, to see where the answer to a question comes from."""

import re

from vlm.plain_english import in_english
from vlm.protocols import CANNOT_TELL
from vlm.relevance import question_text

_NOTHING_TO_SEE = re.compile(r"yes|no|\d+|indoors|outdoors|" + re.escape(CANNOT_TELL), re.IGNORECASE)


def sought(question: str, answer: str) -> str:
    """The question's words of content, in English if that is known, and the answer where it can be seen.

    Empty where there are none, as for "is it indoors?": the whole picture tells that.
    """
    seen = "" if _NOTHING_TO_SEE.fullmatch(answer) else answer
    words = question_text(in_english(question), seen).split()
    return " ".join(word for word in dict.fromkeys(words) if not _NOTHING_TO_SEE.fullmatch(word) and word not in _SAID)


_SAID = frozenset("are any there be is or doing wearing holding happening taken says say".split())
