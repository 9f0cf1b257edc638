"""No text that people type, however repetitive, keeps the server busy: every reader of it at the longest it takes."""

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date

import pytest

from searcher import catalog_questions, intents
from searcher.followups import Turn, resolve
from searcher.query import Known, parse
from searcher.words import words
from vlm import unseen
from vlm.editing import instructions
from vlm.editing.plan import LONGEST as LONGEST_INSTRUCTION
from vlm.errors import AskpixError
from vlm.plain_english import in_english
from vlm.presence import stated
from webui.replacing import Replacing

LONGEST = 1_000  # characters of a query or a question
MOST_SECONDS = 5.0  # of the processor's time, many times what any takes
KNOWN = Known(
    dated=True, places=lambda name: name.lower() in {"lyon", "在"}, columns={"has_dog"}, today=date(2024, 5, 1)
)
READERS: dict[str, Callable[[str], object]] = {
    "query": lambda text: parse(text, KNOWN),
    "words": lambda text: list(words(text)),
    "instruction": lambda text: instructions.parse(text[:LONGEST_INSTRUCTION]),
    "word to replace": lambda text: list(Replacing(text[:200], "b").changed([(1, text * 2)])),
    "question in English": in_english,
    "question of what is there": stated,
    "question of what no picture tells": unseen.unseen,
    "question about the library": catalog_questions.read,
    "question about many": intents.understand,
    "question that follows": lambda text: resolve([Turn("is there a red dog on a beach?", "yes")], text),
    "question that is followed": lambda text: resolve([Turn(text, text)], "and what colour is it?"),
}
PIECES = (
    *(
        "a",
        "a ",
        "A ",
        " ",
        "1",
        "10 ",
        "¥ ",
        "'s ",
        '"',
        "“",
        "(",
        ")",
        "-",
        "^1 ",
        "tag:",
        "x:",
        "%",
        "0.",
        ",",
        ". ",
    ),
    *("the ", "is there a ", "how many ", "and what colour ", "face of ", "make the ", "on the left of the ", "not "),
    *("brighter and ", "without a and ", "from 2019 to ", "last year in ", "photos of ", "what is ", "1:1 ", "#fff "),
    *("gibt es ", "wie viele ", "mach den ", "rechts ", "combien de ", "y a-t-il ", "rends le ", "l'", "d'", "kolik "),
    *(
        "je tam ",
        "zmen ",
        "udelej ",
        "把",
        "让",
        "的",
        "在",
        "吗",
        "这",
        "这个",
        "每年",
        "黑白",
        "没有",
        "2022年",
        "\n",
        "\u202e",
    ),
)
ENDS = ("", "x", "?", "吗")


def texts() -> Iterator[str]:
    """Each piece again and again, and seeded mixtures of a few."""
    chance = random.Random(1)
    repeated = [piece * LONGEST for piece in PIECES]
    mixed = ["".join(chance.choices(PIECES, k=3)) * LONGEST for _ in range(120)]
    for text in (*repeated, *mixed):
        end = chance.choice(ENDS)
        yield text[: LONGEST - len(end)] + end


@pytest.mark.parametrize("reader", READERS)
def test_repetition_takes_no_time(reader: str) -> None:
    for text in texts():
        with _bounded(), suppress(AskpixError):
            READERS[reader](text)


@contextmanager
def _bounded() -> Iterator[None]:
    """Ends what takes more than its time of the processor, in the middle of a pattern too."""
    before = signal.signal(signal.SIGVTALRM, _too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _too_long(*_: object) -> None:
    raise AssertionError(f"it takes more than {MOST_SECONDS} s")
