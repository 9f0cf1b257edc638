"""The query language: one line of words and terms, understood as a plan that is plain data.

| typed | part of the plan |
| --- | --- |
| `a dog on a beach` | text: all plain words together, in any language |
| `"happy birthday"`, “ ” „ “ « » 「 」 | exact: a phrase as it stands |
| `-cat`, `-"red car"`, `-(red car)` | not: what must not be there |
| `sunset^2`, `(a red car)^0.5`, `"stop"^2` | text or exact with a weight, more than 0 and at most 10 |
| `(in the fall)^1` | text taken as it stands: nothing in it is understood |
| `like:12`, `like:12^0.5`, `-like:12` | like: pictures like, or unlike, the photo with that id |
| `field:value`, `field:"two words"`, `-field:value` | where: only photos of which that holds, or does not hold |
| `last summer`, `in 2022`, `vor drei Jahren`, `去年` | where: `date:…`, if any photo has a date |
| `in Lyon`, `de Paris`, `在巴黎` | where: `place:…`, if there are photos from there |
| `without people`, `ohne Menschen`, `没有人` | not, up to a comma, "and", "but" or the end |
| `photos of`, `show me`, `的照片` | nothing, where something else is left |

A term begins at a space. A field is small letters, digits and _, with its value right after the colon:
`12:30`, `note: this` and `http://…` are text, and so are a quotation mark without its partner and a
parenthesis without a weight. Fields are those of `FIELDS` and the names of kept answers.

What is said in plain words is understood with care (`searcher.query.phrases`): one date and one place; a year
alone only where it begins or ends a run of words (`beach 2022`), and not when it is all there is; and
"without …" only where something else is asked for.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from searcher.query.openings import without_opening
from searcher.query.phrases import understand
from searcher.query.plan import HEAVIEST, Kind, Part, Plan, check_count, cleaned
from searcher.query.spans import rating_span, span
from searcher.query.tokens import BREAK
from vlm.errors import AskpixError

FIELDS = {
    "path": "part of the path",
    "album": "an album, whole",
    "caption": "words in the caption",
    "tag": "a tag, whole",
    "text": "words written in the picture",
    "keyword": "a keyword that people gave, whole",
    "description": "words in the title or description that people gave",
    "camera": "part of the camera's name",
    "lens": "part of the lens's name",
    "place": "a city, region or country",
    "date": "a year, month or day, a range or a comparison: 2019, 2019-07..2021, >=2019-07-14",
    "rating": "stars: 4, >=4, <3, 2..4",
    "type": "raw, video, photo, or a format such as jpeg",
    "is": "captioned, duplicate, edited, rated, dated, placed or text",
    "like": "the id of a photo that pictures should be like",
}
IS = ("captioned", "duplicate", "edited", "rated", "dated", "placed", "text")

_BEGIN = re.compile(r"""(?<![^\s()])(?:[-("]|(?=[^\s()]*[:^])\S)|[“„«「『]""")
_BETWEEN = re.compile(r"[\s()]+")
_FIELD = re.compile(r"([a-z][a-z0-9_]*):(?=\S)(?!//)", re.ASCII)
_NUMBER = r"[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++|inf|nan)(?:e[-+]?[0-9]++)?"
_WEIGHT = re.compile(rf"\^({_NUMBER})(?=[\s),;]|$)", re.IGNORECASE)
_WEIGHTED = re.compile(rf"(?<=.)\^{_NUMBER}$", re.IGNORECASE)
_WORD, _RUN = re.compile(r"[^\s()]+"), re.compile(r"\S+")
_QUOTES = {'"': '"', "“": "”", "«": "»", "「": "」", "„": "“”", "『": "』"}
_TURNED = re.compile(r"(?<!\S)(?:(?:but|and|with) )?(?:not|without|no|ohne|sans|bez) $", re.IGNORECASE)
_FORMATS = {"jpg": "jpeg", "tif": "tiff", "heic": "heif"}
_TYPE = re.compile(r"[a-z0-9]{1,10}")
_ID = re.compile(r"[0-9]{1,18}")
_ONE_WORD, _NEEDS_NO_QUOTES = re.compile(r"\w+"), re.compile(r"(?!//)[\w.<>=/-]+")


@dataclass(frozen=True)
class Known:
    """What the catalog can answer, by which a query is understood.

    `dated` says whether any photo has a date; `places` whether a name, in any case, is a city, region or
    country of one; it is called for many words, so it should be quick. `columns` are the names of kept
    answers, and `today` is what "yesterday" comes before.
    """

    dated: bool
    places: Callable[[str], bool]
    columns: Collection[str]
    today: date


def parse(query: str, known: Known) -> Plan:
    """The plan of a query, by the grammar above; without parts for one without words.

    Raises AskpixError for an unknown field, a value that its field cannot have, a weight that is too
    small or too large, and too many parts.
    """
    parts: list[Part] = []
    plain: list[str] = []
    text_at = None  # the place of the text among the parts
    for piece in _pieces(query, known):
        if isinstance(piece, str):
            plain.append(piece)
            text_at = len(parts) if text_at is None and piece.strip() else text_at
            continue
        turned = _TURNED.search(plain[-1]) if plain and piece.kind == "exact" else None
        if turned:
            plain[-1] = plain[-1][: turned.start()]
            piece = replace(piece, kind="not", said=turned[0] + piece.said)  # noqa: PLW2901
        plain.append(BREAK)
        parts.append(piece)
    understood = _understood("".join(plain), parts, known)
    if understood and understood[0].kind == "text":
        parts.insert(text_at or 0, understood.pop(0))
    parts += understood
    check_count(len(parts))
    return Plan(tuple(parts))


def _understood(plain: str, parts: Sequence[Part], known: Known) -> list[Part]:
    """The parts of a plan that plain words come to, beside those that were typed: first the text, if any is left."""
    today = known.today if known.dated else None
    rest, said = understand(plain, today, known.places)
    if not rest and {*(part.kind for part in parts), *(one.kind for one in said)} == {"not"}:
        # "No parking" is a sign to look for.
        rest, said = understand(plain, today, known.places, with_negations=False)
    words = without_opening(rest) or ("" if parts or said else rest)
    text = [Part("text", words, said=rest)] if words else []
    return text + [Part(one.kind, one.value, said=one.words) for one in said]


def _pieces(query: str, known: Known) -> Iterator[str | Part]:
    """The parts that were typed as such, and what stands between them."""
    scanner = _Scanner(query, known)
    place = begun = 0
    while begin := _BEGIN.search(query, place):
        place = begin.start()
        if found := scanner.part(place):
            if begun < place:
                yield _BETWEEN.sub(" ", query[begun:place])
            part, place = found
            begun = place
            yield part
        else:
            place += 1
    if begun < len(query):
        yield _BETWEEN.sub(" ", query[begun:])


@dataclass(frozen=True)
class _Scanner:
    """Reads the parts of a query that are typed as such: where one begins, and where what follows its minus does."""

    query: str
    known: Known

    def part(self, place: int) -> tuple[Part, int] | None:
        """The part that begins there, and where it ends; None if there is plain text."""
        minus = self.query[place] == "-"
        read = self._exact, self._group, self._term, self._word
        return next((found for one in read if (found := one(place, place + minus, minus))), None)

    def _exact(self, place: int, start: int, minus: bool) -> tuple[Part, int] | None:
        """ "Two words", -"two words", "two words"^2."""
        if not (quoted := self._quoted(start)) or not quoted[0].strip():
            return None
        weight, end = self._weight(quoted[1])
        kind: Kind = "not" if minus else "exact"
        return Part(kind, cleaned(kind, quoted[0]), weight, said=self.query[place:end]), end

    def _group(self, place: int, start: int, minus: bool) -> tuple[Part, int] | None:
        """(two words)^2, -(two words); parentheses with neither group nothing."""
        if (closing := self._closing.get(start)) is None:
            return None
        weight, end = self._weight(closing + 1)
        kind: Kind = "not" if minus else "text"
        value = cleaned(kind, self.query[start + 1 : closing])
        if not value or not (minus or end > closing + 1):
            return None
        return Part(kind, value, weight, said=self.query[place:end]), end

    def _term(self, place: int, start: int, minus: bool) -> tuple[Part, int] | None:
        """field:value, like:12^0.5."""
        if not (found := _FIELD.match(self.query, start)):
            return None
        field = found[1]
        value, end = self._quoted(found.end()) or self._bare(_RUN, found.end(), ",;")
        if end == found.end():
            return None
        weight, after = self._weight(end)
        said = self.query[place:after]
        if field == "like":
            return Part("like", _like(value), -weight if minus else weight, said=said), after
        if after > end:
            raise AskpixError(f"a filter such as {field}:{value} holds or does not: it takes no weight")
        return Part("where", f"{'-' * minus}{field}:{_checked(field, value, self.known)}", said=said), after

    def _word(self, place: int, start: int, minus: bool) -> tuple[Part, int] | None:
        """-word, word^2, -word^2."""
        word, end = self._bare(_WORD, start, ",;.!?")
        weight, after = self._weight(end)
        # 10^6 is a number.
        if not _is_word(word) or not (minus or (after > end and not word.isdecimal())):
            return None
        kind: Kind = "not" if minus else "text"
        return Part(kind, cleaned(kind, word), weight, said=self.query[place:after]), after

    def _bare(self, pattern: re.Pattern[str], start: int, punctuation: str) -> tuple[str, int]:
        """What stands there without its weight and the punctuation after it, and where it ends."""
        found = pattern.match(self.query, start)
        value = found[0] if found else ""
        value = value.removesuffix(")" * max(value.count(")") - value.count("("), 0)).rstrip(punctuation)
        if weighted := _WEIGHTED.search(value):
            value = value[: weighted.start()]
        return value, start + len(value)

    def _quoted(self, start: int) -> tuple[str, int] | None:
        """What stands between quotation marks that open there, and where they end."""
        partners = _QUOTES.get(self.query[start : start + 1], "")
        ends = [end for partner in partners if (end := self.query.find(partner, start + 1)) >= 0]
        return (self.query[start + 1 : min(ends)], min(ends) + 1) if ends else None

    def _weight(self, place: int) -> tuple[float, int]:
        """The weight that is typed there, and where it ends; 1 if there is none."""
        found = _WEIGHT.match(self.query, place)
        if found is None:
            return 1.0, place
        weight = float(found[1])
        if not 0 < weight <= HEAVIEST:
            raise AskpixError(f"{found[0]} is no weight; it is more than 0 and at most {HEAVIEST:g}, as in sunset^2")
        return weight, found.end()

    @cached_property
    def _closing(self) -> dict[int, int]:
        """Where each parenthesis that has a partner is closed."""
        opened: list[int] = []
        closing = {}
        for place, character in enumerate(self.query):
            if character == "(":
                opened.append(place)
            elif character == ")" and opened:
                closing[opened.pop()] = place
        return closing


def _is_word(text: str) -> bool:
    return any(character.isalnum() or not character.isascii() for character in text)


def _like(value: str) -> str:
    if not _ID.fullmatch(value):
        raise AskpixError(f"{value!r} is no photo's id; write like: and a number, for example like:12")
    return str(int(value))


def _checked(field: str, value: str, known: Known) -> str:
    """The value of a filter; raises AskpixError, saying what is allowed, if the field cannot have it."""
    if field not in FIELDS and field not in known.columns:
        allowed = ", ".join([*FIELDS, *sorted(known.columns)])
        raise AskpixError(
            f"there is no field {field!r} to search in; there are: {allowed}; "
            "to search for the words put them in quotation marks"
        )
    value = value.strip()
    if not value:
        raise AskpixError(f"the field {field} has no value; write for example {field}:something")
    if field == "date":
        span(value)
    elif field == "rating":
        rating_span(value)
    elif field == "is":
        value = value.lower()
        if value not in IS:
            raise AskpixError(f"there is no is:{value}; there are: {', '.join(IS)}")
    elif field == "type":
        value = _FORMATS.get(value.lower(), value.lower())
        if not _TYPE.fullmatch(value):
            raise AskpixError(f"{value!r} is no type; write raw, video, photo, or a format such as jpeg")
    return value


def typed(plan: Plan, known: Known) -> str:
    """The query that `parse` understands, knowing the same, as the parts of the plan that are on.

    Like-parts that are files are left out, since a query cannot name them.
    """
    parts = [part for part in plan.on if part.kind != "like" or _ID.fullmatch(part.value)]
    plain = next((part for part in parts if part.kind == "text" and part.weight == 1), None)
    query = " ".join(part.value if part is plain else _typed(part) for part in parts)
    with suppress(AskpixError):
        if list(parse(query, known).parts) == parts:
            return query
    # Something in the text would be understood; in a group it is not.
    return " ".join(map(_typed, parts))


def _typed(part: Part) -> str:
    weight = repr(abs(part.weight)).removesuffix(".0")
    caret = "" if weight == "1" else f"^{weight}"
    match part.kind:
        case "text":
            return f"({part.value})^{weight}"
        case "exact":
            return _in_quotes(part.value) + caret
        case "not":
            return f"-{part.value if _ONE_WORD.fullmatch(part.value) else _in_quotes(part.value)}{caret}"
        case "like":
            return f"{'-' * (part.weight < 0)}like:{part.value}{caret}"
        case "where":
            field, _, value = part.value.partition(":")
            return f"{field}:{value if _NEEDS_NO_QUOTES.fullmatch(value) else _in_quotes(value)}"


def _in_quotes(value: str) -> str:
    """The value between quotation marks that it does not hold itself."""
    for opening, closings in _QUOTES.items():
        if not any(closing in value for closing in closings):
            return f"{opening}{value}{closings[0]}"
    return '"{}"'.format(value.replace('"', ""))
