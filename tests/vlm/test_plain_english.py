"""Questions in other languages, put into the English that the built-in answerer learnt to answer."""

from pathlib import Path

import pytest
from PIL import Image

import vlm
from vlm.looking import sought
from vlm.plain_english import in_english


@pytest.mark.parametrize(
    ("english", "others"),
    [
        (
            "is there a dog?",
            "gibt es einen Hund?|ist da ein Hund?|y a-t-il un chien ?|je tam pes?|vidíš psa?|图里有狗吗？",
        ),
        ("is there a brown dog?", "gibt es einen braunen Hund?|y a-t-il un chien brun ?"),
        ("is there snow?", "gibt es Schnee?|y a-t-il de la neige ?|je tam sníh?|有雪吗？"),
        ("are there any trees?", "gibt es Bäume?|y a-t-il des arbres ?|jsou tam stromy?"),
        (
            "how many horses are there?",
            "wie viele Pferde gibt es?|combien de chevaux y a-t-il ?|kolik je tam koní?|有几匹马？",
        ),
        (
            "what colour is the car?",
            "welche Farbe hat das Auto?|de quelle couleur est la voiture ?|jakou barvu má auto?",
        ),
        ("what animal is this?", "welches Tier ist das?|quel animal est-ce ?|jaké zvíře to je?|这是什么动物？"),
        ("what is the man holding?", "was hält der Mann?|que tient l’homme ?|co drží muž?|男人拿着什么？"),
        ("what are the dogs doing?", "was machen die Hunde?|que font les chiens ?|co dělají psi?"),
        ("is it indoors or outdoors?", "ist es drinnen oder draußen?|je to uvnitř nebo venku?|这是室内还是室外？"),
        ("where is the cat?", "wo ist die Katze?|où est le chat ?|kde je kočka?|猫在哪里？"),
        ("is the dog brown?", "ist der Hund braun?|le chien est-il brun ?|je pes hnědý?|狗是棕色的吗？"),
        ("is the dog sleeping?", "schläft der Hund?|le chien dort-il ?|spí pes?|狗在睡觉吗？"),
        ("what is on the table?", "was ist auf dem Tisch?|qu’y a-t-il sur la table ?|co je na stole?"),
        ("what is in the picture?", "was ist auf dem Bild?|qu’y a-t-il sur la photo ?|co je na obrázku?|图里有什么？"),
    ],
)
def test_the_usual_questions_are_put_into_english(english: str, others: str) -> None:
    assert {question: in_english(question) for question in others.split("|")} == dict.fromkeys(
        others.split("|"), english
    )


@pytest.mark.parametrize(
    "question",
    ["is there a dog?", "what colour is it?", "how many?", "why?", "was the dog wet?", "co je tohle za nesmysl"],
)
def test_other_questions_stay_as_they_are(question: str) -> None:
    assert in_english(question) == question


def test_a_noun_that_is_not_known_stays() -> None:
    assert in_english("welche Farbe hat die Sänfte?") == "what colour is the sänfte?"


def test_the_model_answers_alike_in_all_languages(photos: Path) -> None:
    model = vlm.load()
    with Image.open(photos / "animals" / "two_dogs.jpg") as image:
        seen = model.look([image.convert("RGB")] * 5)
    asked = ["is there a dog?", "gibt es einen Hund?", "y a-t-il un chien ?", "je tam pes?", "有狗吗？"]
    assert {answer.text for answer in model.answer(seen, asked)} == {"yes"}


@pytest.mark.parametrize(
    ("question", "answer", "text"),
    [
        ("what colour is the dog?", "brown", "dog brown"),
        ("welche Farbe hat der Hund?", "brown", "dog brown"),
        ("is there a dog?", "yes", "dog"),
        ("how many dogs are there?", "2", "dogs"),
        ("is it indoors or outdoors?", "outdoors", ""),
    ],
)
def test_what_is_looked_for_is_what_can_be_seen(question: str, answer: str, text: str) -> None:
    assert sought(question, answer) == text
