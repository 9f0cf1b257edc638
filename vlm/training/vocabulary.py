"""Words of captions: how they are cut, which ones are known, which ones make tags."""

import re
from collections import Counter
from collections.abc import Iterable

# A word in Latin letters, or one Chinese character.
WORD = re.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*|[\u4e00-\u9fff]")
PAD, START, END, UNKNOWN, START_CHINESE = range(5)
SPECIAL = ["<pad>", "<start>", "<end>", "<unknown>", "<zh>"]
# A caption's first mark says in which language it goes on.
STARTS = {"en": START, "zh": START_CHINESE}
# Words that say little about what is in a picture.
EMPTY = frozenset(
    """a an the and or of in on at to with from by for into onto over under through up down out off
    is are was were be being been has have had do does it its his her their he she they them him this
    that these those there while as who which what where when one two three four five some several
    many other another each both all very near next front behind top side along across around against
    between above below beside during after before about like not no it's looking look looks something
    someone wearing standing sitting holding background area large small
    little big young old himself herself themselves together""".split()
)


def words(text: str) -> list[str]:
    """A text's lower-cased words, without punctuation."""
    return WORD.findall(text.lower())


def known_words(captions: Iterable[str], at_least: int) -> list[str]:
    """All words that occur `at_least` times, most frequent first."""
    counts = Counter(word for caption in captions for word in words(caption))
    return [word for word, count in counts.most_common() if count >= at_least]


def tag_words(captions: Iterable[str], at_least: int) -> list[str]:
    """Words worth predicting one by one: frequent ones that say what is in a picture."""
    counts = Counter(word for caption in captions for word in set(words(caption)))
    often = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [w for w, n in often if n >= at_least and w not in EMPTY and not w.isdigit()]
