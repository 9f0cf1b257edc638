"""Visual question answering over picture files, streamed in batches."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from searcher.results import Reply
from vlm.errors import AskpixError
from vlm.picture import Picture, open_picture
from vlm.protocols import Answerer
from vlm.streams import batches

BATCH = 16
LONGEST_QUESTION = 1_000

Asked = tuple[Path, str]


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
    for batch in batches(asked, BATCH):
        yield from _ask_batch(answerer, batch, max_pixels)


def _ask_batch(answerer: Answerer, batch: Sequence[Asked], max_pixels: int) -> list[Reply]:
    replies: dict[int, Reply] = {}
    opened: dict[Path, Picture] = {}
    kept: list[int] = []
    for i, (path, question) in enumerate(batch):
        try:
            check_question(question)
            if path not in opened:  # several questions about one picture decode it once
                opened[path] = open_picture(path, answerer.image_size, max_pixels)
            kept.append(i)
        except AskpixError as error:
            replies[i] = Reply(path, question, None, refused=str(error))
    if kept:
        place = {path: row for row, path in enumerate(opened)}
        seen = answerer.look([picture.image for picture in opened.values()])
        seen = seen.take([place[batch[i][0]] for i in kept])
        answers = answerer.answer(seen, [batch[i][1].strip() for i in kept])
        for i, answer in zip(kept, answers, strict=True):
            replies[i] = Reply(*batch[i], answer.text, answer.confidence, answer.why)
    return [replies[i] for i in range(len(batch))]
