"""What captions may say of people: no origin, body or worth, and a gender only where the picture is clear.

People who describe pictures of strangers guess at gender, and a decoder that learns from them guesses
with more confidence and less sight (Hendricks et al., "Women also Snowboard", ECCV 2018). So a caption's
gendered words give way to neutral ones unless the word classifier, which looks at the picture and not at
what usually comes next, sees that gender.
"""

import re
from collections.abc import Collection

MALE, FEMALE = "male", "female"
# What is said instead of each gendered word.
_NEUTRAL = {
    MALE: {
        "person": "man guy gentleman",
        "people": "men guys gentlemen",
        "child": "boy son",
        "children": "boys sons",
        "parent": "father dad",
        "their": "his",
        "they": "he",
        "them": "him",
        "themselves": "himself",
        "人": "男人 男子 男士",
        "孩": "男孩",
    },
    FEMALE: {
        "person": "woman lady",
        "people": "women ladies",
        "child": "girl daughter",
        "children": "girls daughters",
        "parent": "mother mom",
        "their": "her",
        "they": "she",
        "themselves": "herself",
        "人": "女人 女子 女士",
        "孩": "女孩",
    },
}
GENDERED = {
    word: (gender, neutral)
    for gender, table in _NEUTRAL.items()
    for neutral, words in table.items()
    for word in words.split()
}
# Words that no caption is written with.
NEVER = frozenset(
    """asian african american oriental indian caucasian chinese japanese hispanic mexican latino arab arabic ethnic
    tribal gypsy muslim jewish fat obese overweight chubby skinny ugly sexy homeless bum hobo poor midget dwarf
    retarded handicapped crippled redneck thug gangster hooker prostitute gay lesbian slut bitch
    male males female females""".split()
)
_FOUND = re.compile("|".join(rf"\b{word}\b" if word.isascii() else word for word in GENDERED))
_TWICE = re.compile(r"\b(?:an? )?(person|child|people|children) and (?:an? )?\1\b")
_BOTH = {"person": "two people", "child": "two children", "people": "people", "children": "children"}


def neutral(caption: str, seen: Collection[str]) -> str:
    """The lower-cased caption with the words of genders that are not seen replaced by neutral ones."""

    def instead(found: re.Match[str]) -> str:
        gender, word = GENDERED[found[0]]
        return found[0] if gender in seen else word

    changed = _FOUND.sub(instead, caption)
    return caption if changed == caption else _TWICE.sub(lambda found: _BOTH[found[1]], changed)
