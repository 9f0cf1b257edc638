"""Text in pictures, read by the packaged networks."""

import json
import socket
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from vlm import reading
from vlm.errors import AskpixError
from vlm.picture import open_picture
from vlm.reading import Line, Reader, load_reader

Box = tuple[float, float, float, float]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_reader()


@pytest.fixture
def photo(photos: Path) -> Image.Image:
    """A photograph without text."""
    return Image.open(photos / "animals" / "cat.jpg").convert("RGB").resize((1200, 800))


def sign(text: str, size: int = 60, ink: str = "white", paper: str = "navy") -> Image.Image:
    """A board with one line of text in Pillow's own font."""
    font = ImageFont.load_default(size)
    board = Image.new("RGBA", (round(font.getlength(text)) + size, 2 * size), paper)
    ImageDraw.Draw(board).text((size // 2, size), text, ink, font, anchor="lm")
    return board


def put(photo: Image.Image, board: Image.Image, left: int, top: int) -> Box:
    """Put a board into a photograph; its place as shares."""
    photo.paste(board, (left, top), board)
    return left / photo.width, top / photo.height, board.width / photo.width, board.height / photo.height


def lies(line: Line, place: Box) -> bool:
    """Whether a line lies where its board was put: the two share most of what they cover."""
    left, top, width, height = line.box
    x, y, w, h = place
    across = min(left + width, x + w) - max(left, x)
    down = min(top + height, y + h) - max(top, y)
    shared = max(across, 0) * max(down, 0)
    return shared > 0.55 * (width * height + w * h - shared)


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_a_sign_in_a_photograph(reader: Reader, photo: Image.Image) -> None:
    place = put(photo, sign("Platform 12"), 400, 500)
    (line,) = reader.read(photo)
    assert line.text == "Platform 12"
    assert 0.9 < line.confidence <= 1
    assert lies(line, place)


@pytest.mark.parametrize("angle", [-8, 8])
def test_a_sign_that_hangs_askew(reader: Reader, photo: Image.Image, angle: float) -> None:
    place = put(photo, sign("OPEN 9-17").rotate(angle, Image.Resampling.BICUBIC, expand=True), 200, 100)
    (line,) = reader.read(photo)
    assert line.text == "OPEN 9-17"
    assert lies(line, place)


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_text_that_is_turned(reader: Reader, photo: Image.Image, angle: float) -> None:
    put(photo, sign("Leicester Square").rotate(angle, expand=True), 300, 100)
    (line,) = reader.read(photo)
    # A line that runs upwards is cut out less closely, which may cost or double a letter.
    assert SequenceMatcher(None, line.text, "Leicester Square").ratio() > 0.95


def test_chinese(reader: Reader, photo: Image.Image) -> None:
    board = np.full((120, 560, 3), 255, np.uint8)
    # OpenCV carries the only Chinese font that is certainly there.
    cv2.putText(board, "北京西站 出口 12", (30, 80), (160, 0, 0), cv2.FontFace("uni"), 54)
    place = put(photo, Image.fromarray(board).convert("RGBA"), 100, 600)
    lines = reader.read(photo)
    assert "".join(texts(lines)).replace(" ", "") == "北京西站出口12"
    x, y, w, h = place
    for line in lines:
        left, top, width, height = line.box
        assert x <= left and left + width <= x + w
        assert y <= top and top + height <= y + h


def test_lines_come_in_the_order_of_reading(reader: Reader, photo: Image.Image) -> None:
    boards = {"Bakery": (80, 60), "Exit 4B": (800, 75), "Ticket office": (500, 400), "Way out": (60, 650)}
    places = {text: put(photo, sign(text), *corner) for text, corner in reversed(boards.items())}
    lines = reader.read(photo)
    assert texts(lines) == list(boards)
    assert all(lies(line, places[line.text]) for line in lines)


@pytest.mark.parametrize("size", [(400, 267), (2400, 1600), (3000, 1000)])
def test_boxes_are_shares_whatever_the_size(reader: Reader, photo: Image.Image, size: tuple[int, int]) -> None:
    place = put(photo, sign("Platform 12", 80), 400, 500)
    (line,) = reader.read(photo.resize(size))
    assert lies(line, place)


def test_a_file_decoded_to_the_readers_size(reader: Reader, photo: Image.Image, tmp_path: Path) -> None:
    large = photo.resize((4000, 2667))
    place = put(large, sign("Rue de Rivoli", 60), 2000, 900)
    large.save(tmp_path / "large.jpg")
    (line,) = reader.read(open_picture(tmp_path / "large.jpg", reader.image_size).image)
    assert line.text == "Rue de Rivoli"
    assert lies(line, place)


def test_a_page_of_text(reader: Reader) -> None:
    page = Image.new("RGB", (1080, 2340), "white")
    written = [f"Item {i} of the order {1000 + 37 * i}" for i in range(20)]
    for i, text in enumerate(written):
        ImageDraw.Draw(page).text((60, 60 + 110 * i), text, "black", ImageFont.load_default(34))
    assert texts(reader.read(page)) == written


def test_photographs_without_text(reader: Reader, photos: Path) -> None:
    for name in ("animals/cat.jpg", "animals/panda.jpg", "food/coffee.jpg", "landscapes/autumn_hills.jpg"):
        assert reader.read(open_picture(photos / name, reader.image_size).image) == []


def test_a_name_badge_in_a_real_photograph(reader: Reader, photos: Path) -> None:
    image = open_picture(photos / "people" / "navy_officer.jpg", reader.image_size).image
    (badge,) = (line for line in reader.read(image) if line.text.endswith("HOPPER"))
    assert badge.box[1] > 0.7


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5000, 20), (20, 5000), (30000, 16), (60000, 1)])
def test_pictures_of_odd_sizes(reader: Reader, size: tuple[int, int]) -> None:
    assert reader.read(Image.new("RGB", size)) == []


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pictures_of_other_modes(reader: Reader, mode: str) -> None:
    assert texts(reader.read(sign("Platform 12").convert(mode))) == ["Platform 12"]


def test_a_narrow_strip(reader: Reader) -> None:
    strip = sign("Platform 12 to Leicester 16:45", 20).crop((0, 5, 300, 35))
    assert len(reader.read(strip)) == 1


def test_the_name_tells_the_weights(reader: Reader) -> None:
    assert reader.name.startswith("rapidocr-3.")
    assert "ppocrv" in reader.name


def test_hostile_text_is_made_plain(reader: Reader, photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    put(photo, sign("Platform 12"), 100, 500)
    reader.read(photo)
    recogniser = reader._parts.get("recogniser", list).postprocess_op
    odd = {"P": "\n\x1b[2J\u202e\0 \t", "1": "x" * 1500}
    monkeypatch.setattr(recogniser, "character", [odd.get(c, c) for c in recogniser.character])
    (line,) = reader.read(photo)
    assert line.text.startswith("[2J latform xxx")
    assert line.text.isprintable()
    assert len(line.text) == reading.LONGEST_TEXT


def test_no_more_lines_than_allowed(reader: Reader, photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(4):
        put(photo, sign(f"Line {i}", 40), 100, 100 + 150 * i)
    monkeypatch.setattr(reading, "MOST_LINES", 2)
    assert texts(reader.read(photo)) == ["Line 0", "Line 1"]


def test_a_rule_is_no_line_of_text(reader: Reader) -> None:
    box = np.array([(0, 0), (900, 0), (900, 4), (0, 4)], np.float32)
    assert reading._narrowness(box) > reading.NARROWEST
    ruled = Image.new("RGB", (3000, 200), "white")
    ImageDraw.Draw(ruled).line((0, 100, 3000, 100), "black", 6)
    assert reader.read(ruled) == []


def test_it_asks_nothing_of_the_network(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    put(photo, sign("Platform 12"), 400, 500)
    assert texts(load_reader().read(photo)) == ["Platform 12"]


def test_it_is_silent(photo: Image.Image, tmp_path: Path) -> None:
    put(photo, sign("Platform 12"), 400, 500)
    photo.save(tmp_path / "sign.png")
    code = (
        "import json, sys\nfrom PIL import Image\nfrom vlm.reading import load_reader\n"
        "reader = load_reader()\nassert 'cv2' not in sys.modules\n"
        "print(json.dumps([line.text for line in reader.read(Image.open(sys.argv[1]))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "sign.png"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == ["Platform 12"]
    assert done.stderr == ""


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(AskpixError, match=r'^reading text needs: pip install "askpix\[ocr\]"$'):
        load_reader()
