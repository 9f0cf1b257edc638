"""The words of dates in English, German, French and Czech, as tables for `searcher.query.dates`.

All in small letters; an entry may be several words. Adding a language is adding a table.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from searcher.query.stretches import Unit


def _several(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


def _numbered(text: str, numbers: Iterable[int]) -> dict[str, int]:
    """Names of things in their order: "spring|autumn,fall" with 3 and 9."""
    return {name: number for names, number in zip(text.split("|"), numbers, strict=True) for name in names.split(",")}


def _months(text: str) -> dict[str, int]:
    return _numbered(text, range(1, 13))


def _seasons(text: str) -> dict[str, int]:
    """The month that each season begins with."""
    return _numbered(text, (3, 6, 9, 12))


def _units(text: str) -> dict[str, Unit]:
    names: tuple[Unit, ...] = ("day", "week", "weekend", "month", "year")
    return {name: unit for words, unit in zip(text.split("|"), names, strict=True) for name in words.split(",")}


@dataclass(frozen=True)
class Words:
    """How one language speaks of dates.

    months, seasons: the number of the (first) month; units, numbers: as named; days: how many days ago;
    years: how many years ago, where that is one word; christmas: its names; last, this: before a unit,
    month or season; last_follows: after it; recent: "last" in "the last 3 months"; ago_leads, ago_follows:
    "ago", by where it stands; within, since, before, after, until: prepositions; ranges: what opens a
    range, and what stands in its middle; joins: and, or; fillers: words before a date that change nothing.
    """

    months: Mapping[str, int]
    seasons: Mapping[str, int]
    units: Mapping[str, Unit]
    numbers: Mapping[str, int]
    days: Mapping[str, int]
    christmas: frozenset[str]
    last: frozenset[str]
    this: frozenset[str]
    recent: frozenset[str]
    within: frozenset[str]
    since: frozenset[str]
    before: frozenset[str]
    after: frozenset[str]
    until: frozenset[str]
    ranges: tuple[tuple[frozenset[str], frozenset[str]], ...]
    joins: frozenset[str]
    fillers: frozenset[str]
    years: Mapping[str, int] = field(default_factory=dict)
    ago_leads: frozenset[str] = frozenset()
    ago_follows: frozenset[str] = frozenset()
    last_follows: frozenset[str] = frozenset()

    @cached_property
    def marks(self) -> frozenset[str]:
        """Words of which each date has one, unless it has a year in digits; most texts have none."""
        tables = self.months, self.seasons, self.units, self.days, self.years, self.christmas
        return frozenset(entry.rpartition(" ")[2] for table in tables for entry in table)

    @cached_property
    def openers(self) -> frozenset[str]:
        """The first words of all that may begin a date."""
        return frozenset(entry.partition(" ")[0] for entry in self._entries())

    @cached_property
    def several(self) -> frozenset[str]:
        """The first words of entries of several words."""
        return frozenset(entry.partition(" ")[0] for entry in self._entries() if " " in entry)

    def _entries(self) -> Iterator[str]:
        return chain(
            *(self.months, self.seasons, self.units, self.numbers, self.days, self.years, self.christmas),
            *(self.last, self.this, self.recent, self.ago_leads, self.within, self.since, self.before, self.after),
            *(self.until, self.fillers, *chain.from_iterable(self.ranges)),
        )


ENGLISH = Words(
    months=_months(
        "january,jan|february,feb|march,mar|april,apr|may|june,jun|july,jul|august,aug|september,sep,sept|october,oct"
        "|november,nov|december,dec"
    ),
    seasons=_seasons("spring|summer|autumn,fall|winter"),
    units=_units("day,days|week,weeks|weekend,weekends|month,months|year,years"),
    numbers=_numbered("a,an,one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve", range(1, 13)),
    days=_numbered("today|yesterday|day before yesterday", range(3)),
    christmas=_several("christmas|xmas"),
    last=_several("last|past|previous"),
    this=_several("this"),
    recent=_several("last|past"),
    ago_follows=_several("ago"),
    within=_several("in|on|at|during|from|over|within"),
    since=_several("since"),
    before=_several("before"),
    after=_several("after"),
    until=_several("until|till|up to"),
    ranges=((_several("from"), _several("to|until|till|-|–")), (_several("between"), _several("and"))),
    joins=_several("and|or"),
    fillers=_several("the|of|month of|the month of"),
)
GERMAN = Words(
    months=_months(
        "januar,jänner,jan|februar,feber,feb|märz|april,apr|mai|juni|juli|august,aug|september,sept|oktober,okt"
        "|november,nov|dezember,dez"
    ),
    seasons=_seasons("frühling,frühjahr|sommer|herbst|winter"),
    units=_units(
        "tag,tage,tagen|woche,wochen|wochenende,wochenenden|monat,monate,monaten,monats|jahr,jahre,jahren,jahres"
    ),
    numbers=_numbered("ein,eine,einem,einer|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf", range(1, 13)),
    days=_numbered("heute|gestern|vorgestern", range(3)),
    christmas=_several("weihnachten"),
    last=frozenset(
        stem + ending for stem in ("letzt", "vorig", "vergangen") for ending in ("e", "en", "er", "es", "em")
    ),
    this=_several("diese|diesen|dieser|dieses|diesem"),
    recent=_several("letzten|letzte|vergangenen"),
    ago_leads=_several("vor"),
    within=_several("im|in|am|an|zu|von|vom|aus|während|in den|aus den|aus dem"),
    since=_several("seit|ab"),
    before=_several("vor"),
    after=_several("nach"),
    until=_several("bis"),
    ranges=((_several("von|vom"), _several("bis|-|–")), (_several("zwischen"), _several("und"))),
    joins=_several("und|oder"),
    fillers=_several("dem|den|der|des"),
)
FRENCH = Words(
    months=_months(
        "janvier|février,fevrier|mars|avril|mai|juin|juillet|août,aout|septembre|octobre|novembre|décembre,decembre"
    ),
    seasons=_seasons("printemps|été|automne|hiver"),
    units=_units("jour,jours|semaine,semaines|week-end,week-ends,weekend|mois|an,ans,année,années,annee"),
    numbers=_numbered("un,une|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze", range(1, 13)),
    days=_numbered("aujourd'hui|hier|avant-hier", range(3)),
    christmas=_several("noël|noel"),
    last=frozenset(),
    last_follows=_several("dernier|dernière|derniere|passé|passée"),
    this=_several("ce|cet|cette"),
    recent=_several("derniers|dernières|dernieres"),
    ago_leads=_several("il y a"),
    within=_several("en|au|à|le|de|du|d'|pendant|durant|au cours"),
    since=_several("depuis|dès|à partir de"),
    before=_several("avant"),
    after=_several("après"),
    until=_several("jusqu'en|jusqu'à|jusqu'au"),
    ranges=((_several("de|d'"), _several("à|jusqu'à|jusqu'en|-|–")), (_several("entre"), _several("et"))),
    joins=_several("et|ou"),
    fillers=_several("l'|le|la|les|des|ces|de|mois de|le mois de"),
)
CZECH = Words(
    months=_months(
        "leden,ledna,lednu|únor,února,únoru|březen,března,březnu|duben,dubna,dubnu|květen,května,květnu"
        "|červen,června,červnu|červenec,července,červenci|srpen,srpna,srpnu|září|říjen,října,říjnu"
        "|listopad,listopadu|prosinec,prosince,prosinci"
    ),
    seasons=_seasons("jaro,jara,jaře|léto,léta,létě|podzim,podzimu|zima,zimy,zimě,zimu"),
    units=_units(
        "den,dny,dní,dnů,dnech|týden,týdny,týdnů,týdnem,týdnech|víkend,víkendu,víkendy|měsíc,měsíce,měsíců,měsícem,měsíci,měsících"
        "|rok,roky,roků,roku,rokem,roce,let,lety,letech"
    ),
    numbers=_numbered(
        "jeden,jedním|dva,dvě,dvěma|tři,třemi|čtyři,čtyřmi|pět,pěti|šest,šesti|sedm,sedmi|osm,osmi|devět,devíti|deset,deseti",
        range(1, 11),
    ),
    days=_numbered("dnes|včera|předevčírem", range(3)),
    years=_numbered("letos|loni,vloni|předloni", range(3)),
    christmas=_several("vánoce|vánoc|vánocích"),
    last=_several("minulý|minulé|minulou|minulém|minulého|minulá"),
    this=_several("tento|toto|tuto|tomto|této|tohoto"),
    recent=_several("poslední|posledních"),
    ago_leads=_several("před"),
    within=_several("v|ve|na|o|z|ze|během|za"),
    since=_several("od"),
    before=_several("před"),
    after=_several("po"),
    until=_several("do"),
    ranges=((_several("od"), _several("do|-|–")), (_several("mezi"), _several("a"))),
    joins=_several("a|nebo"),
    fillers=frozenset(),
)
LANGUAGES = (ENGLISH, GERMAN, FRENCH, CZECH)
