"""Follow-up questions in Chinese, which has neither articles nor plurals."""

import re

from searcher.followups.language import Language, Noun, ellipses, pattern, replace_noun
from vlm.things import things

_MEASURES = "只個个條条匹头頭辆輛张張把本棵座位朵艘件顶頂架台面部扇盏列"
_BARE = re.compile(
    rf"(?:有没有|有沒有|有几|有多少|有|几|多少)(?:[一二两三]?[{_MEASURES}])?(?P<some>[^吗嗎呢在是？?，,]+)"
    r"|^(?P<first>[^这那图圖照它他她什有几多哪谁在，,？?]{1,6}?)(?=是|在|有|穿|戴|拿|长|多)"
)
_ORDER = re.compile(rf"^[一二两三这那][{_MEASURES}]")


def _find(text: str) -> Noun | None:
    known = things("zh")
    # The longest name first, since one may hold another: 自行车, 车.
    spans = [(text.find(name), -len(name), name) for name in known if name in text and len(name) > 1]
    spans += [(found.start(), -1, found[0]) for found in re.finditer("|".join(n for n in known if len(n) == 1), text)]
    if bare := _BARE.search(text):
        group = "some" if bare["some"] else "first"
        start = bare.start(group)
        inside = [span for span in spans if start <= span[0] < bare.end(group)]
        if not inside:
            return Noun("zh", "", bare[group], start, bare.end(group))
    for start, _, name in sorted(spans):
        return Noun("zh", "", name, start, start + len(name))
    return None


def _values(noun: Noun) -> dict[str, str]:
    measure = noun.thing.forms["zh"].measure if noun.thing else ""
    return {"the": noun.words, "counted": (f"几{measure}" if measure else "多少") + noun.words}


def _fits(who: str, noun: Noun) -> bool:
    return not noun.human if who in ("它", "它们", "牠") else noun.human or noun.thing is None


def _fill(question: str, noun: Noun, what: str) -> str:
    place = re.fullmatch(r"(?:在)?(.+?(?:里|上|下|边|面|中|景))", what)
    if place and not question.startswith(place[1]):
        return f"{place[1]}{question}"
    return replace_noun(question, noun, _ORDER.sub("", what))


CHINESE = Language(
    code="zh",
    marks=frozenset(),
    lead=pattern(r"^(?:那么?|还有|還有|而且|然后)[，,]?"),
    asks=pattern(r"(?:有|是|什么|谁|哪|几|多少|为什么|怎么|图|照片|这)"),
    about=pattern(r"(?:那么?|还有|還有)?(.+?)呢"),
    empty=pattern(r"下雨|下雪|白天|晚上|夜里|室内|室外|天气"),
    ellipses=ellipses(
        r"""
        (?:是)?(?:什么|甚么|啥|哪种)[颜顏]色(?:的)?呢? => {the}是什么颜色的
        在?(?:哪里|哪裡|哪儿|哪|什么地方)呢? => {the}在哪里
        有?(?:几|多少)[只個个條条匹头辆张把本棵座位朵艘件顶架台面部]?呢? => 有{counted}
        在?(?:做|干|幹)(?:什么|啥)呢? => {the}在做什么
        (?:是)?谁呢? => {the}是谁
        (?:是)?什么(?:品种|種类|种类)(?:的)?呢? => {the}是什么品种
        多(大|高|老|长)呢? => {the}有多\1
        """
    ),
    pronouns=pattern(r"(?P<who>[它牠他她]们?)"),
    within=pattern(r"[在和跟]$"),
    why=pattern(r"为什么呢?|為什麼呢?|怎么(?:知道|看出来)的?|(?:你)?确定吗"),
    find=_find,
    values=_values,
    fits=_fits,
    instead=lambda _, noun: noun.words,
    fill=_fill,
    mark="？",
)
