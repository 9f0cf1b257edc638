"""Questions that no picture answers: names, thoughts, prices, what was before and comes after, reasons.

An answerer that must choose an answer gives one all the same, now and then with some confidence; so such questions
are told by their words, in the model's languages (unseen.toml). What is doubtful is asked: the answerer's own
confidence says the rest.
"""

import re
import tomllib
from functools import cache
from pathlib import Path

PRICES = "what things cost or weigh"


def unseen(question: str) -> str | None:
    """What a question asks for that pictures do not tell, in words ("names"); None if a picture may answer it."""
    text = " ".join(question.replace("’", "'").lower().split()).strip(" ?？!.。")
    return next((told for told, pattern in _kinds() if pattern.search(text)), None)


@cache
def _kinds() -> list[tuple[str, re.Pattern[str]]]:
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return [(kind["told"], re.compile("|".join(kind["patterns"].split("\n")[:-1]))) for kind in table["kinds"]]
