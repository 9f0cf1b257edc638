"""What somebody says to change a picture, in English, German, French, Czech or Chinese, as a plan.

The text is cut at commas, "and" and the like; each clause must match one template of `instructions.toml` from its
first word to its last, so nothing is done of what is only partly understood.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from vlm.editing.clauses import Reading, without_politeness
from vlm.editing.folding import Folded, fold
from vlm.editing.grammar import QUOTED, Language, languages
from vlm.editing.keeping import settled
from vlm.editing.plan import LONGEST, Operation, check
from vlm.editing.sayings import Keep
from vlm.errors import AskpixError

_EXAMPLES = (
    '"make it brighter", "blur the background", "crop to the dog", "remove the ball", "rotate 90 degrees left" '
    "or \"write 'Hello' on it\""
)
_GENERATIVE = "askpix edit --editor hf:timbrooks/instruct-pix2pix IMAGE INSTRUCTION -o OUT"
_NO_TEXT = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})  # Unicode's kinds of what is not to be read
_JOINERS = "\u200c\u200d"  # they are, in emoji and some scripts
_IN_QUOTES = re.compile(
    r"\"[^\"]*\"|“[^“”]*”|„[^„“”]*[“”]|«[^«»]*»|»[^«»]*«|「[^「」]*」|『[^『』]*』|‘[^‘’]*’|‚[^‚‘’]*[‘’]|(?<!\w)'[^']*'(?!\w)"
)
_COLON = re.compile(r"(?<![\d\s])[:：](?!\d)")


def parse(instruction: str) -> tuple[Operation, ...]:
    """The operations that an instruction names, in its order, with their amounts, places and texts.

    Raises AskpixError for what is empty, too long or not understood, if only in part, and for what needs a
    generative editor.
    """
    text, quoted = _without_quotes(_checked(instruction))
    folded = fold(text + " ")
    readings = [reading for language in _likely(folded) if (reading := Reading(language, folded)).parts]
    for reading in readings:
        if reading.run():
            plan = tuple(_unquoted(operation, quoted) for operation in settled(reading.said))
            check(plan)
            return plan
    if not readings:
        raise AskpixError(f"the instruction says nothing: say what to change, such as {_EXAMPLES}")
    best = max(readings, key=lambda reading: reading.understood)
    raise AskpixError(_why_not(best, quoted))


def _checked(instruction: str) -> str:
    """The instruction on one line."""
    if len(instruction) > LONGEST:
        raise AskpixError(
            f"the instruction has {len(instruction)} characters, and at most {LONGEST} are read: shorten it"
        )
    text = " ".join("; ".join(instruction.strip().splitlines()).split())
    if not any(sign.isalnum() for sign in text):
        raise AskpixError(f"the instruction says nothing: say what to change, such as {_EXAMPLES}")
    if hidden := next((sign for sign in text if unicodedata.category(sign) in _NO_TEXT and sign not in _JOINERS), None):
        raise AskpixError(f"the instruction has a character that cannot be read (U+{ord(hidden):04X}): leave it out")
    return text


def _without_quotes(text: str) -> tuple[str, list[str]]:
    """The text with one character instead of each part in quotation marks, and those parts."""
    quoted: list[str] = []

    def kept(found: re.Match[str]) -> str:
        words = found[0][1:-1].strip()
        if not words:
            raise AskpixError("there is nothing between the quotation marks: say what to write")
        quoted.append(words)
        return f" {chr(ord(QUOTED[1]) + len(quoted) - 1)} "

    return " ".join(_COLON.sub(" : ", _IN_QUOTES.sub(kept, text)).split()), quoted


def _with_quotes(text: str, quoted: Sequence[str]) -> str:
    return re.sub(QUOTED, lambda found: quoted[ord(found[0]) - ord(QUOTED[1])], text)


def _unquoted(operation: Operation, quoted: Sequence[str]) -> Operation:
    text, region = (part and _with_quotes(part, quoted) for part in (operation.text, operation.region))
    return replace(operation, text=text, region=region)


def _likely(text: Folded) -> list[Language]:
    """The languages that know most words of a text; those that know fewer might misread a word they share."""
    words = set(re.findall(r"\w+", text.text))
    chinese = any("⺀" <= sign <= "鿿" for sign in text.text)
    known = {language: len(words & language.words) for language in languages() if language.spaced != chinese}
    return [language for language, count in known.items() if count == max(known.values())]


def _why_not(reading: Reading, quoted: Sequence[str]) -> str:
    """What to tell somebody whose instruction was not understood, as far as one language got."""
    count = len(reading.parts)
    part, rest = reading.part(reading.understood, reading.understood + 1), reading.part(reading.understood, count)
    named = _with_quotes(str(part), quoted)
    if any(_asks_for_new(clause, reading.language) for clause in (part, rest)):
        return f'this needs a generative editor: "{named}" draws what is not in the photo ({_GENERATIVE})'
    done = ", ".join(str(one) for said in reading.of_that if not isinstance(said, Keep) for one in said)
    whole = f"; the rest was ({_with_quotes(done, quoted)}), and nothing has been done" if done else ""
    return f'"{named}" is not understood{whole}: say what to change, such as {_EXAMPLES}'


def _asks_for_new(clause: Folded, language: Language) -> bool:
    plain = without_politeness(clause, language)
    return any(template.pattern.fullmatch(plain.text) for template in language.new_things)
