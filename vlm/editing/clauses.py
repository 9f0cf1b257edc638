"""An instruction cut into clauses, and each of them read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from vlm.editing.folding import Folded
from vlm.editing.grammar import QUOTED, Language
from vlm.editing.sayings import Said, read

_CLAUSE = 4  # parts between commas and "and" that one clause may have
_SAID_BEFORE = 4  # words that a clause may take over from the one before


@dataclass
class Reading:
    """A text read in one language: what the clauses say, and how far that went."""

    language: Language
    text: Folded
    said: list[Said] = field(default_factory=list)
    understood: int = 0  # parts, from the first
    of_that: list[Said] = field(default_factory=list)
    failed: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.parts = [span for span in self.language.clauses(self.text.text) if self._says_something(span)]

    def run(self, at: int = 0, before: int = 0) -> bool:
        """Read what begins at a part, the clause before having begun at another; as many clauses as possible."""
        if at > self.understood:
            self.understood, self.of_that = at, list(self.said)
        if at == len(self.parts) or (at, before) in self.failed:
            return at == len(self.parts)
        for end in range(at + 1, min(at + _CLAUSE, len(self.parts)) + 1):
            if said := self._clause(at, end, before):
                self.said.append(said)
                if self.run(end, at):
                    return True
                self.said.pop()
        self.failed.add((at, before))
        return False

    def part(self, start: int, end: int) -> Folded:
        """The text of some parts, with what stands between them."""
        return self.text[self.parts[start][0] : self.parts[end - 1][1]].strip()

    def _says_something(self, span: tuple[int, int]) -> bool:
        plain = without_politeness(self.text[slice(*span)].strip(), self.language)
        return re.search(rf"\w|{QUOTED}", plain.text) is not None

    def _clause(self, at: int, end: int, before: int) -> Said | None:
        """What some parts say, by themselves or with words of the clause before: "blur the dog and the cat"."""
        clause = self.part(at, end)
        plain = without_politeness(clause, self.language)
        # In Chinese a polite word may be the beginning of another; elsewhere "but leave it" is no more than "leave it".
        ways = (plain, clause) if self.language.spaced else (clause, plain)
        said = next((said for way in ways if (said := read(way, self.language))), None)
        if said or at == 0 or end > at + 1:
            return said
        starts = self._starts(before, at)
        return next((said for start in starts if (said := self._taken_over(start, plain))), None)

    def _starts(self, before: int, at: int) -> Iterator[Folded]:
        """The first words of the clause before."""
        clause = without_politeness(self.part(before, at), self.language)
        if self.language.says(clause, "of"):
            return  # "the face of the man and the woman" may be two faces
        ends = [place.end() for place in re.finditer(" " if self.language.spaced else ".", clause.text)]
        for end in ends[:_SAID_BEFORE]:
            yield clause[:end]

    def _taken_over(self, start: Folded, clause: Folded) -> Said | None:
        said = read(start + clause, self.language)
        # What is cropped to or kept is one place, and a text is written as it stands.
        return said if isinstance(said, tuple) and said[0].name not in ("crop", "caption") else None


def without_politeness(clause: Folded, language: Language) -> Folded:
    """A clause without "please", "could you" and the like at its ends."""
    polite = language.words_for("polite")
    while found := polite.match(clause.text):
        clause = clause[found.end() :].strip()
    ends = [place.end() for place in re.finditer(" ", clause.text)] if language.spaced else range(1, len(clause.text))
    while end := next((end for end in ends if end < len(clause.text) and polite.fullmatch(clause.text, end)), 0):
        clause = clause[:end].strip()
    return clause
