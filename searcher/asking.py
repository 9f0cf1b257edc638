"""Visual question answering over picture files, streamed in batches: the next pictures are decoded meanwhile."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from searcher.elsewhere import Where
from searcher.originals import open_original
from searcher.results import Reply
from vlm.errors import AskpixError
from vlm.picture import Picture
from vlm.protocols import Answer, Answerer, Seen
from vlm.streams import ahead, batches

BATCH = 16
DECODERS = 2  # threads, each with a process that decodes for it
LONGEST_QUESTION = 1_000

Asked = tuple[Where, str]
About = TypeVar("About")


@dataclass(frozen=True)
class Looked:
    """What an answerer saw in some files: the row of each in `seen`, or the reason why it was refused."""

    answerer: Answerer
    seen: Seen | None
    rows: dict[Where, int]
    refused: dict[Where, str]

    def ask(self, asked: Sequence[Asked]) -> list[Reply]:
        """The replies to questions about these files; what cannot be answered says why."""
        faults = [self.refused.get(path) or _fault(question) for path, question in asked]
        whole = [pair for pair, fault in zip(asked, faults, strict=True) if fault is None]
        answers = iter(self._answers(whole))
        return [
            Reply(path, question, answer.text, answer.confidence, answer.why)
            if (answer := next(answers) if fault is None else None)
            else Reply(path, question, None, refused=fault)
            for (path, question), fault in zip(asked, faults, strict=True)
        ]

    def _answers(self, asked: Sequence[Asked]) -> Sequence[Answer]:
        if self.seen is None or not asked:
            return []
        seen = self.seen.take([self.rows[path] for path, _ in asked])
        return self.answerer.answer(seen, [question.strip() for _, question in asked])


def check_question(question: str) -> str:
    """The question without space around it.

    Raises AskpixError when it is empty or too long to be one.
    """
    question = question.strip()
    if not question:
        raise AskpixError("the question is empty; ask something, for example: what is on the table?")
    if len(question) > LONGEST_QUESTION:
        raise AskpixError(
            f"the question has {len(question):,} characters, {LONGEST_QUESTION:,} are the most; shorten it"
        )
    return question


def ask_pictures(answerer: Answerer, asked: Iterable[Asked], max_pixels: int) -> Iterator[Reply]:
    """Answer (picture file, question) pairs in their order; what cannot be answered says why."""
    lots = ((batch, [path for path, _ in batch]) for batch in batches(asked, BATCH))
    for batch, looked in look_ahead(answerer, lots, max_pixels):
        yield from looked.ask(batch)


def look_ahead(
    answerer: Answerer,
    lots: Iterable[tuple[About, Sequence[Where]]],
    max_pixels: int,
    known: Callable[[Where], Seen | None] = lambda _: None,
    keep: Callable[[Sequence[Where], Seen], None] = lambda *_: None,
) -> Iterator[tuple[About, Looked]]:
    """Have an answerer look at the files of each lot in turn, each file once, however often the lot names it.

    What is `known` of a file is not looked at again; what is new is given to `keep`.
    """

    def opened(lot: tuple[About, Sequence[Where]]) -> tuple[About, dict[Where, Picture | Seen], dict[Where, str]]:
        about, paths = lot
        found: dict[Where, Picture | Seen] = {}
        refused: dict[Where, str] = {}
        for path in dict.fromkeys(paths):
            try:
                found[path] = known(path) or open_original(path, answerer.image_size, max_pixels)
            except AskpixError as error:
                refused[path] = str(error)
        return about, found, refused

    with ThreadPoolExecutor(DECODERS, "decode") as pool:
        for about, found, refused in ahead(pool, opened, lots, DECODERS + 1):
            pictures = {path: one.image for path, one in found.items() if isinstance(one, Picture)}
            again = {path: one for path, one in found.items() if isinstance(one, Seen)}
            seen = list(again.values())
            if pictures:
                new = answerer.look(list(pictures.values()))
                keep(list(pictures), new)
                seen.append(new)
            rows = {path: row for row, path in enumerate((*again, *pictures))}
            yield about, Looked(answerer, Seen.join(seen) if seen else None, rows, refused)


def _fault(question: str) -> str | None:
    try:
        check_question(question)
    except AskpixError as error:
        return str(error)
    return None
