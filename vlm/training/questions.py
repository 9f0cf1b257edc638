"""Questions with answers, made from what people wrote about pictures.

In the manner of COCO-QA (Ren, Kiros and Zemel, NIPS 2015): the parts of a caption that name a thing,
a number, a colour or an activity become answers, and the rest a question. Yes/no questions are
balanced: for each thing that is there, one is asked for that no caption of the picture mentions.

    python -m vlm.training.questions CAPTIONS.csv MADE.csv --split dev

writes balanced questions as a table that `askpix evaluate answers` reads.
"""

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from vlm.training.data import read_rows
from vlm.training.vocabulary import words

# Things by one name: the first word is asked and answered with, the others count as the same.
THINGS = [
    line.split()
    for line in """dog dogs puppy puppies greyhound greyhounds
    man men guy guys gentleman
    woman women lady ladies
    boy boys
    girl girls
    child children kid kids toddler toddlers
    baby babies infant
    person people
    bike bikes bicycle bicycles
    car cars
    horse horses
    bird birds seagull duck birds'
    cat cats kitten
    ball balls
    frisbee frisbees
    skateboard skateboards
    snowboard snowboards
    surfboard surfboards
    motorcycle motorcycles motorbike
    boat boats canoe kayak raft
    truck trucks
    bus buses
    train trains
    tree trees
    rock rocks
    bench benches
    table tables
    chair chairs
    hat hats cap
    helmet helmets
    guitar guitars
    flag flags
    flower flowers
    fence fences
    building buildings
    fountain fountains
    bridge bridges
    swing swings
    slide slides
    pool pools
    tent tents
    umbrella umbrellas
    backpack backpacks
    book books
    bottle bottles
    sign signs
    stick sticks
    toy toys
    shirt shirts
    jacket jackets coat coats
    dress dresses
    bed beds
    couch sofa
    sled sleds
    rope ropes
    cow cows bull
    sheep goat
    microphone microphones
    phone cellphone telephone""".splitlines()
]
NAME = {form: forms[0] for forms in THINGS for form in forms}
PLURAL = {forms[0]: forms[1] for forms in THINGS if len(forms) > 1}
HUMAN = frozenset(["man", "woman", "boy", "girl", "child", "baby", "person"])
# Whoever is one of these is a person too, and may be called a child or be one.
NOT_ABSENT = dict.fromkeys(HUMAN, HUMAN)
WORN = frozenset("shirt jacket hat helmet dress".split())
# Where one of these is, one man is not the only one.
CROWDS = frozenset("crowd group people others another several many team".split())
NUMBERS = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
COLOURS = {c: c for c in "black white brown red blue green yellow orange pink purple tan gray silver gold".split()} | {
    "grey": "gray",
    "golden": "gold",
}
ACTIVITIES = {
    form: forms.split()[0]
    for forms in """running runs run
    jumping jumps jump leaping leaps
    playing plays play
    sitting sits sit seated
    standing stands stand
    walking walks walk
    riding rides ride
    swimming swims swim
    climbing climbs climb
    eating eats eat
    sleeping sleeps sleep
    dancing dances dance
    surfing surfs surf
    skiing skis
    skateboarding
    snowboarding
    smiling smiles smile
    reading reads
    drinking drinks drink
    fishing
    fighting fights fight wrestling
    digging digs
    talking talks talk
    laughing laughs""".splitlines()
    for form in forms.split()
}
OUTDOORS = frozenset(
    """grass beach street snow field mountain mountains ocean park sand hill road lake river woods sidewalk cliff
    forest yard outside outdoors outdoor grassy snowy sandy trail lawn desert backyard waves wave sky tree""".split()
)
INDOORS = frozenset(
    "room inside indoors indoor kitchen couch bed bathroom restaurant gym carpet sofa bedroom store office".split()
)
PLACES = {
    place: forms[0]
    for forms in (
        line.split()
        for line in """beach shore
        street road sidewalk
        water ocean lake river pool
        snow slope
        field meadow
        grass lawn
        park playground
        mountain mountains cliff hill
        forest woods
        desert
        restaurant bar
        kitchen
        bedroom bed
        stage
        gym""".splitlines()
    )
    for place in forms
}


@dataclass(frozen=True)
class Made:
    """A question about the picture of that number, and what kind it is."""

    picture: int
    question: str
    answer: str
    kind: str


def make(captions: Sequence[Sequence[str]], seed: int) -> list[Made]:
    """Questions about n pictures, from the captions of each."""
    choice = random.Random(seed)  # noqa: S311
    things = [_things(texts) for texts in captions]
    often = Counter(name for counts in things for name in counts)
    made: list[Made] = []
    for picture, (texts, counts) in enumerate(zip(captions, things, strict=True)):
        cut = [words(text) for text in texts]
        made += [
            Made(picture, question, answer, kind)
            for kind, question, answer in [
                *_presence(counts, often, choice),
                *_numbers(cut, choice),
                *_colours(cut, choice),
                *_activities(cut, counts, choice),
                *_objects(cut, counts, choice),
                *_places(cut, choice),
            ]
        ]
    return made


def balanced(made: Sequence[Made], seed: int) -> list[Made]:
    """Some of the questions, so that guessing the commonest answer gains little: none is right more often
    than the third most frequent of its kind, and yes no more often than no."""
    often = Counter((one.kind, one.answer) for one in made)
    ranked: dict[str, list[int]] = defaultdict(list)
    for (kind, _), count in often.most_common():
        ranked[kind].append(count)
    left = {(kind, answer): ranked[kind][:3][-1] for kind, answer in often}
    kept = []
    for one in random.Random(seed).sample(made, len(made)):  # noqa: S311
        if left[one.kind, one.answer] > 0:
            left[one.kind, one.answer] -= 1
            kept.append(one)
    return sorted(kept, key=lambda one: (one.picture, one.question))


_Asked = Iterator[tuple[str, str, str]]


def _things(texts: Sequence[str]) -> Counter[str]:
    """How many captions mention each thing."""
    return Counter(name for text in texts for name in dict.fromkeys(NAME[w] for w in words(text) if w in NAME))


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _presence(counts: Counter[str], often: Counter[str], choice: random.Random) -> _Asked:
    there = [name for name, count in counts.items() if count >= 2]
    if not there:
        return
    impossible = set(counts) | {other for name in counts for other in NOT_ABSENT.get(name, ())}
    absent = [name for name in often if name not in impossible]
    # What is often seen is asked for more often, as a user would, but rare things too.
    weights = [often[name] ** 0.75 for name in absent]
    for name in choice.sample(there, min(3, len(there))):
        yield ("yes/no", _whether(name, choice), "yes")
        if absent:
            yield ("yes/no", _whether(choice.choices(absent, weights)[0], choice), "no")


def _whether(name: str, choice: random.Random) -> str:
    plural = PLURAL.get(name, name)
    return choice.choice(
        [
            f"is there {_article(name)}?",
            f"is there {_article(name)} in the picture?",
            f"is there {_article(name)} in this photo?",
            f"are there any {plural}?",
            f"can you see {_article(name)}?",
            f"does the picture show {_article(name)}?",
        ]
    )


def _numbers(cut: Sequence[list[str]], choice: random.Random) -> _Asked:
    votes: dict[str, Counter[str]] = {}
    crowded = any(word in CROWDS for text in cut for word in text)
    for text in cut:
        for before, between, word in zip(["", "", *text], ["", *text], text, strict=False):
            if word in NAME and (number := NUMBERS.get(between) or NUMBERS.get(before)):
                votes.setdefault(NAME[word], Counter())[number] += 1
            elif word == NAME.get(word) and (between in ("a", "an", "one") or before in ("a", "an", "one")):
                votes.setdefault(word, Counter())["1"] += 1
    for name, numbers in votes.items():
        (number, count), *others = numbers.most_common()
        if count < 2 or others or (number == "1" and crowded):
            continue
        plural = PLURAL.get(name, name)
        if number != "1" or choice.random() < 0.35:
            yield ("count", _how_many(plural, choice), number)
    human = [votes[name] for name in votes if name in HUMAN]
    if len(human) == 1 and sum(human[0].values()) >= 3 and len(human[0]) == 1:
        number = next(iter(human[0]))
        if number != "1" or (not crowded and choice.random() < 0.3):
            yield ("count", _how_many("people", choice), number)


def _how_many(plural: str, choice: random.Random) -> str:
    ending = choice.choice(["", " there", " in the picture", " in this photo"])
    return f"how many {plural} are{ending}?" if ending else f"how many {plural}?"


def _colours(cut: Sequence[list[str]], choice: random.Random) -> _Asked:
    votes: dict[str, Counter[str]] = {}
    for text in cut:
        for earlier, before, word in zip(["", "", *text], ["", *text], text, strict=False):
            # "a black and white dog" has no one colour
            if before in COLOURS and earlier not in ("and", *COLOURS) and word in NAME:
                votes.setdefault(NAME[word], Counter())[COLOURS[before]] += 1
    for name, colours in votes.items():
        if name in HUMAN:
            continue
        (colour, count), *others = colours.most_common()
        if others and others[0][1] >= count:
            continue
        spelling = choice.choice(["color", "colour"])
        yield (
            "colour",
            choice.choice([f"what {spelling} is the {name}?", f"which {spelling} is the {name}?"]),
            colour,
        )
        if count >= 2 and choice.random() < 0.3:
            yield ("yes/no", f"is the {name} {colour}?", "yes")
            wrong = choice.choice([c for c in sorted(set(COLOURS.values())) if c not in colours])
            yield ("yes/no", f"is the {name} {wrong}?", "no")


def _activities(cut: Sequence[list[str]], counts: Counter[str], choice: random.Random) -> _Asked:
    doing = Counter(name for text in cut for name in dict.fromkeys(ACTIVITIES[w] for w in text if w in ACTIVITIES))
    subjects = [name for name, count in counts.items() if count >= 2 and name in HUMAN | {"dog", "horse", "bird"}]
    if not doing or not subjects:
        return
    (activity, count), *others = doing.most_common()
    if count < 2 or (others and others[0][1] == count):
        return
    name = max(subjects, key=lambda subject: counts[subject])
    yield (
        "doing",
        choice.choice(
            [f"what is the {name} doing?", f"what is the {name} doing in the picture?", "what is happening here?"]
        ),
        activity,
    )
    if choice.random() < 0.5:
        wrong = choice.choice([a for a in sorted(set(ACTIVITIES.values())) if a not in doing])
        yield ("yes/no", f"is the {name} {activity}?", "yes")
        yield ("yes/no", f"is the {name} {wrong}?", "no")


def _objects(cut: Sequence[list[str]], counts: Counter[str], choice: random.Random) -> _Asked:
    for verb, forms in (("riding", ("riding", "rides", "ride")), ("holding", ("holding", "holds", "hold"))):
        objects = Counter(
            NAME[word]
            for text in cut
            for i, form in enumerate(text)
            if form in forms
            for word in text[i + 1 : i + 5]
            if word in NAME and NAME[word] not in HUMAN
        )
        subject = next((name for name, count in counts.most_common() if name in HUMAN and count >= 2), None)
        if objects and subject:
            yield ("object", f"what is the {subject} {verb}?", objects.most_common(1)[0][0])
    shown = [(name, count) for name, count in counts.most_common() if name not in WORN]
    name, count = shown[0] if shown else ("", 0)
    if count >= 4:
        question = choice.choice(
            ["what is in the picture?", "what is this?", "what can you see?", "what is in this photo?"]
        )
        yield ("object", question, name)
    for animal in ("dog", "horse", "cat", "bird", "cow", "sheep"):
        if counts[animal] >= 3 and choice.random() < 0.3:
            yield ("object", choice.choice(["what animal is this?", "which animal is in the picture?"]), animal)
    worn = Counter(
        NAME[word]
        for text in cut
        for i, form in enumerate(text)
        if form in ("wearing", "wears")
        for word in text[i + 1 : i + 4]
        if NAME.get(word) in WORN
    )
    subject = next((name for name, count in counts.most_common() if name in HUMAN and count >= 2), None)
    if worn and subject:
        yield ("object", f"what is the {subject} wearing?", worn.most_common(1)[0][0])


def _places(cut: Sequence[list[str]], choice: random.Random) -> _Asked:
    said = Counter(word for text in cut for word in dict.fromkeys(text))
    out, within = sum(said[word] for word in OUTDOORS), sum(said[word] for word in INDOORS)
    if (out >= 2 and not within) or (within >= 2 and not out):
        is_out = out > within
        if not is_out or choice.random() < 0.25:
            which = choice.choice(["is this indoors or outdoors?", "is it inside or outside?", "indoors or outdoors?"])
            yield ("place", which, "outdoors" if is_out else "indoors")
            asked_out = choice.random() < 0.5
            word = choice.choice(["outdoors", "outside"] if asked_out else ["indoors", "inside"])
            whether = choice.choice([f"is this {word}?", f"is the picture taken {word}?"])
            yield ("yes/no", whether, "yes" if asked_out == is_out else "no")
    where = Counter(PLACES[word] for text in cut for word in dict.fromkeys(text) if word in PLACES)
    if where:
        (place, count), *others = where.most_common()
        if count >= 3 and not (others and others[0][1] == count):
            yield ("place", choice.choice(["where is this?", "where was this taken?", "where are they?"]), place)


@click.command()
@click.argument("captions", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(captions: Path, out: Path, split: str, seed: int) -> None:
    """Make balanced questions from CAPTIONS, a CSV image,caption, and write them to OUT."""
    texts: dict[str, list[str]] = defaultdict(list)
    for row in read_rows(captions, ("image", "caption"), split):
        texts[row["image"]].append(row["caption"])
    names = sorted(texts)
    with out.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["split", "image", "kind", "question", "answers"])
        for one in balanced(make([texts[name] for name in names], seed), seed):
            table.writerow([split, names[one.picture], one.kind, one.question, one.answer])


if __name__ == "__main__":
    main()
