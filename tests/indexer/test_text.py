"""Text in pictures is read while indexing, kept with its boxes, and found."""

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import select

from indexer.pipeline import IndexRun
from searcher import Library, database
from searcher.catalog import Reading
from support import Askpix, records


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """A photograph, and one with a sign on it."""
    made = tmp_path / "photos"
    made.mkdir()
    shutil.copy(photos / "animals" / "cat.jpg", made)
    with Image.open(photos / "landscapes" / "mountains.jpg") as opened:
        sign = opened.convert("RGB").resize((1200, 800))
    draw = ImageDraw.Draw(sign)
    draw.rectangle((300, 300, 900, 420), fill="white")
    draw.text((330, 325), "Hotel Zugspitze 42", fill="black", font=ImageFont.load_default(56))
    sign.save(made / "sign.jpg", quality=92)
    return made


def test_text_is_read_once_and_found(folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "library", create=True) as library:
        for read in (2, 0):
            run = IndexRun(library, [folder], captions=False, text=True)
            for _ in run:
                pass
            assert run.summary.read == read
        (hit,) = library.search("text:zugspitze")
        assert hit.photo.path.name == "sign.jpg"
        assert "Hotel Zugspitze" in hit.photo.text
        assert library.search("Zugspitze")[0].photo.path.name == "sign.jpg"
        with database.session(library.engine) as session:
            (line, *_), = [r.lines for r in session.scalars(select(Reading)) if r.lines]  # fmt: skip
    left, top, width, height = line["box"]
    assert 0.2 < left < 0.35
    assert 0.35 < top < 0.5
    assert 0.2 < width < 0.55
    assert height < 0.2


def test_the_verb_reads_when_told_to(askpix: Askpix, folder: Path, tmp_path: Path) -> None:
    plain = records(askpix("index", folder, "--library", tmp_path / "library", "--no-captions", "--json"))
    assert plain[0]["read"] == 0
    told = records(askpix("index", folder, "--library", tmp_path / "library", "--no-captions", "--text", "--json"))
    assert (told[0]["unchanged"], told[0]["read"]) == (2, 2)
