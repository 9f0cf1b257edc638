"""Questions that no picture answers, and those that some do, in five languages, and what the built-in model says."""

from collections.abc import Callable
from pathlib import Path

import pytest

import vlm
from searcher.results import UNSURE
from vlm.picture import open_picture
from vlm.protocols import Answer
from vlm.unseen import unseen

UNANSWERABLE = {
    "en": [
        "what do they call this dog?",
        "who took care of the horse?",
        "what did the man have for breakfast?",
        "is the wine expensive?",
        "what is the officer's rank and name?",
        "what was the weather like the day before?",
        "are the musicians friends?",
        "who does the boat belong to?",
        "what is the meaning of life?",
        "do the dogs have an owner?",
        "what will happen when the rocket lands?",
        "how much does the guitar weigh?",
        "what is the woman's opinion of this?",
        "is the cat hungry?",
        "where did he buy his camera?",
        "how old is the bridge?",
        "which school did he go to?",
        "does the coffee taste good?",
        "when is her birthday?",
        "what time did they arrive?",
        "what is the wifi password?",
        "who designed this tower?",
        "what language does she speak?",
        "how many children does he have?",
        "is he a good person?",
        "what does the fox say?",
        "did they win the game?",
        "what is he going to buy?",
        "why are there no people?",
        "who is the man looking at the camera?",
    ],
    "de": [
        "wie wird dieser Hund genannt?",
        "wer hat sich um das Pferd gekümmert?",
        "was hat der Mann gefrühstückt?",
        "ist der Wein teuer?",
        "wie heißt der Offizier?",
        "wie war das Wetter am Tag davor?",
        "sind die Musiker befreundet?",
        "wem gehört das Boot?",
        "was ist der Sinn des Lebens?",
        "haben die Hunde einen Besitzer?",
        "was passiert, wenn die Rakete landet?",
        "wie viel wiegt die Gitarre?",
        "was hält die Frau davon?",
        "hat die Katze Hunger?",
        "wo hat er seine Kamera gekauft?",
        "wie alt ist die Brücke?",
        "welche Schule hat er besucht?",
        "schmeckt der Kaffee gut?",
        "wann hat sie Geburtstag?",
        "wann sind sie angekommen?",
        "wie lautet das WLAN-Passwort?",
        "wer hat diesen Turm entworfen?",
        "welche Sprache spricht sie?",
        "wie viele Kinder hat er?",
        "ist er ein guter Mensch?",
        "was denkt er gerade?",
        "haben sie das Spiel gewonnen?",
        "was wird er kaufen?",
        "warum sind keine Menschen da?",
        "wer ist der Mann, der in die Kamera schaut?",
    ],
    "fr": [
        "comment appelle-t-on ce chien ?",
        "qui s'est occupé du cheval ?",
        "qu'est-ce que l'homme a mangé ce matin ?",
        "le vin est-il cher ?",
        "comment s'appelle l'officier ?",
        "quel temps faisait-il la veille ?",
        "les musiciens sont-ils amis ?",
        "à qui appartient le bateau ?",
        "quel est le sens de la vie ?",
        "les chiens ont-ils un maître ?",
        "que se passera-t-il quand la fusée atterrira ?",
        "combien pèse la guitare ?",
        "que pense la femme ?",
        "le chat a-t-il faim ?",
        "où a-t-il acheté son appareil photo ?",
        "quel âge a le pont ?",
        "à quelle école est-il allé ?",
        "le café est-il bon ?",
        "quand est son anniversaire ?",
        "quand sont-ils arrivés ?",
        "quel est le mot de passe ?",
        "qui a conçu cette tour ?",
        "quelle langue parle-t-elle ?",
        "combien d'enfants a-t-il ?",
        "est-il une bonne personne ?",
        "à quoi pense-t-il ?",
        "ont-ils gagné le match ?",
        "que va-t-il acheter ?",
        "pourquoi n'y a-t-il personne ?",
        "qui est l'homme qui regarde l'appareil ?",
    ],
    "cs": [
        "jak se tomu psovi říká?",
        "kdo se staral o koně?",
        "co měl muž k snídani?",
        "je to víno drahé?",
        "jak se jmenuje ten důstojník?",
        "jaké bylo počasí den předtím?",
        "jsou hudebníci přátelé?",
        "komu patří ta loď?",
        "jaký je smysl života?",
        "mají ti psi majitele?",
        "co se stane, až raketa přistane?",
        "kolik váží kytara?",
        "co si o tom žena myslí?",
        "má kočka hlad?",
        "kde koupil fotoaparát?",
        "jak starý je ten most?",
        "do jaké školy chodil?",
        "chutná ta káva dobře?",
        "kdy má narozeniny?",
        "kdy přijeli?",
        "jaké je heslo k wifi?",
        "kdo navrhl tuhle věž?",
        "jakým jazykem mluví?",
        "kolik má dětí?",
        "je to dobrý člověk?",
        "na co myslí?",
        "vyhráli ten zápas?",
        "co si koupí?",
        "proč tam nejsou lidé?",
        "kdo je ten muž, který se dívá do kamery?",
    ],
    "zh": [
        "这只狗叫什么？",
        "谁照顾这匹马？",
        "这个男人早餐吃了什么？",
        "这酒贵吗？",
        "这位军官叫什么名字？",
        "前一天天气怎么样？",
        "这些音乐家是朋友吗？",
        "这条船是谁的？",
        "生命的意义是什么？",
        "这些狗有主人吗？",
        "火箭着陆后会怎样？",
        "吉他有多重？",
        "这个女人怎么看？",
        "猫饿了吗？",
        "他在哪里买的相机？",
        "这座桥有多少年了？",
        "他上的是哪所学校？",
        "咖啡好喝吗？",
        "她的生日是哪天？",
        "他们什么时候到的？",
        "无线密码是什么？",
        "谁设计了这座塔？",
        "她说什么语言？",
        "他有几个孩子？",
        "他是好人吗？",
        "他在想什么？",
        "他们赢了比赛吗？",
        "他要买什么？",
        "为什么没有人？",
        "看着镜头的男人是谁？",
    ],
}
ANSWERABLE = {
    "en": [
        "is there a dog?",
        "how many dogs are there?",
        "what animal is it?",
        "is there a cat?",
        "what colour is the dog?",
        "is there a horse?",
        "how many horses are there?",
        "is there a person?",
        "is there a boat?",
        "is there water?",
        "are there people?",
        "what is the person wearing?",
        "is there a guitar?",
        "what colour is the bear?",
        "is it indoors or outdoors?",
        "is it indoors or outdoors?",
        "is there a clock?",
        "what colour is the flower?",
        "is there a kite?",
        "what is the man holding?",
        "is there a man?",
        "what colour is the hat?",
        "is there a dog?",
        "is there water?",
        "is there snow?",
        "what animal is it?",
        "is there a bird?",
        "is there a cup?",
        "are there trees?",
        "what are the dogs doing?",
    ],
    "de": [
        "gibt es einen Hund?",
        "wie viele Hunde gibt es?",
        "welches Tier ist das?",
        "ist da eine Katze?",
        "welche Farbe hat der Hund?",
        "gibt es ein Pferd?",
        "wie viele Pferde gibt es?",
        "ist da ein Mensch?",
        "gibt es ein Boot?",
        "gibt es Wasser?",
        "sind da Menschen?",
        "was trägt die Person?",
        "gibt es eine Gitarre?",
        "welche Farbe hat der Bär?",
        "ist es drinnen oder draußen?",
        "ist es drinnen oder draußen?",
        "gibt es eine Uhr?",
        "welche Farbe hat die Blume?",
        "gibt es einen Drachen?",
        "was hält der Mann?",
        "gibt es einen Mann?",
        "welche Farbe hat der Hut?",
        "gibt es einen Hund?",
        "gibt es Wasser?",
        "gibt es Schnee?",
        "welches Tier ist das?",
        "gibt es einen Vogel?",
        "gibt es eine Tasse?",
        "gibt es Bäume?",
        "was machen die Hunde?",
    ],
    "fr": [
        "y a-t-il un chien ?",
        "combien de chiens y a-t-il ?",
        "quel animal est-ce ?",
        "y a-t-il un chat ?",
        "de quelle couleur est le chien ?",
        "y a-t-il un cheval ?",
        "combien de chevaux y a-t-il ?",
        "y a-t-il une personne ?",
        "y a-t-il un bateau ?",
        "y a-t-il de l'eau ?",
        "y a-t-il des gens ?",
        "que porte la personne ?",
        "y a-t-il une guitare ?",
        "de quelle couleur est l'ours ?",
        "est-ce à l'intérieur ou à l'extérieur ?",
        "est-ce à l'intérieur ou à l'extérieur ?",
        "y a-t-il une horloge ?",
        "de quelle couleur est la fleur ?",
        "y a-t-il un cerf-volant ?",
        "que tient l'homme ?",
        "y a-t-il un homme ?",
        "de quelle couleur est le chapeau ?",
        "y a-t-il un chien ?",
        "y a-t-il de l'eau ?",
        "y a-t-il de la neige ?",
        "quel animal est-ce ?",
        "y a-t-il un oiseau ?",
        "y a-t-il une tasse ?",
        "y a-t-il des arbres ?",
        "que font les chiens ?",
    ],
    "cs": [
        "je tam pes?",
        "kolik je tam psů?",
        "jaké je to zvíře?",
        "je tam kočka?",
        "jakou barvu má pes?",
        "je tam kůň?",
        "kolik je tam koní?",
        "je tam člověk?",
        "je tam loď?",
        "je tam voda?",
        "jsou tam lidé?",
        "co má člověk na sobě?",
        "je tam kytara?",
        "jakou barvu má medvěd?",
        "je to uvnitř nebo venku?",
        "je to uvnitř nebo venku?",
        "jsou tam hodiny?",
        "jakou barvu má květina?",
        "je tam drak?",
        "co drží muž?",
        "je tam muž?",
        "jakou barvu má klobouk?",
        "je tam pes?",
        "je tam voda?",
        "je tam sníh?",
        "jaké je to zvíře?",
        "je tam pták?",
        "je tam hrnek?",
        "jsou tam stromy?",
        "co dělají psi?",
    ],
    "zh": [
        "有狗吗？",
        "有几只狗？",
        "这是什么动物？",
        "有猫吗？",
        "狗是什么颜色的？",
        "有马吗？",
        "有几匹马？",
        "有人吗？",
        "有船吗？",
        "有水吗？",
        "有人吗？",
        "这个人穿着什么？",
        "有吉他吗？",
        "熊是什么颜色的？",
        "这是室内还是室外？",
        "这是室内还是室外？",
        "有钟吗？",
        "花是什么颜色的？",
        "有风筝吗？",
        "男人拿着什么？",
        "有男人吗？",
        "帽子是什么颜色的？",
        "有狗吗？",
        "有水吗？",
        "有雪吗？",
        "这是什么动物？",
        "有鸟吗？",
        "有杯子吗？",
        "有树吗？",
        "狗在做什么？",
    ],
}
# The photographs that these are asked about, by the names of their files, in the same order.
ASKED_IN_VAIN = (
    "two_dogs horses photographer wine_room navy_officer lake_at_dusk orchestra rowing_boats forest_path "
    "two_dogs rocket guitar_and_drums astronaut cat photographer bridge navy_officer coffee astronaut "
    "orchestra clock eiffel_tower astronaut photographer navy_officer raccoon orchestra photographer "
    "mountains navy_officer"
).split()
ASKED = (
    "two_dogs two_dogs cat cat german_shepherd dairy_cow horses fig rowing_boats bridge orchestra "
    "astronaut guitar_and_drums polar_bear lake_at_dusk wine_room clock orange_flower kite photographer "
    "navy_officer navy_officer panda stream mountains macaw nuthatch coffee forest_path two_dogs"
).split()


Ask = Callable[[list[str], list[str]], list[tuple[str, Answer]]]


@pytest.fixture(scope="module")
def ask(photos: Path) -> Ask:
    """Asks the built-in model about photographs by their names: each question with its answer."""
    model = vlm.load()
    paths = {path.stem: path for path in photos.rglob("*.jpg")}
    names = sorted({*ASKED, *ASKED_IN_VAIN})
    seen = model.look([open_picture(paths[name], model.image_size).image for name in names])

    def answers(about: list[str], questions: list[str]) -> list[tuple[str, Answer]]:
        found = model.answer(seen.take([names.index(name) for name in about]), questions)
        return list(zip(questions, found, strict=True))

    return answers


@pytest.mark.parametrize("code", UNANSWERABLE)
def test_nothing_that_pictures_leave_open_is_answered(code: str, ask: Ask) -> None:
    found = ask(ASKED_IN_VAIN, UNANSWERABLE[code])
    answered = [question for question, answer in found if answer.confidence >= UNSURE and not unseen(question)]
    assert answered == []
    assert sum(unseen(text) is not None for text in UNANSWERABLE[code]) >= 27  # of 30, by their words alone


@pytest.mark.parametrize("code", ANSWERABLE)
def test_what_pictures_tell_is_answered(code: str, ask: Ask) -> None:
    found = ask(ASKED, ANSWERABLE[code])
    refused = [question for question, answer in found if answer.confidence < UNSURE or unseen(question)]
    assert refused == []


def test_what_is_not_told_is_said_in_words() -> None:
    assert unseen("What is the dog's name?") == "names"
    assert unseen("à quoi pense-t-il ?") == "what somebody thinks, knows, likes or wants"
    assert unseen("wie teuer war das?") == "what things cost or weigh"
    assert unseen("proč je pes mokrý?") == "the reasons for what it shows"
    assert unseen("谁画的？") == "whose things are, or who made them"
    assert unseen("") is None


def test_a_long_question_is_read_to_its_end() -> None:
    assert unseen("what is the " + "of the " * 130) is None
