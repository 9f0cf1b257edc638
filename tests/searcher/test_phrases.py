"""Plain words that say when and where a photo was taken, and what is not on it, in five languages."""

from datetime import date

import pytest

from searcher.query.openings import without_opening
from searcher.query.phrases import understand
from searcher.query.tokens import BREAK

TODAY = date(2024, 7, 17)  # a Wednesday
PLACES = {"lyon", "paris", "france", "lake garda", "new york", "the hague", "l'aquila", "praze", "巴黎", "netherlands"}


def said(text: str, today: date | None = TODAY) -> tuple[str, list[str]]:
    """What is left, and the terms and -things that were said."""
    rest, found = understand(text, today, lambda name: name.lower() in PLACES)
    return rest, [one.value if one.kind == "where" else f"not {one.value}" for one in found]


@pytest.mark.parametrize(
    ("phrase", "value"),
    [
        ("in 2022", "2022"),
        ("during the year 2022", "2022"),
        ("from 2019 to 2021", "2019..2021"),
        ("between 2019 and 2021", "2019..2021"),
        ("between 2021 and 2019", "2019..2021"),
        ("2019 to 2021", "2019..2021"),
        ("2019-2021", "2019..2021"),
        ("from May to July 2021", "2021-05..2021-07"),
        ("from November to January 2021", "2020-11..2021-01"),
        ("from 1 to 7 July 2021", "2021-07-01..2021-07-07"),
        ("from 30 June to 2 July 2021", "2021-06-30..2021-07-02"),
        ("since 2020", "2020.."),
        ("since last summer", "2023-06.."),
        ("before 2019", "..2018"),
        ("after July 2021", "2021-08.."),
        ("until 2020", "..2020"),
        ("in 2019 and 2020", "2019..2020"),
        ("in July 2021", "2021-07"),
        ("july 2021", "2021-07"),
        ("in may", "2024-05"),
        ("in September", "2023-09"),
        ("on 14 July 2021", "2021-07-14"),
        ("on July 14th, 2021", "2021-07-14"),
        ("on the 14th of July 2021", "2021-07-14"),
        ("on 14 July", "2024-07-14"),
        ("on 18 July", "2023-07-18"),
        ("on 29 February", "2024-02-29"),
        ("on 2021-07-14", "2021-07-14"),
        ("2021-07", "2021-07"),
        ("today", "2024-07-17"),
        ("yesterday", "2024-07-16"),
        ("the day before yesterday", "2024-07-15"),
        ("this week", "2024-07-15..2024-07-21"),
        ("last week", "2024-07-08..2024-07-14"),
        ("last weekend", "2024-07-13..2024-07-14"),
        ("this weekend", "2024-07-20..2024-07-21"),
        ("last month", "2024-06"),
        ("this year", "2024"),
        ("last year", "2023"),
        ("last year in July", "2023-07"),
        ("in July last year", "2023-07"),
        ("last summer", "2023-06..2023-08"),
        ("this summer", "2024-06..2024-08"),
        ("last winter", "2023-12..2024-02"),
        ("last spring", "2024-03..2024-05"),
        ("last fall", "2023-09..2023-11"),
        ("in the summer of 2019", "2019-06..2019-08"),
        ("winter 2019", "2019-12..2020-02"),
        ("three years ago", "2021"),
        ("2 weeks ago", "2024-07-01..2024-07-07"),
        ("a month ago", "2024-06"),
        ("10 days ago", "2024-07-07"),
        ("in the last 3 months", "2024-04-17..2024-07-17"),
        ("christmas 2020", "2020-12-24..2020-12-26"),
        ("last christmas", "2023-12-24..2023-12-26"),
        ("letzten Sommer", "2023-06..2023-08"),
        ("letztes Jahr", "2023"),
        ("im letzten Monat", "2024-06"),
        ("im Jahr 2022", "2022"),
        ("im Juli 2021", "2021-07"),
        ("am 14. Juli 2021", "2021-07-14"),
        ("im Sommer letzten Jahres", "2023-06..2023-08"),
        ("gestern", "2024-07-16"),
        ("heute", "2024-07-17"),
        ("vor drei Jahren", "2021"),
        ("vor 2019", "..2018"),
        ("seit 2020", "2020.."),
        ("von 2019 bis 2021", "2019..2021"),
        ("in den letzten 3 Monaten", "2024-04-17..2024-07-17"),
        ("an Weihnachten 2020", "2020-12-24..2020-12-26"),
        ("l'été dernier", "2023-06..2023-08"),
        ("l’année dernière", "2023"),
        ("la semaine dernière", "2024-07-08..2024-07-14"),
        ("cette année", "2024"),
        ("en 2022", "2022"),
        ("en juillet 2021", "2021-07"),
        ("le 14 juillet 2021", "2021-07-14"),
        ("hier", "2024-07-16"),
        ("aujourd'hui", "2024-07-17"),
        ("il y a trois ans", "2021"),
        ("depuis 2020", "2020.."),
        ("entre 2019 et 2021", "2019..2021"),
        ("les 3 derniers mois", "2024-04-17..2024-07-17"),
        ("à Noël 2020", "2020-12-24..2020-12-26"),
        ("loni", "2023"),
        ("loni v létě", "2023-06..2023-08"),
        ("minulou zimu", "2023-12..2024-02"),
        ("v roce 2022", "2022"),
        ("v červenci 2021", "2021-07"),
        ("14. července 2021", "2021-07-14"),
        ("včera", "2024-07-16"),
        ("dnes", "2024-07-17"),
        ("před třemi lety", "2021"),
        ("před rokem 2019", "..2018"),
        ("od 2019 do 2021", "2019..2021"),
        ("za poslední 3 měsíce", "2024-04-17..2024-07-17"),
    ],
)
def test_dates_leave_the_text(phrase: str, value: str) -> None:
    assert said(f"sun {phrase}, sea") == ("sun, sea", [f"date:{value}"])
    assert said(phrase.upper() if "'" not in phrase else phrase) == ("", [f"date:{value}"])
    assert said(f"sun {phrase}", today=None)[1] == []


@pytest.mark.parametrize(
    ("phrase", "value"),
    [
        ("2022年", "2022"),
        ("2021年7月", "2021-07"),
        ("2021年07月14日", "2021-07-14"),
        ("2021年十二月", "2021-12"),
        ("在2019年到2021年", "2019..2021"),
        ("2020年以来", "2020.."),
        ("2019年以前", "..2018"),
        ("今年", "2024"),
        ("去年", "2023"),
        ("前年", "2022"),
        ("今天", "2024-07-17"),
        ("昨天", "2024-07-16"),
        ("上个月", "2024-06"),
        ("上周", "2024-07-08..2024-07-14"),
        ("上周末", "2024-07-13..2024-07-14"),
        ("这个星期", "2024-07-15..2024-07-21"),
        ("去年夏天", "2023-06..2023-08"),
        ("去年7月", "2023-07"),
        ("2020年圣诞节", "2020-12-24..2020-12-26"),
        ("三年前", "2021"),
        ("两个星期前", "2024-07-01..2024-07-07"),
        ("最近三个月", "2024-04-17..2024-07-17"),
    ],
)
def test_chinese_dates_leave_the_text(phrase: str, value: str) -> None:
    assert said(f"{phrase}的海滩") == ("海滩", [f"date:{value}"])
    assert said(f"海滩{phrase}") == ("海滩", [f"date:{value}"])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2022",
            "may flowers",
            "a march in the rain",
            "christmas tree",
            "in summer",
            "a day at the beach",
            "last supper",
        ),
        *(
            "blade runner 2049",
            "in 3 rooms",
            "room 2022 door",
            "1080p screen",
            "on 31 June",
            "before sunset",
            "last night",
        ),
        *(
            "in 2015 or 2020",
            "Hund im Sommer",
            "海上月亮",
            "面前天空",
            "路上周围的人",
            "2999年",
            "12:30",
            "since forever",
        ),
    ],
)
def test_what_may_be_no_date_stays_in_the_text(text: str) -> None:
    assert said(text) == (text, [])


def test_a_year_alone_is_a_date_beside_other_words() -> None:
    assert said("beach 2022") == ("beach", ["date:2022"])
    assert said("2022 beach") == ("beach", ["date:2022"])
    assert said("beach, 2022, sun") == ("beach, sun", ["date:2022"])
    assert said(f"beach 2022{BREAK}sun") == ("beach sun", ["date:2022"])
    assert said("a 2022 car") == ("a 2022 car", [])


def test_one_date_and_one_place_unless_they_meet() -> None:
    assert said("dogs since 2019 before 2021") == ("dogs", ["date:2019..", "date:..2020"])
    assert said("dogs in 2019 cats in 2020") == ("dogs cats in 2020", ["date:2019"])
    assert said("dogs in 2019 but not in July 2019") == ("dogs", ["date:2019", "-date:2019-07"])
    assert said("from Lyon dogs from Paris") == ("dogs from Paris", ["place:Lyon"])


@pytest.mark.parametrize(
    ("text", "rest", "terms"),
    [
        ("dogs from Lyon", "dogs", ["place:Lyon"]),
        ("dogs in paris.", "dogs", ["place:paris"]),
        ("sunset near Lake Garda, boats", "sunset, boats", ["place:Lake Garda"]),
        ("dogs in New York in 2022", "dogs", ["date:2022", "place:New York"]),
        ("in Lyon, France", "", ["place:Lyon", "place:France"]),
        ("windmills in the Netherlands", "windmills", ["place:Netherlands"]),
        ("canals in The Hague", "canals", ["place:The Hague"]),
        ("photos not from Paris", "photos", ["-place:Paris"]),
        ("Hunde aus Lyon", "Hunde", ["place:Lyon"]),
        ("plage à L'Aquila", "plage", ["place:L'Aquila"]),
        ("ulice v Praze", "ulice", ["place:Praze"]),
        ("在巴黎的狗", "狗", ["place:巴黎"]),
        ("巴黎的日落", "日落", ["place:巴黎"]),
        ("不在巴黎拍的狗", "狗", ["-place:巴黎"]),
        ("Paris street", "Paris street", []),
        ("train from Paris to Lyon", "train from Paris to Lyon", []),
        ("in Paris or Lyon", "in Paris or Lyon", []),
        ("dogs in Atlantis", "dogs in Atlantis", []),
    ],
)
def test_places_leave_the_text_after_a_preposition(text: str, rest: str, terms: list[str]) -> None:
    assert said(text) == (rest, terms)


def test_only_what_can_be_a_name_is_asked_for() -> None:
    asked: list[str] = []

    def ask(name: str) -> bool:
        asked.append(name)
        return False

    understand("in 20, in ..., in \ud800, in \x00, in a, in a, 在。的", TODAY, ask)
    assert asked == ["a"]


@pytest.mark.parametrize(
    ("text", "rest", "things"),
    [
        ("beach without people", "beach", ["people"]),
        ("beach with no people or dogs, sunny", "beach, sunny", ["people", "dogs"]),
        ("street without any people and a dog", "street and a dog", ["people"]),
        ("without people and without cars, a street", "a street", ["people", "cars"]),
        ("a dog not looking at the camera", "a dog", ["looking at the camera"]),
        ("dog that is not sleeping but not a puppy", "dog", ["sleeping", "a puppy"]),
        ("Strand ohne Menschen", "Strand", ["Menschen"]),
        ("Strand, keine Hunde, Sonne", "Strand, Sonne", ["Hunde"]),
        ("une plage sans personne et un chien", "une plage et un chien", ["personne"]),
        ("plage, pas d'enfants", "plage", ["enfants"]),
        ("pláž bez lidí a pes", "pláž a pes", ["lidí"]),
        ("没有人的海滩", "海滩", ["人"]),
        ("海滩不要狗，日落", "海滩 ，日落", ["狗"]),
        ("a no smoking sign", "a no smoking sign", []),
        ("do not enter", "do not enter", []),
        ("not only dogs", "not only dogs", []),
        ("knot tied with rope", "knot tied with rope", []),
        ("plage du Pas de Calais", "plage du Pas de Calais", []),
        ("Chanel no 5", "Chanel no 5", []),
    ],
)
def test_what_is_not_there_leaves_the_text(text: str, rest: str, things: list[str]) -> None:
    assert said(text) == (rest, [f"not {thing}" for thing in things])


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("photos of dogs", "dogs"),
        ("Show me all the pictures of a dog", "a dog"),
        ("find dogs", "dogs"),
        ("find a photo album", "a photo album"),
        ("pictures taken with a flash", "a flash"),
        ("images", ""),
        ("Zeig mir meine Fotos von Hunden", "Hunden"),
        ("montre-moi les photos d’un chien", "un chien"),
        ("ukaž fotky psů", "psů"),
        ("给我看海滩的照片", "海滩"),
        ("照片", ""),
        ("the beach", "the beach"),
        ("photo album", "photo album"),
        ("拿着照片", "拿着照片"),
        ("photographer", "photographer"),
    ],
)
def test_photos_of_is_no_part_of_what_is_looked_for(text: str, rest: str) -> None:
    assert without_opening(text) == rest
