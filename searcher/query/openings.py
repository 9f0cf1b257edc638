"""What people say before the thing they look for: "show me photos of"."""

import re

_COMMANDS = (
    "show me|find me|give me|find|search for|look for|zeige? mir|finde|suche|montre-moi|montrez-moi|trouve|cherche"
    "|ukaž mi|ukaž|najdi|hledej"
)
_WHOSE = "all|any|some|the|my|our|a|an|alle|die|meine|unsere|ein|eine|toutes|les|des|mes|nos|une|un|všechny|moje|naše"
_PHOTOS = (
    "photos?|photographs?|pictures?|images?|pics?|snapshots?|fotos?|bild|bilder|aufnahmen?|photographies?"
    "|fotky|fotka|fotografie|obrázky|obrázek|snímky|snímek"
)
_TAKEN = "taken|shot|i took|we took|aufgenommen|prises|pořízené"
_OF = "(?: (?:of|with|showing|containing|von|vom|mit|de|du|des|avec|s|se)(?: |$)| d['’]|$)"
_CZECH = "(?:fotky|fotografie|obrázky|snímky) "  # needs no "of"
_OPENING = re.compile(
    rf"(?:(?:{_COMMANDS})(?: |$))?(?:(?:(?:{_WHOSE}) ){{0,3}}(?:(?:{_PHOTOS})(?: (?:{_TAKEN}))?{_OF}|{_CZECH}))?",
    re.IGNORECASE,
)
_CHINESE_PHOTOS = "(?:照片|图片|圖片|相片|写真)"
_CHINESE_OPENING = re.compile(
    rf"(?:[请請]?(?:帮我找|给我看|給我看|查找|搜索|显示|顯示))?(?:(?:所有的?)?{_CHINESE_PHOTOS}$)?"
)
_CHINESE_CLOSING = re.compile(rf"[的の]{_CHINESE_PHOTOS}$")


def without_opening(text: str) -> str:
    """The text, with single spaces, without "show me photos of" and the like; may be empty.

    "Photos" goes where something follows that makes it an opening, such as "of", or nothing: "photo album" stays.
    """
    for opening in (_OPENING, _CHINESE_OPENING):
        if found := opening.match(text):
            text = text[found.end() :]
    return _CHINESE_CLOSING.sub("", text).strip()
