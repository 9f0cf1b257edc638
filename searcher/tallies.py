"""What many answers come to: a sentence, and rows of numbers, each with the photos behind it.

Numbers count what people are told: an answer that is likely wrong counts as one that cannot be told. Those of a sample
stand for all photos, with the 95 % interval of Wilson (JASA 22, 1927), narrowed by the finite population correction.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from searcher.intents import NO, Intent, Kind
from searcher.results import Photo, Reply
from vlm.protocols import CANNOT_TELL

Z = 1.96  # standard deviations either side, of 95 %
LISTED = 5  # values that a sentence names
_NUMBERS = {word: i for i, word in enumerate("no one two three four five six seven eight nine ten".split())}
_WORDY = re.compile(r"(yes|no)\b[,.;:! ].*", re.DOTALL)

Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """An answer, the ids of the photos that have it, and their share of those that were asked, 0..1.

    `count` is of how many photos that makes, of all that were meant; of a sample with `interval`, a 95 % interval of
    the share. `term` is the filter that leads to these photos, where their answers are kept. `parts` are what made the
    score of a photo, where the rows are single photos, the best first: then `share` is the score.
    """

    label: str
    count: int
    ids: tuple[int, ...]
    share: float
    interval: Interval | None = None
    term: str | None = None
    parts: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The row as the command line and the API print it."""
        return {
            **vars(self),
            "ids": list(self.ids),
            "share": round(self.share, 4),
            "interval": self.interval and [round(edge, 4) for edge in self.interval],
            "parts": {name: round(part, 4) for name, part in self.parts.items()},
        }


@dataclass(frozen=True)
class Tally:
    """What the answers so far come to: `total` photos are meant, `asked` of which have been asked.

    `sample` is how many were to be asked where not all were, drawn by `seed`. `question` was put to each photo, or to
    those whose answer to another one was yes; `wanted` is the answer that counts, if one does, and `column` the name
    that the answers are kept under. `refused` are photos that could not be read, with the reason. `finished` is False
    while there are photos left, also where it was stopped.
    """

    kind: Kind
    question: str
    sentence: str
    rows: tuple[Row, ...]
    total: int
    asked: int
    sample: int | None = None
    seed: int | None = None
    wanted: str | None = None
    column: str | None = None
    unclear: Row | None = None
    refused: tuple[tuple[int, str], ...] = ()
    finished: bool = False

    def as_json(self) -> dict[str, Any]:
        """The tally as the command line and the API print it."""
        told = {**vars(self), "rows": [row.as_json() for row in self.rows]}
        told["unclear"] = self.unclear and self.unclear.as_json()
        told["refused"] = [{"id": i, "reason": reason} for i, reason in self.refused]
        return told


@dataclass(frozen=True)
class Asked:
    """A question as it is to be asked: of these ids of photos, drawn by `seed` from `total` if they are a `sample`."""

    question: str
    intent: Intent
    ids: Sequence[int]
    total: int
    sample: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Step:
    """The answers that have come since the step before, what all come to, and how long the rest should take."""

    replies: Sequence[tuple[Photo, Reply]]
    tally: Tally
    seconds_left: float | None = None


def empty(asked: Asked) -> Tally:
    """What comes before the first answer."""
    intent = asked.intent
    return Tally(intent.kind, intent.question, "", (), asked.total, 0, asked.sample, asked.seed, intent.wanted)


def label(reply: Reply) -> str:
    """An answer as it is counted: in small letters, and of one that begins with yes or no only that."""
    text = " ".join(reply.told.casefold().split()).rstrip(".!")
    wordy = _WORDY.fullmatch(text)
    return wordy[1] if wordy else text


def unclear(reply: Reply) -> bool:
    """Whether an answer cannot be told, or is no more than a guess."""
    return reply.told.startswith(CANNOT_TELL)


class Count:
    """Answers as they come, counted."""

    def __init__(self, intent: Intent, empty: Tally, term: Callable[[int, str], str | None]) -> None:
        """Beginning with an empty tally; `term` gives the filter for an answer to the premise (0), or to the question
        (the last), if there is one."""
        self.intent = intent
        self._empty = empty
        self._term = term
        self._ids: dict[str, list[int]] = {}
        self._without: list[int] = []  # those whose answer to the premise is no
        self._unclear: list[int] = []
        self._refused: list[tuple[int, str]] = []
        self._loose: set[str] = set()  # labels that say less than the answers, so that no filter finds these

    @property
    def asked(self) -> int:
        """How many photos have been asked."""
        told = sum(map(len, self._ids.values()))
        return told + len(self._without) + len(self._unclear) + len(self._refused)

    def add(self, photo: int, replies: Sequence[Reply]) -> None:
        """The replies of a photo: to the premise, if there is one, and to the question, if that holds."""
        last = replies[-1]
        name = label(last)
        if last.refused is not None:
            self._refused.append((photo, last.refused))
        elif unclear(last):
            self._unclear.append(photo)
        elif self.intent.premise and len(replies) == 1:
            self._without.append(photo)
        elif self.intent.kind == "things":
            number = number_in(name)
            (self._unclear if number is None else self._ids.setdefault(str(number), [])).append(photo)
        else:
            self._ids.setdefault(name, []).append(photo)
        if name != last.told.casefold():
            self._loose.add(name)

    def tally(self, *, finished: bool) -> Tally:
        """What they come to so far."""
        known = replace(
            self._empty,
            rows=tuple(self._rows()),
            asked=self.asked,
            unclear=self._row(CANNOT_TELL, self._unclear, None) if self._unclear else None,
            refused=tuple(self._refused),
            finished=finished,
        )
        return replace(known, sentence=sentence(self.intent, known))

    def _rows(self) -> Iterable[Row]:
        last = 1 if self.intent.premise else 0
        ordered = sorted(self._ids.items(), key=self._order)
        for name, ids in ordered:
            yield self._row(name, ids, None if name in self._loose else self._term(last, name))
        if self._without:
            yield self._row(f"no {self.intent.said}", self._without, self._term(0, NO))

    def _order(self, item: tuple[str, list[int]]) -> tuple[bool, int, str]:
        """What is wanted first, then the most frequent; numbers by their size."""
        name, ids = item
        if self.intent.kind == "things":
            return True, int(name), ""
        return name != self.intent.wanted, -len(ids), name

    def _row(self, name: str, ids: list[int], term: str | None) -> Row:
        total, share = self._empty.total, len(ids) / self.asked
        if self._empty.sample is None:
            return Row(name, len(ids), tuple(ids), share, term=term)
        return Row(name, round(share * total), tuple(ids), share, wilson(len(ids), self.asked, total), term)


def number_in(told: str) -> int | None:
    """The number that an answer is."""
    found = re.search(r"\d+", told)
    return int(found[0]) if found else _NUMBERS.get(told.split(maxsplit=1)[0] if told.split() else "")


def wilson(count: int, asked: int, total: int) -> Interval:
    """A 95 % interval of the share in `total` photos, of which `count` of `asked` drawn by chance have something."""
    if asked >= total:
        return count / asked, count / asked
    n = asked * (total - 1) / (total - asked)  # as many independent draws from an endless lot say as much
    share = count / asked
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    # What was seen holds for certain.
    return max(middle - half, count / total), min(middle + half, 1 - (asked - count) / total)


# In words


def sentence(intent: Intent, tally: Tally) -> str:
    """What the numbers say, in a sentence or two."""
    if not tally.total:
        return "There are no photos to ask."
    if not tally.asked:
        return "No photo has been asked yet."
    said = {"count": _judged, "which": _judged, "things": _things, "table": _table, "plain": _table}[tally.kind]
    return " ".join(filter(None, [said(intent, tally), *_besides(tally)]))


def _judged(intent: Intent, tally: Tally) -> str:
    row = next((row for row in tally.rows if row.label == intent.wanted), None)
    if row is None:
        return f"None of {_lot(tally)} {intent.said}."
    if row.interval:
        low, high = row.interval
        counts = f"{low * tally.total:,.0f} to {high * tally.total:,.0f}"
        return f"About {row.count:,} of {_lot(tally)} {intent.said} ({counts}, {low:.0%} to {high:.0%})."
    return f"{row.count:,} of {_lot(tally)} {intent.said}."


def _things(intent: Intent, tally: Tally) -> str:
    numbers = [(int(row.label), len(row.ids)) for row in tally.rows if row.label.isdigit()]
    seen = sum(number * photos for number, photos in numbers)
    having = sum(photos for number, photos in numbers if number)
    if not seen:
        return f"No {intent.said} in {_lot(tally)}."
    if tally.sample is None:
        return f"{seen:,} {intent.said} in {having:,} of {_lot(tally)}."
    # By the normal approximation, narrowed by the finite population correction.
    mean = seen / tally.asked
    variance = sum(photos * number**2 for number, photos in numbers) / tally.asked - mean**2
    left = (tally.total - tally.asked) / max(tally.total - 1, 1)
    half = Z * math.sqrt(max(variance, 0.0) / tally.asked * left)
    low, high = max((mean - half) * tally.total, seen), (mean + half) * tally.total
    return f"About {mean * tally.total:,.0f} {intent.said} in {_lot(tally)} ({low:,.0f} to {high:,.0f})."


def _table(intent: Intent, tally: Tally) -> str:
    told = [row for row in tally.rows if not (intent.premise and row.label == f"no {intent.said}")]
    if not told:
        return f"No {intent.said} in {_lot(tally)}." if intent.premise else f"None of {_lot(tally)} has an answer."
    first = ", ".join(f"{row.label} ({row.count:,})" for row in told[:LISTED])
    more = f" and {len(told) - LISTED} more answers" if len(told) > LISTED else ""
    having = sum(row.count for row in told)
    lot = f"{_photos(having)} with {_some(intent.said)}" if intent.premise else _lot(tally)
    return f"{'About, of' if tally.sample else 'Of'} {lot}: {first}{more}."


def _besides(tally: Tally) -> Iterable[str]:
    """What is not in the rows, and what they are by."""
    if tally.unclear:
        yield f"{tally.unclear.count:,} cannot be told."
    if tally.refused:
        yield f"{len(tally.refused):,} could not be read."
    if tally.sample is not None:
        yield f"By a sample of {tally.asked:,}, at 95 % confidence."
    elif tally.asked < tally.total:
        yield f"{tally.total - tally.asked:,} more have not been asked."


def _lot(tally: Tally) -> str:
    """The photos that the numbers are of."""
    meant = tally.total if tally.sample is not None else tally.asked
    if meant < tally.total:
        return f"the first {_photos(meant)}"
    return f"the {_photos(meant)}" if meant > 1 else _photos(meant)


def _photos(count: int) -> str:
    return f"{count:,} photo{'' if count == 1 else 's'}"


def _some(thing: str) -> str:
    return f"an {thing}" if thing[:1] in "aeiou" else f"a {thing}"
