"""Write a text on a picture, in a font that has its letters."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vlm.editing.layers import Pixels
from vlm.errors import AskpixError
from vlm.protocols import Floats

_LARGEST = 0.07  # of the shorter side: the height of letters, made smaller until the text fits
_SMALLEST = 0.025
_MARGIN = 0.04  # of the shorter side, kept free all around
_MOST_HEIGHT = 0.5  # of the picture
# Looked for on the machine in this order: what has Chinese letters has the Latin ones too, but draws them less well.
_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "segoeui.ttf"),
    *("NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "SourceHanSansSC-Regular.otf", "wqy-zenhei.ttc"),
    *("wqy-microhei.ttc", "DroidSansFallbackFull.ttf", "DroidSansFallback.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc"),
    *("STHeiti Medium.ttc", "Arial Unicode.ttf", "msyh.ttc", "simsun.ttc"),
)
_FOLDERS = (
    *("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts", "/System/Library/Fonts"),
    *("/Library/Fonts", "~/Library/Fonts", "C:/Windows/Fonts"),
)
_NOTHING = "\U0010ffff"  # a letter that no font has


def caption(pixels: Pixels, text: str) -> tuple[Pixels, Floats]:
    """Pixels [h, w, 3] with the text in white, edged in black, along the bottom, and a mask of where it was drawn.

    Raises AskpixError for a text that is too long to be read there, or whose letters no font of this machine has.
    """
    words = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    if not words:
        raise AskpixError("there is no text to write: say what, in quotation marks")
    height, width, _ = pixels.shape
    side = min(height, width)
    font_file = _font_for(words)
    letters = _LARGEST * side
    while True:
        font = _font(font_file, letters)
        lines = _wrapped(words, font, width - 2 * _MARGIN * side)
        if lines and len(lines) * 1.25 * letters <= _MOST_HEIGHT * height:
            break
        letters *= 0.85
        if letters < max(6.0, _SMALLEST * side):
            raise AskpixError("the text is too long to be read on this picture: shorten it")
    return _drawn(pixels, lines, font, letters, _MARGIN * side)


def _drawn(
    pixels: Pixels, lines: list[str], font: ImageFont.FreeTypeFont, letters: float, margin: float
) -> tuple[Pixels, Floats]:
    """The lines centred along the bottom."""
    height, width, _ = pixels.shape
    edge = max(1, round(letters / 12))
    layer = Image.new("LA", (width, height), (0, 0))
    draw = ImageDraw.Draw(layer)
    for number, line in enumerate(reversed(lines)):
        place = width / 2, height - margin - number * 1.25 * letters
        draw.text(place, line, (255, 255), font, "ms", stroke_width=edge, stroke_fill=(0, 255))
    tone, share = (np.asarray(layer.getchannel(band)) for band in "LA")
    mask = share.astype(np.float32) / np.float32(255)
    made = pixels.copy()
    inked = share > 0
    over = mask[inked][:, None]
    made[inked] = np.rint((1 - over) * pixels[inked] + over * tone[inked][:, None])
    return made, mask


def _wrapped(words: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Lines no wider than `width` pixels; none when a single word is wider. Chinese is broken anywhere."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(words):
        if line and font.getlength((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
        if font.getlength(line.rstrip()) > width:
            return []
    return [*lines, line.rstrip()]


def _pieces(words: str) -> Iterator[str]:
    """What a line may be broken after: words with their space, and single Chinese letters."""
    piece = ""
    for letter in words:
        piece += letter
        if letter == " " or "⺀" <= letter <= "鿿":
            yield piece
            piece = ""
    if piece:
        yield piece


def _font_for(words: str) -> Path | None:
    """The first font that has all letters; None for Pillow's own."""
    for file in (None, *_found()):
        if _has(file, words):
            return file
    raise AskpixError(
        "no font on this machine has all letters of the text: install one that does, such as the package "
        "fonts-noto-cjk for Chinese or fonts-dejavu for accents"
    )


def _has(file: Path | None, words: str) -> bool:
    try:
        font = _font(file, 24)
    except OSError:  # a damaged font file
        return False
    missing = _shape(font, _NOTHING)
    return all(letter == " " or _shape(font, letter) != missing for letter in set(words))


def _shape(font: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    drawn = font.getmask(letter)
    return drawn.size, bytes(drawn)


def _font(file: Path | None, letters: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(letters) if file is None else ImageFont.truetype(str(file), letters)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise OSError("Pillow has been built without FreeType")
    return font


@lru_cache(1)
def _found() -> tuple[Path, ...]:
    """The known fonts that this machine has, in the order of `_FONTS`."""
    folders = (Path(folder).expanduser() for folder in _FOLDERS)
    there = {file.name: file for folder in folders if folder.is_dir() for file in folder.rglob("*.[to]t[cf]")}
    return tuple(there[name] for name in _FONTS if name in there)
