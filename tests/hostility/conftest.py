"""A library full of what would do harm if anything obeyed it, and what asks for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image
from PIL.ExifTags import IFD, Base

from indexer.pipeline import IndexRun
from payloads import MARKUP, NAME, XMP
from searcher import Library, database
from searcher.albums import make_album
from searcher.catalog import Reading
from searcher.corrections import correct_caption, correct_tags
from served import client_of

SEEN = "animals/cat.jpg", "animals/crocodile.jpg", "food/coffee.jpg"


@pytest.fixture(scope="session")
def hostile_folder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library folder of three photos, with markup wherever people or files can say something."""
    folder = tmp_path_factory.mktemp("hostile")
    pictures = folder / f"pictures {NAME}"
    pictures.mkdir()
    exif = Image.Exif()
    exif.update({Base.Make: MARKUP, Base.Model: MARKUP, Base.ImageDescription: MARKUP})
    exif.get_ifd(IFD.Exif).update({Base.DateTimeOriginal: "2019:07:14 21:30:05", Base.LensModel: MARKUP})
    for number, name in enumerate(SEEN):
        with Image.open(photos / name) as opened:
            opened.resize((300, 200)).save(pictures / f"{number} {NAME}.jpg", exif=exif, xmp=XMP)
    (pictures / f"damaged {NAME}.jpg").write_bytes(b"no picture")
    with Library(folder / "library", create=True) as library:
        for _ in IndexRun(library, [pictures]):
            pass
        for hit in library.browse():
            correct_caption(library, hit.photo.id, MARKUP)
            correct_tags(library, hit.photo.id, [MARKUP.replace(";", "")], [])
            with database.writing(library.engine) as session:
                line = {"text": MARKUP, "confidence": 0.9, "box": [0.1, 0.1, 0.5, 0.2]}
                session.add(Reading(image_id=hit.photo.id, model="reader", text=MARKUP, lines=[line]))
        make_album(library, NAME.replace('"', ""), None)
        make_album(library, f"saved {NAME}".replace('"', ""), NAME)
        list(library.ask(f"is there a {MARKUP}?", [hit.photo for hit in library.browse()], save_as="marked"))
    return folder / "library"


@pytest.fixture
def hostile_library(hostile_folder: Path, tmp_path: Path) -> Iterator[Library]:
    """A copy of it, opened, that a test may change."""
    with Library(shutil.copytree(hostile_folder, tmp_path / "library")) as library:
        yield library


@pytest.fixture
def client(hostile_library: Library) -> FlaskClient:
    """Flask's own client of it."""
    return client_of(hostile_library)
