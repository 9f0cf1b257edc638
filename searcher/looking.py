"""One picture, asked closely: the answer, how sure it is, what else was considered, and where the model looked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from searcher.asking import ask_pictures, check_question
from searcher.elsewhere import Where
from searcher.followups import Turn, asks_why, resolve
from searcher.library import Library
from searcher.photo_facts import Source, fact, price
from searcher.results import UNSURE, Photo, Reply
from vlm.errors import AskpixError
from vlm.looking import sought
from vlm.plain_english import in_english
from vlm.protocols import CANNOT_TELL
from vlm.relevance import Relevance
from vlm.unseen import PRICES, unseen

_WHERE = re.compile(r"where (?:is|are) the (.+?)\W*")


@dataclass(frozen=True)
class Look:
    """An answer to a question about one picture.

    `question` is what was asked, in full; `source` what the answer is from: the picture, what the file says about
    itself, the text that was read in it, or nothing, if no picture answers such a question. `note` says so in
    words. `considered` are answers with their probabilities, the best first. `relevance` is where the model
    looked; None where the answer is not from the picture, or from all of it.
    """

    question: str
    answer: str
    confidence: float
    source: Source
    note: str
    considered: list[tuple[str, float]] = field(default_factory=list)
    relevance: Relevance | None = None

    def as_json(self) -> dict[str, Any]:
        """The look as the command line and the API print it."""
        at = self.relevance
        return {
            "question": self.question,
            "answer": self.answer,
            "confidence": round(self.confidence, 4),
            "source": self.source,
            "note": self.note,
            "considered": [[answer, round(sure, 4)] for answer, sure in self.considered],
            "where": at and {"text": at.text, "box": list(at.box), "words": at.where()},
        }


def look_closely(
    library: Library, photo: Photo | Path, question: str, thread: Sequence[Turn] = (), *, with_map: bool = True
) -> Look:
    """Ask a photo of the library, or a picture file, a question, which may follow others ("and what colour is it?").

    "Why?" is answered by what the answer before it was seen in. Without `with_map` it is not looked where in the
    picture that is, which takes as long as looking at 29 pictures. Raises AskpixError for an empty question, and
    for a picture that cannot be read.
    """
    question = check_question(question)
    if asks_why(question) and thread:
        *before, last = thread
        return _explained(look_closely(library, photo, last.question, before))
    full = resolve(thread, question)
    known = photo if isinstance(photo, Photo) else None
    said = fact(known, full)
    told = unseen(full) if said is None else None
    if told == PRICES:
        said = price(known)
    if said is not None:
        answer, sure = (said.answer, 1.0) if said.answer is not None else (CANNOT_TELL, 0.0)
        return Look(full, answer, sure, said.source, said.note)
    if told is not None:
        return Look(full, CANNOT_TELL, 0.0, "nothing", f"pictures do not tell {told}")
    return _seen(library, photo, full, with_map)


def _seen(library: Library, photo: Photo | Path, question: str, with_map: bool) -> Look:
    """Ask the model."""
    path = photo.path if isinstance(photo, Photo) else photo
    thing = _WHERE.fullmatch(in_english(question))
    asked = [question, f"is there a {thing[1]}?"] if thing else [question]
    reply, *there = ask_pictures(library.answerer, [(path, one) for one in asked], library.settings.max_pixels)
    if reply.answer is None:
        raise AskpixError(f"{path}: {reply.refused}")
    if there and reply.confidence < UNSURE and there[0].answer == "yes":
        return _placed(library, path, question, there[0])
    text = sought(question, reply.answer)
    found = library.explain(path, text)[1] if with_map and text else None
    note = f"seen in the picture: “{found.text}” is clearest {found.where()}" if found else "seen in the picture"
    return Look(question, reply.told, reply.confidence, "picture", note, _considered(reply), found)


def _placed(library: Library, path: Where, question: str, there: Reply) -> Look:
    """Where a thing is that is there, by the map, for models that answer with a scene at best."""
    found = library.explain(path, sought(question, ""))[1]
    note = f"where in the picture “{found.text}” is clearest, which is there by {there.confidence:.0%}"
    return Look(question, found.where(), there.confidence, "picture", note, relevance=found)


def _considered(reply: Reply) -> list[tuple[str, float]]:
    return [(str(answer), float(sure)) for answer, sure in reply.why.get("considered", [])]


def _explained(look: Look) -> Look:
    """The same answer, saying what it is from instead."""
    others = ", ".join(f"{answer} ({sure:.0%})" for answer, sure in look.considered[1:4])
    also = f"; it also considered {others}" if others else ""
    sure = f" ({look.confidence:.0%})" if look.source == "picture" else ""
    answer = f"“{look.answer}”{sure} is {look.note}{also}" if look.source != "nothing" else look.note
    return Look(look.question, answer, look.confidence, look.source, look.note, look.considered, look.relevance)
