"""Photos in words: so many, of a day, that match “a dog” and were taken in 2021."""

from datetime import date, datetime

from searcher.catalog_questions import By
from searcher.query import Plan, span

SAYS: dict[By, str] = {
    "year": "when they were taken",
    "month": "when they were taken",
    "day": "when they were taken",
    "camera": "with which camera they were taken",
    "lens": "with which lens they were taken",
    "city": "in which city they were taken",
    "country": "in which country they were taken",
    "place": "where they were taken",
    "rating": "how many stars they have",
    "tag": "what they show",
    "type": "what format they have",
}
# The filter that keeps photos which say it; none says which camera it was.
BASIS: dict[By, str] = {
    "year": "is:dated",
    "month": "is:dated",
    "day": "is:dated",
    "city": "is:placed",
    "country": "is:placed",
    "place": "is:placed",
    "rating": "is:rated",
}
NAMES: dict[By, tuple[str, str]] = {
    "year": ("year", "years"),
    "month": ("month", "months"),
    "day": ("day", "days"),
    "camera": ("camera", "cameras"),
    "lens": ("lens", "lenses"),
    "city": ("city", "cities"),
    "country": ("country", "countries"),
    "place": ("place", "places"),
    "rating": ("rating", "ratings"),
    "tag": ("tag", "tags"),
    "type": ("format", "formats"),
}


def photos(number: int, name: str = "photo") -> str:
    """So many photos, or other things."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def day(when: date) -> str:
    """A day: 14 July 2021."""
    return f"{when.day} {when:%B %Y}"


def label(by: By, value: str) -> str:
    """A value as people say it: June 2021 for 2021-06."""
    if by == "month":
        return f"{datetime.strptime(value, '%Y-%m').date():%B %Y}"
    return day(date.fromisoformat(value)) if by == "day" else f"{value} stars" if by == "rating" else value


_TERMS = {
    "is:duplicate": ("is a duplicate", "are duplicates"),
    "type:video": ("is a moment of a video", "are moments of videos"),
    "type:raw": ("is a raw file", "are raw files"),
    "is:captioned": ("has a caption", "have a caption"),
    "-is:captioned": ("has no caption", "have no caption"),
    "is:dated": ("says when it was taken", "say when they were taken"),
    "-is:dated": ("does not say when it was taken", "do not say when they were taken"),
    "is:placed": ("says where it was taken", "say where they were taken"),
    "-is:placed": ("does not say where it was taken", "do not say where they were taken"),
    "is:rated": ("has stars", "have stars"),
    "-is:rated": ("has no stars", "have no stars"),
    "is:text": ("has text in it", "have text in them"),
}


def holds(plan: Plan, number: int) -> str:
    """What is asked of photos, as a sentence says it of so many: "match “a dog” and were taken in 2021"."""
    one = number == 1
    said = []
    for part in plan.on:
        match part.kind:
            case "text":
                said.append(f"{'matches' if one else 'match'} “{part.value}”")
            case "not":
                said.append(f"{'shows' if one else 'show'} no “{part.value}”")
            case "exact":
                said.append(f"{'has' if one else 'have'} the words “{part.value}”")
            case "where":
                said.append(_held(part.value, one))
    return " and ".join(said) or ("is there" if one else "are there")


def _held(term: str, one: bool) -> str:
    if term in _TERMS:
        return _TERMS[term][not one]
    name, _, value = term.removeprefix("-").partition(":")
    not_ = " not" if term.startswith("-") else ""
    if name == "date":
        return f"{'was' if one else 'were'}{not_} taken {_period(value)}"
    if name == "place":
        return f"{'was' if one else 'were'}{not_} taken in {value}"
    if name == "rating" and not not_:
        return f"{'has' if one else 'have'} {value} stars"
    return f"{'meets' if one else 'meet'} the filter {term}"


def _period(value: str) -> str:
    """A date filter's value in words: in 2021, in June 2021, on 14 July 2021, from … to …, since …, before …."""
    first, after = span(value)
    if first is None or after is None:
        return f"since {day(first.date())}" if first else f"before {day(after.date())}" if after else ""
    match value.count("-"), ".." in value:
        case 0, False:
            return f"in {value}"
        case 1, False:
            return f"in {first:%B %Y}"
        case 2, False:
            return f"on {day(first.date())}"
    last = date.fromordinal(after.date().toordinal() - 1)
    return f"from {day(first.date())} to {day(last)}"
