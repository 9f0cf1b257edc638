"""The query language: what is typed, the plan it is understood as, and back."""

import json
import random
from datetime import date, datetime

import pytest

from searcher.query import FIELDS, Known, Part, Plan, parse, rating_span, span, typed
from vlm.errors import AskpixError

PLACES = {"lyon", "france", "lake garda", "巴黎"}
KNOWN = Known(True, lambda name: name.lower() in PLACES, ["has_dog"], date(2024, 7, 17))
UNKNOWN = Known(False, lambda name: False, [], date(2024, 7, 17))


def parts(query: str) -> list[tuple[str, str, float]]:
    return [(part.kind, part.value, part.weight) for part in parse(query, KNOWN).parts]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("a dog on a beach", [("text", "a dog on a beach", 1)]),
        ("  ein Hund\n am   Strand ", [("text", "ein Hund am Strand", 1)]),
        ("海边的狗", [("text", "海边的狗", 1)]),
        ('"happy birthday" cake', [("exact", "happy birthday", 1), ("text", "cake", 1)]),
        ("„zum  Geburtstag“", [("exact", "zum Geburtstag", 1)]),
        ("“well-known” «bon voyage»", [("exact", "well-known", 1), ("exact", "bon voyage", 1)]),
        ("海边「生日快乐」", [("text", "海边", 1), ("exact", "生日快乐", 1)]),
        ('say "cheese', [("text", 'say "cheese', 1)]),
        ('a 12" record, a 7" one', [("text", 'a 12" record, a 7" one', 1)]),
        (
            'sea -cat -"red car" -(a b)',
            [("text", "sea", 1), ("not", "cat", 1), ("not", "red car", 1), ("not", "a b", 1)],
        ),
        ("Paris - Lyon -- x", [("text", "Paris - Lyon -- x", 1)]),
        ("-cat", [("not", "cat", 1)]),
        ('street not "red car"', [("text", "street", 1), ("not", "red car", 1)]),
        ("sunset^2", [("text", "sunset", 2)]),
        ("(a red car)^2 (snow)^0.5 house", [("text", "a red car", 2), ("text", "snow", 0.5), ("text", "house", 1)]),
        ('"stop"^.5 -car^2, road', [("exact", "stop", 0.5), ("not", "car", 2), ("text", "road", 1)]),
        ("(a red car) in (the snow", [("text", "a red car in the snow", 1)]),
        ("^_^ ^2 10^6", [("text", "^_^ ^2 10^6", 1)]),
        ("like:12^0.5 -like:007", [("like", "12", 0.5), ("like", "7", -1)]),
        ("beach tag:dog -path:2019", [("text", "beach", 1), ("where", "tag:dog", 1), ("where", "-path:2019", 1)]),
        ('caption:"on a beach"', [("where", "caption:on a beach", 1)]),
        ("(tag:dog, has_dog:yes)", [("where", "tag:dog", 1), ("where", "has_dog:yes", 1)]),
        ("path:IMG(1).jpg", [("where", "path:IMG(1).jpg", 1)]),
        ("date:2018.. -date:2019..2021-06", [("where", "date:2018..", 1), ("where", "-date:2019..2021-06", 1)]),
        (
            "rating:>=4 type:JPG is:Rated",
            [("where", "rating:>=4", 1), ("where", "type:jpeg", 1), ("where", "is:rated", 1)],
        ),
        ("12:30 note: this http://x Tag:dog :)", [("text", "12:30 note: this http://x Tag:dog :", 1)]),
        ("(in the fall of 2019)^1", [("text", "in the fall of 2019", 1)]),
        ("show me photos of dogs", [("text", "dogs", 1)]),
        ("find a picture of a dog", [("text", "a dog", 1)]),
        ("alle Fotos von Hunden", [("text", "Hunden", 1)]),
        ("photos d'un chien", [("text", "un chien", 1)]),
        ("fotky psů", [("text", "psů", 1)]),
        ("海滩的照片", [("text", "海滩", 1)]),
        ("photo album", [("text", "photo album", 1)]),
        ("photos", [("text", "photos", 1)]),
        ("my photos tag:dog", [("where", "tag:dog", 1)]),
        (
            "photos of dogs from Lyon in 2022",
            [("text", "dogs", 1), ("where", "date:2022", 1), ("where", "place:Lyon", 1)],
        ),
        ("", []),
        (" () ", []),
    ],
)
def test_a_query_becomes_a_plan(query: str, wanted: list[tuple[str, str, float]]) -> None:
    assert parts(query) == wanted


def test_parts_keep_the_words_they_come_from() -> None:
    plan = parse('photos of dogs from last summer -"red car"^2 type:JPG without a leash', KNOWN)
    assert [part.said for part in plan.parts] == [
        "photos of dogs",
        '-"red car"^2',
        "type:JPG",
        "from last summer",
        "without a leash",
    ]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("colour:red", "there is no field 'colour' to search in; there are: path, .*, has_dog; .* in quotation marks"),
        ("date:soon", "'soon' is no date; write 2019, 2019-07 or 2019-07-14, a range"),
        ("date:2021..2019", "'2021..2019' is no date"),
        ("rating:6", "'6' is no rating; write 0 to 5 stars"),
        ("is:painted", "there is no is:painted; there are: captioned, duplicate, edited, rated, dated, placed, text"),
        ("type:a/b", "'a/b' is no type; write raw, video, photo"),
        ("like:cat", "'cat' is no photo's id; write like: and a number"),
        ('tag:" "', "the field tag has no value"),
        ("tag:dog^2", "a filter such as tag:dog holds or does not: it takes no weight"),
        *[(f"sunset^{weight}", "is no weight") for weight in ("0", "-1", "10.5", "inf", "nan", "1e999")],
        ("-a " * 51, "the query has 51 parts, 50 are the most"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_reason(query: str, reason: str) -> None:
    with pytest.raises(AskpixError, match=reason):
        parse(query, KNOWN)


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_takes_a_value(field: str) -> None:
    value = {"date": "2019", "rating": "4", "type": "raw", "is": "rated", "like": "12"}.get(field, "two words")
    (part,) = parse(f'-{field}:"{value}"', KNOWN).parts
    assert (part.kind, part.value) == (("like", "12") if field == "like" else ("where", f"-{field}:{value}"))


@pytest.mark.parametrize(
    ("value", "first", "after"),
    [
        ("2019", (2019, 1, 1), (2020, 1, 1)),
        ("2019-12", (2019, 12, 1), (2020, 1, 1)),
        ("2020-02-29", (2020, 2, 29), (2020, 3, 1)),
        ("2019..2021-06", (2019, 1, 1), (2021, 7, 1)),
        ("..2020", None, (2021, 1, 1)),
        ("2018..", (2018, 1, 1), None),
        (">=2019", (2019, 1, 1), None),
        (">2019", (2020, 1, 1), None),
        ("<2020-05", None, (2020, 5, 1)),
        ("<=2020-05", None, (2020, 6, 1)),
    ],
)
def test_a_date_is_a_stretch_of_time(
    value: str, first: tuple[int, int, int] | None, after: tuple[int, int, int] | None
) -> None:
    assert span(value) == (first and datetime(*first), after and datetime(*after))


@pytest.mark.parametrize(
    "value", ["", "..", "2019-13", "2021-02-29", "0000", "9999", "2019...2020", "٢٠١٩", "2019\n", ">"]
)
def test_what_is_no_date_is_refused(value: str) -> None:
    with pytest.raises(AskpixError, match="is no date"):
        span(value)


def test_a_rating_is_a_range_of_stars() -> None:
    values = ["4", ">=4", ">3", "<3", "<=3", "2..4", "..2", "3..", "-1", "0"]
    assert [rating_span(value) for value in values] == [
        *[(4, 4), (4, 5), (4, 5), (-1, 2), (-1, 3), (2, 4), (-1, 2), (3, 5), (-1, -1), (0, 0)]
    ]
    for value in ("", "..", "6", ">5", "<-1", "4..2", "4.5", "four"):
        with pytest.raises(AskpixError, match="is no rating"):
            rating_span(value)


def test_parts_are_switched_off_and_reweighted() -> None:
    plan = parse("beach sunset^2 like:12 tag:dog -cat", KNOWN)
    changed = plan.with_changes(off=[3, 4], weights={0: 0.5, 2: -2})
    assert [(part.on, part.weight) for part in changed.parts] == [
        (True, 0.5),
        (True, 2),
        (True, -2),
        (False, 1),
        (False, 1),
    ]
    assert [part.value for part in changed.on] == ["beach", "sunset", "12"]
    assert [part.value for part in changed.of("text")] == ["beach", "sunset"]
    assert changed.of("where") == ()
    assert typed(changed, KNOWN) == "(beach)^0.5 (sunset)^2 -like:12^2"
    for off, weights, reason in (
        ([5], {}, "the query has no part 5; its parts are 0 to 4"),
        ([], {-1: 1.0}, "the query has no part -1"),
        ([], {0: 0.0}, "a weight is more than 0 and at most 10"),
        ([], {2: float("nan")}, "a weight is more than 0"),
        ([], {3: 2.0}, "tag:dog holds or does not"),
    ):
        with pytest.raises(AskpixError, match=reason):
            plan.with_changes(off, weights)


def test_a_plan_goes_through_json() -> None:
    plan = parse('photos of dogs from last summer "stop"^2 -like:3 -path:"a b"', KNOWN).with_changes(off=[1])
    again = Plan.from_json(json.loads(json.dumps(plan.as_json())))
    assert again == plan
    assert [part.said for part in again.parts] == [part.said for part in plan.parts]
    assert Plan.from_json([{"kind": "text", "value": " a (red)  car ", "weight": 2}]).parts == (
        Part("text", "a red car", 2),
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "a plan is a list of parts"),
        (["dog"], "has a kind and a value"),
        ([{"kind": "text"}], "has a kind and a value"),
        ([{"kind": "text", "value": "a", "wieght": 2}], "nothing else"),
        (
            [{"kind": "maybe", "value": "a"}],
            "there is no kind of part 'maybe'; there are: text, exact, not, like, where",
        ),
        ([{"kind": "text", "value": 7}], "value of a part of a plan must be a text"),
        ([{"kind": "text", "value": "a", "on": 1}], "on of a part of a plan must be true or false"),
        ([{"kind": "text", "value": "a", "weight": "2"}], "weight of a part of a plan must be a number"),
        ([{"kind": "text", "value": "a", "weight": True}], "weight of a part of a plan must be a number"),
        ([{"kind": "like", "value": "1", "weight": -11}], "a weight is more than 0 and at most 10"),
        ([{"kind": "text", "value": "a", "weight": float("inf")}], "a weight is more than 0"),
        ([{"kind": "text", "value": "a", "weight": 10**400}], "a weight is more than 0"),
        ([{"kind": "text", "value": " () "}], "has 1 to 1,000 characters"),
        ([{"kind": "text", "value": "a" * 1001}], "has 1 to 1,000 characters"),
        ([{"kind": "where", "value": "dog"}], "'dog' is no filter"),
        ([{"kind": "text", "value": "a"}] * 51, "the query has 51 parts"),
    ],
)
def test_what_is_no_plan_is_refused(given: object, reason: str) -> None:
    with pytest.raises(AskpixError, match=reason):
        Plan.from_json(given)


PIECES = [
    *'()"-^:.,“”„«»「」 ',
    *(" -", "^2 ", ' "', " (", ")^0.5 ", "tag:", " like:12", " -like:3^2 ", "is:text", "date:2019..", " colour:"),
    *("in ", "not ", "without ", " and ", ", ", "Lyon ", "from Lyon ", "in 2019 ", "2022", "last summer ", "july "),
    *("ohne ", "im Juli 2021 ", "sans ", "l'été dernier ", "bez ", "loni v létě ", "show me ", "photos of ", "dog "),
    *("没有人", "去年", "在巴黎", "的", "照片", "2021年7月", "क", "🐕", "مرحبا", "\x00", "\ud800", "İ", "\n", "\u3000"),
]


@pytest.mark.parametrize("known", [KNOWN, UNKNOWN])
def test_any_text_is_a_plan_or_an_error_and_a_plan_can_be_typed(known: Known) -> None:
    chance = random.Random(2024)
    plans = 0
    for _ in range(2_500):
        query = "".join(chance.choices(PIECES, k=chance.randint(1, 25)))
        try:
            plan = parse(query, known)
        except AskpixError:
            continue
        plans += 1
        off = [place for place in range(len(plan.parts)) if chance.random() < 0.2]
        weights = {
            place: chance.choice([0.125, 1.0, 3.0])
            for place, part in enumerate(plan.parts)
            if part.kind != "where" and chance.random() < 0.2
        }
        changed = plan.with_changes(off, weights)
        assert parse(typed(changed, known), known).parts == changed.on, query
        assert Plan.from_json(changed.as_json()) == changed
    assert plans > 1_000


HOSTILE = [
    *(
        '("-^:',
        '"',
        "“",
        "(",
        "(a",
        "a) ",
        "(((a)^2 ",
        "- ",
        "-a",
        "-(",
        "^",
        "1^",
        "^9",
        "a^1",
        "a:",
        "x:y ",
        "tag:",
        "1",
    ),
    *("a ", "in ", "the ", "not ", "but not ", "no no", "without a and ", "show me ", "all ", "photos of ", ", ", "\t"),
    *("2019 and ", "14 july ", "last year in ", "from 2019 to ", "il y a ", "l'", "loni v ", "三", "2022年", "最近"),
    *("的", "在", "没有"),
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("end", ["", "x"])
def test_hostile_queries_are_parsed_at_once(piece: str, end: str) -> None:
    query = (piece * 1_000)[:999] + end
    for known in (KNOWN, UNKNOWN):
        try:
            assert isinstance(parse(query, known), Plan)
        except AskpixError as error:
            assert len(str(error)) < 2_000
