"""Questions about a photo that its file answers, not its pixels: when, where and with what it was taken, and what
text was read in it."""

import re
from typing import Literal, NamedTuple

from searcher.results import Photo

_ITS = r"(?:this|that|the|it|these) ?(?:photo|picture|image|shot)?"
_ASKED = {
    "when": rf"""
        \bwhen (?:was|were|is|did) (?:{_ITS}|you|i|we) ?(?:taken|shot|made|photographed|take (?:this|it|the \w+))
        \b(?:what|which) (?:year|month|day|date|time) (?:was|is) (?:{_ITS})(?: from| taken)?|\bhow old is (?:this|the) (?:photo|picture|image)\b|\bdate of (?:this|the) (?:photo|picture|image)
        \bwann (?:wurde|ist|war|hast du|habe ich) (?:das|dies\w*|die\w*)(?: foto| bild| aufnahme)? ?(?:aufgenommen|gemacht|entstanden|geschossen|fotografiert)\b|\bvon wann (?:ist|stammt)\b|\baus welchem jahr\b
        \bquand (?:a été prise?|cette (?:photo|image) a-t-elle été|est-ce que cette photo a été|a-t-on pris|ai-je pris)\b|\bde quand date\b|\bde quelle année (?:est|date)\b
        \bkdy (?:byla?o? ?)?(?:to |tahle |tato |ta |tento )?(?:fotka|fotografie|snímek|obrázek)? ?(?:byla?o? )?(?:vyfocen\w*|pořízen\w*|focen\w*)\b|\bz kdy je\b|\bz (?:jakého|kterého) roku je\b
        什么时候(?:拍|照)|(?:拍摄|拍照)(?:时间|日期)|哪(?:一)?年(?:拍|照)|几时拍
        """,
    "where": rf"""
        \bwhere (?:was|were|did) (?:{_ITS}|you|i|we) ?(?:taken|shot|made|photographed|take (?:this|it|the \w+))|\b(?:what|which) (?:place|city|town|country) (?:is|was) (?:{_ITS})|\bwhere is this$|\blocation of (?:this|the) (?:photo|picture)
        \bwo (?:wurde|ist|war|habe ich) (?:das|dies\w*)(?: foto| bild| aufnahme)? ?(?:aufgenommen|gemacht|entstanden|fotografiert)\b|\bwo (?:ist|war) das$|\b(?:in welche[rm]|welche) (?:stadt|land|ort) (?:ist|war|wurde)\b
        \boù (?:a été prise?|cette (?:photo|image) a-t-elle été|ai-je pris|est-ce que cette photo|est-ce$|c'est$)|\b(?:dans )?quel(?:le)? (?:ville|pays) (?:est-ce|a été)
        \bkde (?:byla?o? ?)?(?:to |tahle |tato |ta |tento )?(?:fotka|fotografie|snímek|obrázek)? ?(?:byla?o? )?(?:vyfocen\w*|pořízen\w*|focen\w*)\b|\bkde (?:je to|to je)$|\b(?:ve kterém|v jakém) (?:městě|státě)
        (?:在)?(?:哪里|哪儿|什么地方)(?:拍|照)|拍摄地(?:点)?|(?:这|照片)是?在?哪里$
        """,
    "camera": r"""
        \b(?:what|which) (?:camera|phone|device)\b.*\b(?:taken|used|use|made|shot|take|this|it)\b|\bwith (?:what|which) camera\b
        \b(?:mit )?welche[rsmn]? (?:kamera|handy|fotoapparat|gerät)\b
        \b(?:avec )?quel(?:le)? (?:appareil(?: photo)?|caméra|téléphone)\b
        \b(?:jakým|kterým) (?:fotoaparátem|telefonem|mobilem)\b|\bčím (?:to )?bylo? (?:to )?(?:vy)?foceno
        (?:什么|哪个|哪台|哪部)(?:相机|照相机|手机|设备)
        """,
    "lens": r"\b(?:what|which) lens\b|\bwelche[sm]? objektiv\b|\bquel objectif\b|\b(?:jakým|kterým) objektivem\b|什么镜头|哪个镜头",
    "size": r"""
        \b(?:resolution|how many (?:mega)?pixels|size of (?:this|the) (?:photo|picture|image)|how (?:big|large) is (?:this|the) (?:photo|picture|image))\b
        \b(?:auflösung|wie ?viele (?:mega)?pixel)\b
        \b(?:résolution|combien de (?:méga)?pixels)\b
        \b(?:rozlišení|kolik (?:mega)?pixelů)\b
        分辨率|多少像素
        """,
    "text": r"""
        \bwhat (?:does|do|did) (?:it|this|that|the|these) ?(?:\w+ )*?(?:say|read)s?$|\bwhat (?:is|'s) (?:written|printed|the text|the writing|on the sign|the inscription)|\b(?:read|what is) (?:me )?(?:out )?the (?:text|sign|words|label|title|writing)|\bwhat (?:word|text|number|letter)s? (?:is|are|can)\b|\bname on (?:the|it)\b
        \bwas (?:steht|sagt) (?:auf|in|an|das|der|da|dort|hier)\b(?!.*\b(?:tisch|stuhl|wiese|straße)\b)|\bwas ist (?:dort |da |hier )?(?:auf .* )?geschrieben\b|\b(?:lies|wie lautet) (?:den|der) (?:text|aufschrift)
        \bque dit (?:le panneau|l'affiche|le texte|la pancarte|l'enseigne|l'étiquette)|\bqu'est-ce qui est écrit|\bqu'est-il écrit|\bque lit-on\b|\bquel (?:est le )?texte\b
        \bco (?:je |tam )?(?:je )?(?:tam |na .* )?(?:napsáno|napsané|píše|stojí na (?:ceduli|nápisu|tabuli))|\bco říká (?:cedule|nápis|tabule)|\bjaký (?:je )?(?:tam )?(?:text|nápis)
        写(?:着|了|的是)?什么|什么(?:字|文字)|(?:牌子|标志|招牌)上?(?:说|写)
        """,
}
_PATTERNS = {
    kind: re.compile("|".join(f"(?:{line.strip()})" for line in lines.strip().splitlines()), re.IGNORECASE)
    for kind, lines in _ASKED.items()
}
_PRICE = re.compile(r"[$€£¥]\s?\d|\d\s?(?:€|kč|eur|usd|元|円|fr\.)", re.IGNORECASE)
_LONGEST_TEXT = 500  # characters of a reading that are told


Source = Literal["picture", "details", "text", "nothing"]


class Fact(NamedTuple):
    """What a photo's file, or a reading of it, says: None where it says nothing; `source` is details or text."""

    answer: str | None
    source: Source
    note: str


def fact(photo: Photo | None, question: str) -> Fact | None:
    """The answer from what is known about a photo; None if the question is not about that.

    Without a photo of a library nothing is known. "Where is this?" is about the picture where the file is silent.
    """
    text = " ".join(question.replace("’", "'").lower().split()).strip(" ?？!.。")
    kind = next((kind for kind, pattern in _PATTERNS.items() if pattern.search(text)), None)
    if kind is None:
        return None
    if kind == "text":
        return _text(photo)
    if photo is None:
        return Fact(None, "details", "the file is not in a library, which would know what it says about itself")
    said = _said(photo, kind)
    if said is None and kind == "where":
        return None
    note = "from what the file says about itself" if said else f"the file does not say {_MISSING[kind]}"
    return Fact(said, "details", note)


def price(photo: Photo | None) -> Fact | None:
    """The text in a photo if a price stands there, for questions that nothing else in a picture answers."""
    return _text(photo) if photo and _PRICE.search(photo.text) else None


_MISSING = {
    "when": "when it was taken",
    "where": "where it was taken",
    "camera": "with which camera it was taken",
    "lens": "with which lens it was taken",
    "size": "how large it is",
}


def _said(photo: Photo, kind: str) -> str | None:
    said = photo.details
    if kind == "size":
        return f"{photo.width} x {photo.height} pixels ({photo.width * photo.height / 1e6:.1f} megapixels)"
    if said is None:
        return None
    match kind:
        case "when":
            taken = said.taken_at
            return f"{taken.day} {taken:%B %Y, %H:%M}" if taken else None
        case "where":
            point = f"{said.latitude:.5f}, {said.longitude:.5f}" if said.latitude and said.longitude else None
            return photo.place or point
        case "camera":
            return said.camera
    return said.lens


def _text(photo: Photo | None) -> Fact | None:
    """What was read in it; None where nothing was, since a model may still see it."""
    if photo is None or not photo.text:
        return None
    lines = " / ".join(line.strip() for line in photo.text.splitlines() if line.strip())
    return Fact(lines[:_LONGEST_TEXT], "text", "from the text that was read in it")
