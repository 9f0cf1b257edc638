"""The questions that were put to a photo one after the other, with their answers.

The address has the questions alone; they are answered anew each time, so that it can say nothing that is not so.
"""

from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from searcher import Library, Photo
from searcher.followups import REMEMBERED, Turn, asks_why
from searcher.looking import Look, look_closely
from vlm.errors import AskpixError
from vlm.looking import sought
from webui.view import View


@dataclass(frozen=True)
class Asked:
    """A question and how it was answered; `refused` says why it was not, `sought` what was looked for."""

    question: str
    look: Look | None
    refused: str = ""

    @property
    def understood(self) -> str:
        """The question in full, where that is another."""
        if self.look is None or asks_why(self.question) or self.look.question == self.question:
            return ""
        return self.look.question

    @property
    def sought(self) -> str:
        """What is shown as where it looked; empty where the answer is from no place in the picture."""
        if self.look is None or self.look.source != "picture":
            return ""
        likeliest = self.look.considered[0][0] if self.look.considered else ""
        return sought(self.look.question, likeliest)


@dataclass(frozen=True)
class Thread:
    """The questions so far, the latest last."""

    turns: list[Asked]

    @property
    def asked(self) -> list[str]:
        """The questions that the next one follows."""
        return [turn.question for turn in self.turns][-REMEMBERED:]

    def link(self, view: View) -> dict[str, Any]:
        """The arguments of an address that has the thread."""
        if not self.turns:
            return view.link()
        *before, last = (turn.question for turn in self.turns)
        return {"question": last, "asked": before, **view.link()}


def thread(library: Library, photo: Photo, said: MultiDict[str, str]) -> Thread:
    """Put the questions of an address to a photo: the `REMEMBERED` before, and the one that is new."""
    questions = [*said.getlist("asked")[-REMEMBERED:], said.get("question", "")]
    turns: list[Asked] = []
    for question in (one.strip() for one in questions):
        if question:
            turns.append(_answered(library, photo, question, turns))
    return Thread(turns)


def _answered(library: Library, photo: Photo, question: str, before: list[Asked]) -> Asked:
    told = [Turn(turn.question, turn.look.answer) for turn in before if turn.look]
    try:
        return Asked(question, look_closely(library, photo, question, told, with_map=False))
    except AskpixError as error:
        return Asked(question, None, str(error))
