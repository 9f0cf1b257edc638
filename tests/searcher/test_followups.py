"""Follow-up questions in five languages: what they ask in full, and what stands alone."""

import pytest

from searcher.followups import Turn, asks_why, resolve

FOLLOWING = [  # asked before, answered, asked now, in full
    ("is there a dog?", "yes", "and what colour is it?", "what colour is the dog?"),
    ("is there a dog?", "yes", "where?", "where is the dog?"),
    ("is there a dog?", "yes", "how many?", "how many dogs are there?"),
    ("what colour is the dog?", "brown", "and the cat?", "what colour is the cat?"),
    ("is there a brown dog on the beach?", "yes", "what is it doing?", "what is the brown dog doing?"),
    ("is there a dog on the beach?", "yes", "what about a cat?", "is there a cat on the beach?"),
    ("what animal is it?", "cat", "what colour is it?", "what colour is the cat?"),
    ("what is the man holding?", "bottle", "what colour is it?", "what colour is the bottle?"),
    ("what is the man holding?", "bottle", "is he sitting?", "is the man sitting?"),
    ("are there any people?", "yes", "how many?", "how many people are there?"),
    ("how many horses are there?", "3", "what colour are they?", "what colour are the horses?"),
    ("how many dogs are there?", "2", "and cats?", "how many cats are there?"),
    ("is there a dog?", "yes", "are they playing?", "are the dogs playing?"),
    ("is there a man?", "yes", "what is his hat made of?", "what is the man's hat made of?"),
    ("is there a dog?", "yes", "is there another one?", "is there another dog?"),
    ("is there a dog?", "yes", "is there a cat next to it?", "is there a cat next to the dog?"),
    ("is there a dog?", "yes", "and is there a cat?", "is there a cat?"),
    ("what is on the table?", "cup", "and on the chair?", "what is on the chair?"),
    ("is there a woman?", "yes", "what is she wearing?", "what is the woman wearing?"),
    ("where is the cat?", "on the left", "how big?", "how big is the cat?"),
    ("is there a dog in the picture?", "yes", "and in the background?", "is there a dog in the background?"),
    ("what colour is the car?", "red", "the bus?", "what colour is the bus?"),
    ("gibt es einen Hund?", "yes", "und welche Farbe hat er?", "welche Farbe hat der Hund?"),
    ("ist da eine Katze?", "yes", "wo?", "wo ist die Katze?"),
    ("gibt es einen Hund?", "yes", "wie viele?", "wie viele Hunde gibt es?"),
    ("welche Farbe hat der Hund?", "brown", "und die Katze?", "welche Farbe hat die Katze?"),
    ("ist da eine braune Katze?", "yes", "was macht sie?", "was macht die braune Katze?"),
    ("ist da ein Pferd?", "yes", "ist es braun?", "ist das Pferd braun?"),
    ("welches Tier ist das?", "dog", "welche Farbe hat er?", "welche Farbe hat der Hund?"),
    ("gibt es Hunde?", "yes", "wie viele?", "wie viele Hunde gibt es?"),
    ("welche Farbe hat das Auto?", "red", "was ist mit dem Hund?", "welche Farbe hat der Hund?"),
    ("gibt es einen Hund?", "yes", "welche Farbe?", "welche Farbe hat der Hund?"),
    ("was hält der Mann?", "bottle", "und die Frau?", "was hält die Frau?"),
    ("gibt es einen Hund?", "yes", "gibt es eine Katze neben ihm?", "gibt es eine Katze neben dem Hund?"),
    ("y a-t-il un chien ?", "yes", "et de quelle couleur est-il ?", "de quelle couleur est le chien ?"),
    ("y a-t-il un chien ?", "yes", "où ?", "où est le chien ?"),
    ("y a-t-il un chien ?", "yes", "combien ?", "combien de chiens y a-t-il ?"),
    ("de quelle couleur est le chien ?", "brown", "et le chat ?", "de quelle couleur est le chat ?"),
    ("y a-t-il une femme ?", "yes", "que fait-elle ?", "que fait la femme ?"),
    ("y a-t-il un chien ?", "yes", "est-ce qu'il dort ?", "est-ce que le chien dort ?"),
    ("y a-t-il un oiseau ?", "yes", "de quelle couleur ?", "de quelle couleur est l'oiseau ?"),
    ("combien de chevaux y a-t-il ?", "3", "de quelle couleur sont-ils ?", "de quelle couleur sont les chevaux ?"),
    ("combien de chiens y a-t-il ?", "2", "et de chats ?", "combien de chats y a-t-il ?"),
    ("quel animal est-ce ?", "cat", "où est-il ?", "où est le chat ?"),
    ("je tam pes?", "yes", "a jakou má barvu?", "jakou barvu má pes?"),
    ("je na fotce pes?", "yes", "kde?", "kde je pes?"),
    ("je tam pes?", "yes", "kolik?", "kolik je tam psů?"),
    ("jakou barvu má pes?", "brown", "a kočka?", "jakou barvu má kočka?"),
    ("vidíš psa?", "yes", "co dělá?", "co dělá pes?"),
    ("je tam žena?", "yes", "co má na sobě?", "co má na sobě žena?"),
    ("kolik je tam koní?", "3", "jakou barvu mají?", "jakou barvu mají koně?"),
    ("jaké zvíře to je?", "dog", "kde je?", "kde je pes?"),
    ("je tam pes?", "yes", "je velký?", "je pes velký?"),
    ("kde je pes?", "x", "a co kočka?", "kde je kočka?"),
    ("图里有狗吗？", "yes", "它是什么颜色的？", "狗是什么颜色的？"),
    ("有狗吗？", "yes", "在哪里？", "狗在哪里？"),
    ("有狗吗？", "yes", "几只？", "有几只狗？"),
    ("狗是什么颜色的？", "brown", "猫呢？", "猫是什么颜色的？"),
    ("狗是什么颜色的？", "brown", "那猫呢？", "猫是什么颜色的？"),
    ("有一个女人吗？", "yes", "她在做什么？", "女人在做什么？"),
    ("有没有自行车？", "yes", "什么颜色？", "自行车是什么颜色的？"),
    ("这是什么动物？", "dog", "它在哪里？", "狗在哪里？"),
    ("有几匹马？", "2", "它们是什么颜色的？", "马是什么颜色的？"),
]
STANDING_ALONE = [
    ("is there a dog?", "yes", "is the man holding his hat?"),
    ("is there a dog?", "yes", "is it raining?"),
    ("is there a dog?", "yes", "What is on the table?"),
    ("gibt es einen Hund?", "yes", "regnet es?"),
    ("y a-t-il un chien ?", "yes", "pleut-il ?"),
    ("y a-t-il un chien ?", "yes", "y a-t-il une voiture ?"),
    ("je tam pes?", "yes", "prší?"),
    ("有狗吗？", "yes", "下雨了吗？"),
    ("is there a dog?", "yes", "asdf qwer"),
    ("is there a dog?", "yes", "???"),
]


@pytest.mark.parametrize(("before", "answer", "question", "full"), FOLLOWING)
def test_a_question_that_follows_another_is_asked_in_full(before: str, answer: str, question: str, full: str) -> None:
    assert resolve([Turn(before, answer)], question) == full


@pytest.mark.parametrize(("before", "answer", "question"), STANDING_ALONE)
def test_a_question_that_stands_alone_is_left_as_it_is(before: str, answer: str, question: str) -> None:
    assert resolve([Turn(before, answer)], question) == question


@pytest.mark.parametrize("question", sorted({row[3] for row in FOLLOWING}))
def test_a_question_in_full_stays_so(question: str) -> None:
    assert resolve([Turn("is there a dog?", "yes")], question) == question
    assert resolve([], question) == question


def test_a_thread_is_followed_over_several_turns() -> None:
    thread = [Turn("is there a dog?", "yes"), Turn("where?", "on the left"), Turn("and the cat?", "on the right")]
    assert resolve(thread, "what colour is it?") == "what colour is the cat?"
    assert resolve(thread[:2], "what colour is it?") == "what colour is the dog?"


def test_the_answer_is_spoken_of_before_what_was_asked_about() -> None:
    thread = [Turn("what is the man holding?", "bottle")]
    assert resolve(thread, "what colour is it?") == "what colour is the bottle?"
    assert resolve(thread, "what is he wearing?") == "what is the man wearing?"


def test_without_a_thread_nothing_is_followed() -> None:
    assert resolve([], "and what colour is it?") == "and what colour is it?"


def test_apostrophes_of_any_kind_are_read() -> None:
    assert resolve([Turn("y a-t-il un chien ?", "yes")], "est-ce qu’il dort ?") == "est-ce que le chien dort ?"


@pytest.mark.parametrize(
    "question",
    ["why?", "Why is that?", "and why?", "are you sure?", "Warum?", "pourquoi ?", "Proč?", "为什么？", "你确定吗？"],
)
def test_why_asks_about_the_answer(question: str) -> None:
    assert asks_why(question)
    assert resolve([Turn("is there a dog?", "yes")], question) == question


@pytest.mark.parametrize("question", ["why is the dog wet?", "warum ist der Hund nass?", "is there a dog?", ""])
def test_why_something_is_so_is_a_question_of_its_own(question: str) -> None:
    assert not asks_why(question)
