"""Everyday things by their names in the model's languages, with what questions about them need: articles, plurals."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

Code = Literal["en", "de", "fr", "cs", "zh"]
Gender = Literal["m", "f", "n", ""]
CODES: tuple[Code, ...] = ("en", "de", "fr", "cs", "zh")

# English; German with its article; French with the article that tells its gender; Czech with its gender, accusative,
# plural and genitive plural; Chinese with its measure word. What follows are other names of the same.
_TABLE = """
dog dogs|der Hund Hunde|un chien chiens|m pes psa psi psů|只 狗
cat cats|die Katze Katzen|un chat chats|f kočka kočku kočky koček|只 猫
horse horses|das Pferd Pferde|un cheval chevaux|m kůň koně koně koní|匹 马
cow cows|die Kuh Kühe|une vache vaches|f kráva krávu krávy krav|头 牛
sheep sheep|das Schaf Schafe|un mouton moutons|f ovce ovci ovce ovcí|只 羊
bird birds|der Vogel Vögel|un oiseau oiseaux|m pták ptáka ptáci ptáků|只 鸟
bear bears|der Bär Bären|un ours ours|m medvěd medvěda medvědi medvědů|只 熊
fish fish|der Fisch Fische|un poisson poissons|f ryba rybu ryby ryb|条 鱼
animal animals|das Tier Tiere|un animal animaux|n zvíře zvíře zvířata zvířat|只 动物
man men|der Mann Männer|un homme hommes|m muž muže muži mužů|个 男人
woman women|die Frau Frauen|une femme femmes|f žena ženu ženy žen|个 女人
boy boys|der Junge Jungen|un garçon garçons|m chlapec chlapce chlapci chlapců|个 男孩
girl girls|das Mädchen Mädchen|une fille filles|f dívka dívku dívky dívek|个 女孩
child children|das Kind Kinder|un enfant enfants|n dítě dítě děti dětí|个 孩子
baby babies|das Baby Babys|un bébé bébés|n miminko miminko miminka miminek|个 婴儿
person people|der Mensch Menschen Person Personen Leute|une personne personnes gens|m člověk člověka lidé lidí|个 人
car cars|das Auto Autos|une voiture voitures|n auto auto auta aut|辆 车
bike bikes|das Fahrrad Fahrräder|un vélo vélos|n kolo kolo kola kol|辆 自行车
bus buses|der Bus Busse|un bus bus|m autobus autobus autobusy autobusů|辆 公交车
train trains|der Zug Züge|un train trains|m vlak vlak vlaky vlaků|列 火车
boat boats|das Boot Boote|un bateau bateaux|f loď loď lodě lodí|艘 船
ball balls|der Ball Bälle|un ballon ballons|m míč míč míče míčů|个 球
chair chairs|der Stuhl Stühle|une chaise chaises|f židle židli židle židlí|把 椅子
table tables|der Tisch Tische|une table tables|m stůl stůl stoly stolů stole|张 桌子
bed beds|das Bett Betten|un lit lits|f postel postel postele postelí posteli|张 床
sofa sofas|das Sofa Sofas|un canapé canapés|f pohovka pohovku pohovky pohovek pohovce|张 沙发
lamp lamps|die Lampe Lampen|une lampe lampes|f lampa lampu lampy lamp|盏 灯
book books|das Buch Bücher|un livre livres|f kniha knihu knihy knih|本 书
bottle bottles|die Flasche Flaschen|une bouteille bouteilles|f láhev láhev láhve láhví|个 瓶子
cup cups|die Tasse Tassen|une tasse tasses|m hrnek hrnek hrnky hrnků|个 杯子
hat hats|der Hut Hüte|un chapeau chapeaux|m klobouk klobouk klobouky klobouků|顶 帽子
shirt shirts|das Hemd Hemden|une chemise chemises|f košile košili košile košil|件 衬衫
jacket jackets|die Jacke Jacken|une veste vestes|f bunda bundu bundy bund|件 夹克
dress dresses|das Kleid Kleider|une robe robes|n šaty šaty šaty šatů|条 裙子
helmet helmets|der Helm Helme|un casque casques|f helma helmu helmy helem|个 头盔
bag bags|die Tasche Taschen|un sac sacs|f taška tašku tašky tašek|个 包
flower flowers|die Blume Blumen|une fleur fleurs|f květina květinu květiny květin|朵 花
tree trees|der Baum Bäume|un arbre arbres|m strom strom stromy stromů|棵 树
house houses|das Haus Häuser|une maison maisons|m dům dům domy domů|座 房子
bridge bridges|die Brücke Brücken|un pont ponts|m most most mosty mostů|座 桥
mountain mountains|der Berg Berge|une montagne montagnes|f hora horu hory hor|座 山
clock clocks|die Uhr Uhren|une horloge horloges|f hodiny hodiny hodiny hodin|个 钟
sign signs|das Schild Schilder|un panneau panneaux|f cedule ceduli cedule cedulí|个 牌子
door doors|die Tür Türen|une porte portes|f dveře dveře dveře dveří|扇 门
window windows|das Fenster Fenster|une fenêtre fenêtres|n okno okno okna oken|扇 窗户
guitar guitars|die Gitarre Gitarren|une guitare guitares|f kytara kytaru kytary kytar|把 吉他
kite kites|der Drachen Drachen|un cerf-volant cerfs-volants|m drak draka draci draků|只 风筝
flag flags|die Flagge Flaggen|un drapeau drapeaux|f vlajka vlajku vlajky vlajek|面 旗
umbrella umbrellas|der Schirm Schirme|un parapluie parapluies|m deštník deštník deštníky deštníků|把 伞
phone phones|das Telefon Telefone|un téléphone téléphones|m telefon telefon telefony telefonů|部 电话
"""
# Names alone, all forms that questions have; the first is the usual one.
_NAMES = """
water|Wasser|eau|voda vodu vody vodě|水
snow|Schnee|neige|sníh sněhu|雪
ice|Eis|glace|led|冰
grass|Gras Rasen|herbe|tráva trávu trávy trávě|草 草地
sky|Himmel|ciel|obloha nebe|天空 天
sun|Sonne|soleil|slunce|太阳
cloud clouds|Wolke Wolken|nuage nuages|mrak mraky mraků|云
sunset|Sonnenuntergang|coucher|západ|日落
beach|Strand|plage|pláž pláže pláži|海滩 沙滩
sea ocean|Meer|mer océan|moře moři|大海 海洋 海边 海
lake|See|lac|jezero jezera|湖
river|Fluss|rivière fleuve|řeka řeku řeky|河 河流
forest|Wald|forêt|les lesa|森林 树林
field|Feld Wiese|champ pré|pole louka louku|田野
street road|Straße|rue route|ulice ulici silnice silnici|街道 路 马路
rock rocks|Felsen Stein Steine|rocher rochers pierre|skála skálu kámen kameny|石头 岩石
castle|Schloss Burg|château|hrad zámek|城堡
church|Kirche|église|kostel|教堂
tower|Turm|tour|věž|塔
building buildings|Gebäude|bâtiment bâtiments|budova budovu budovy|建筑 楼
glasses|Brille|lunettes|brýle|眼镜
beard|Bart|barbe|vousy|胡子
camera|Kamera Fotoapparat|caméra appareil|fotoaparát kamera|相机 照相机
television|Fernseher|télévision|televize|电视
computer|Computer|ordinateur|počítač|电脑
knife|Messer|couteau|nůž|刀
plate|Teller|assiette|talíř|盘子
food|Essen|nourriture|jídlo|食物
bread|Brot|pain|chléb|面包
fruit|Obst|fruit fruits|ovoce|水果
apple|Apfel|pomme|jablko|苹果
coffee|Kaffee|café|káva kávu|咖啡
wine|Wein|vin|víno|酒
leaf leaves|Blatt Blätter|feuille feuilles|list listy|叶子
fire|Feuer|feu|oheň|火
rocket|Rakete|fusée|raketa raketu|火箭
airplane plane|Flugzeug|avion|letadlo|飞机
truck|Lastwagen|camion|nákladní|卡车
motorcycle|Motorrad|moto|motorka motorku|摩托车
skateboard|Skateboard|skateboard|skateboard|滑板
toy toys|Spielzeug|jouet jouets|hračka hračky|玩具
lion|Löwe|lion|lev lva|狮子
elephant|Elefant|éléphant|slon slona|大象
panda|Panda|panda|panda pandu|熊猫
monkey|Affe|singe|opice opici|猴子
hair|Haar Haare|cheveux|vlasy|头发
eye eyes|Auge Augen|œil yeux|oko oči|眼睛
shoe shoes|Schuh Schuhe|chaussure chaussures|bota boty|鞋 鞋子
trousers|Hose|pantalon|kalhoty|裤子
sweater|Pullover|pull|svetr|毛衣
"""
_PEOPLE = frozenset("man woman boy girl child baby person".split())
_GENDERS: dict[str, Gender] = {"der": "m", "die": "f", "das": "n", "un": "m", "une": "f", "m": "m", "f": "f", "n": "n"}


@dataclass(frozen=True)
class Form:
    """What a thing is called in one language; `measure` is Chinese, `counted` is how it stands after "how many"."""

    one: str
    several: str
    counted: str
    gender: Gender = ""
    measure: str = ""


@dataclass(frozen=True)
class Thing:
    """A thing, by its forms in all languages, and whether it is somebody."""

    forms: Mapping[Code, Form]
    human: bool


@cache
def things(code: Code) -> dict[str, Thing]:
    """Things by every form of their names in a language, in small letters."""
    return {name: thing for thing, names in _all() for name in names[code]}


@cache
def _all() -> list[tuple[Thing, dict[Code, set[str]]]]:
    return [*map(_row, _TABLE.strip().splitlines()), *map(_name, _NAMES.strip().splitlines())]


def _row(line: str) -> tuple[Thing, dict[Code, set[str]]]:
    english, german, french, czech, chinese = (cell.split() for cell in line.split("|"))
    forms: dict[Code, Form] = {
        "en": Form(english[0], english[1], english[1]),
        "de": Form(german[1], german[2], german[2], _GENDERS[german[0]]),
        "fr": Form(french[1], french[2], french[2], _GENDERS[french[0]]),
        "cs": Form(czech[1], czech[3], czech[4], _GENDERS[czech[0]]),
        "zh": Form(chinese[1], chinese[1], chinese[1], measure=chinese[0]),
    }
    names = zip(CODES, (english, german[1:], french[1:], czech[1:], chinese[1:]), strict=True)
    return Thing(forms, english[0] in _PEOPLE), {code: set(map(str.lower, some)) for code, some in names}


def _name(line: str) -> tuple[Thing, dict[Code, set[str]]]:
    names = {code: cell.split() for code, cell in zip(CODES, line.split("|"), strict=True)}
    forms = {code: Form(some[0], some[0], some[0]) for code, some in names.items()}
    return Thing(forms, human=False), {code: {name.lower() for name in some} for code, some in names.items()}
