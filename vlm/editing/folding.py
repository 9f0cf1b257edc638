"""Text as instructions are compared: small letters without accents, and what was written for each of them."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_PLAIN = {ord(sign): plain for signs, plain in (("’‘ʼ`´", "'"), ("–—−‐‑", "-")) for sign in signs}
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
# Traditional characters and the simplified ones, of the words in instructions.toml.
_PAIRS = """
調调 變变 轉转 銳锐 飽饱 對对 圖图 張张 顏颜 紅红 藍蓝 綠绿 黃黄 寫写 點点 讓让 請请 個个
後后 鏡镜 縮缩 側侧 這这 臉脸 馬马 順顺 時时 針针 選选 鮮鲜 豔艳 艷艳 溫温 暈晕 將将 給给
幫帮 許许 強强 減减 來来 標标 題题 燈灯 隻只 條条 別别 動动 間间 們们 開开 灑洒 換换 畫画
風风 過过 邊边 樣样 為为 萬万 體体 並并 還还 著着 懷怀 舊旧 復复 層层 淺浅 濃浓 熱热 橫横
豎竖 寬宽 裡里 裏里 賽赛 顛颠 虛虚 壓压 刪删 塗涂 處处 餘余 與与 輕轻 徹彻 極极 顯显
"""
_SIMPLIFIED = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}


@dataclass(frozen=True)
class Folded:
    """Text as it is compared, and for each of its characters what was written there ("ß" is ss, "é" is e)."""

    text: str
    written: tuple[str, ...]

    def __getitem__(self, part: slice) -> "Folded":
        return Folded(self.text[part], self.written[part])

    def __add__(self, other: "Folded") -> "Folded":
        return Folded(self.text + other.text, self.written + other.written)

    def __str__(self) -> str:
        return " ".join("".join(self.written).split())

    def strip(self) -> "Folded":
        """Without space at its ends, but for the one that ends its last word."""
        start = len(self.text) - len(self.text.lstrip())
        kept = self[start : len(self.text.rstrip())]
        return kept + Folded(" ", (" ",)) if kept.text else kept


@lru_cache(4096)  # the words of templates come again and again
def fold(text: str) -> Folded:
    """Small letters without accents, full-width signs as the usual ones, Chinese in simplified characters."""
    folded: list[str] = []
    written: list[str] = []
    composed = unicodedata.normalize("NFC", text)
    simple = _BETWEEN_LETTERS.sub(" ", composed.translate(_PLAIN)).translate(_SIMPLIFIED)
    for sign, one_sign in zip(composed, simple, strict=True):
        plain = [one for one in unicodedata.normalize("NFKD", one_sign).casefold() if not unicodedata.combining(one)]
        folded += plain
        written += [sign, *[""] * (len(plain) - 1)] if plain else []
    return Folded("".join(folded), tuple(written))
