"""What the files say: EXIF, IPTC, XMP and sidecars, into the catalog and out of it by filters."""

import io
import shutil
import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import GPS, IFD, Base

from indexer.details import FileDetails, read_details
from indexer.pipeline import IndexRun
from searcher import Library
from support import migrate
from vlm.errors import AskpixError

RDF = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {attributes}>
{elements}</rdf:Description></rdf:RDF></x:xmpmeta>"""
SIDECAR = RDF.format(
    attributes='xmp:Rating="4" photoshop:City="Reykjavík" exif:DateTimeOriginal="2021-02-03T04:05:06.70-03:00"',
    elements='<dc:description><rdf:Alt><rdf:li xml:lang="de">Hund</rdf:li><rdf:li xml:lang="x-default">Our dog'
    "</rdf:li></rdf:Alt></dc:description><dc:subject><rdf:Bag><rdf:li>Rex</rdf:li><rdf:li>snow</rdf:li></rdf:Bag>"
    "</dc:subject>",
)


def exif() -> Image.Exif:
    """What a camera in Paris writes."""
    made = Image.Exif()
    made[Base.Make], made[Base.Model] = "Canon", "Canon EOS 80D"
    made[Base.ImageDescription] = "OLYMPUS DIGITAL CAMERA"
    made[Base.Rating] = 2
    made._ifds[IFD.Exif] = {
        Base.DateTimeOriginal: "2019:07:14 21:30:05",
        Base.OffsetTimeOriginal: "+02:00",
        Base.LensModel: "EF50mm f/1.8 STM",
    }
    made._ifds[IFD.GPSInfo] = {
        GPS.GPSLatitudeRef: "N",
        GPS.GPSLatitude: (48.0, 51.0, 30.0),
        GPS.GPSLongitudeRef: "E",
        GPS.GPSLongitude: (2.0, 17.0, 40.0),
    }
    return made


def iptc(records: dict[int, list[str]]) -> bytes:
    """A JPEG's APP13 segment with these IPTC records."""
    data = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(value.encode())) + value.encode()
        for number, values in records.items()
        for value in values
    )
    data += b"\0" * (len(data) % 2)
    body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


def picture() -> Image.Image:
    return Image.new("RGB", (64, 48), "navy")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.avif", "a.heic"])
def test_exif_in_every_format_that_holds_it(tmp_path: Path, name: str) -> None:
    from pillow_heif import register_heif_opener

    register_heif_opener()
    picture().save(tmp_path / name, exif=exif().tobytes())
    said = read_details(tmp_path / name)
    assert said.values["taken_at"] == datetime(2019, 7, 14, 21, 30, 5)
    assert said.values["zone"] == "+02:00"
    assert said.values["camera"] == "Canon EOS 80D"
    assert said.values["lens"] == "EF50mm f/1.8 STM"
    assert said.values["rating"] == 2
    assert said.values["latitude"] == pytest.approx(48.858333)
    assert said.values["longitude"] == pytest.approx(2.294444)
    assert said.values["country"] == "France"
    assert "Paris" in said.values["city"]
    assert said.values["region"] == "Île-de-France"
    assert said.values.get("description") is None  # every Olympus says that of every picture


def test_xmp_in_the_file(tmp_path: Path) -> None:
    packet = RDF.format(
        attributes='exif:GPSLatitude="33,51.5S" exif:GPSLongitude="151,12,40E"',
        elements="<dc:title><rdf:Alt><rdf:li>Opera</rdf:li></rdf:Alt></dc:title><xmp:Rating>-1</xmp:Rating>",
    )
    picture().save(tmp_path / "a.jpg", xmp=packet.encode())
    said = read_details(tmp_path / "a.jpg").values
    assert (said["title"], said["rating"], said["country"]) == ("Opera", -1, "Australia")
    assert said["latitude"] == pytest.approx(-33.858333)
    assert said["longitude"] == pytest.approx(151.211111)
    assert "zone" not in said


def test_iptc(tmp_path: Path) -> None:
    plain = io.BytesIO()
    picture().save(plain, "JPEG")
    records = {120: ["Grüße aus Wien"], 25: ["Urlaub", "Wien"], 55: ["20010203"], 60: ["040506+0100"], 90: ["Wien"]}
    (tmp_path / "a.jpg").write_bytes(plain.getvalue()[:2] + iptc(records) + plain.getvalue()[2:])
    said = read_details(tmp_path / "a.jpg")
    assert said.keywords == ("Urlaub", "Wien")
    assert said.values["description"] == "Grüße aus Wien"
    assert said.values["taken_at"] == datetime(2001, 2, 3, 4, 5, 6)
    assert (said.values["zone"], said.values["city"]) == ("+01:00", "Wien")


def test_a_sidecar_counts_first_and_what_it_leaves_open_stays(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.jpg", exif=exif().tobytes())
    (tmp_path / "a.jpg.xmp").write_text(SIDECAR, encoding="utf-8")
    said = read_details(tmp_path / "a.jpg", tmp_path / "a.jpg.xmp")
    assert said.keywords == ("Rex", "snow")
    assert said.values["description"] == "Our dog"
    assert (said.values["rating"], said.values["city"], said.values["country"]) == (4, "Reykjavík", None)
    assert (said.values["taken_at"], said.values["zone"]) == (datetime(2021, 2, 3, 4, 5, 6), "-03:00")
    assert said.values["camera"] == "Canon EOS 80D"


def test_nothing_is_guessed(tmp_path: Path) -> None:
    picture().save(tmp_path / "2019-07-14 Paris.jpg")
    assert read_details(tmp_path / "2019-07-14 Paris.jpg") == FileDetails()
    nowhere = exif()
    nowhere._ifds[IFD.GPSInfo] = {
        GPS.GPSLatitudeRef: "N",
        GPS.GPSLatitude: (0.0, 0.0, 0.0),
        GPS.GPSLongitudeRef: "W",
        GPS.GPSLongitude: (30.0, 0.0, 0.0),
    }
    picture().save(tmp_path / "sea.jpg", exif=nowhere.tobytes())
    at_sea = read_details(tmp_path / "sea.jpg").values
    assert at_sea["longitude"] == -30
    assert "city" not in at_sea


@pytest.mark.parametrize(
    "packet",
    [
        b"<x",
        b"\xff\xfe\x00",
        b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        RDF.format(attributes='xmp:Rating="1e999" exif:DateTimeOriginal="2021-99-99"', elements="").encode(),
    ],
)
def test_what_is_damaged_counts_as_absent(tmp_path: Path, packet: bytes) -> None:
    picture().save(tmp_path / "a.jpg")
    (tmp_path / "a.xmp").write_bytes(packet)
    said = read_details(tmp_path / "a.jpg", tmp_path / "a.xmp")
    assert not any(said.values.values())
    assert said.keywords == ()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library", create=True)


@pytest.fixture
def index(library: Library, photos: Path, tmp_path: Path) -> Callable[[], tuple[int, int]]:
    """Index a folder of two photos, one with EXIF; how many were added and unchanged."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photos / "animals" / "cat.jpg", folder)
    with Image.open(photos / "food" / "coffee.jpg") as opened:
        opened.save(folder / "coffee.jpg", exif=exif().tobytes())

    def run() -> tuple[int, int]:
        made = IndexRun(library, [folder], captions=False)
        for _ in made:
            pass
        return made.summary.added, made.summary.unchanged

    return run


def names(library: Library, where: str) -> set[str]:
    return {hit.photo.path.name for hit in library.browse(where)}


def test_a_library_is_filtered_by_what_files_say(library: Library, index: Callable[[], tuple[int, int]]) -> None:
    index()
    for where in (
        "date:2019",
        "date:2019-07",
        "date:2019-07-14",
        "date:>=2019-07-14 date:<2019-07-15",
        'camera:"eos 80d"',
        "lens:50mm",
        "place:france",
        "rating:2",
        "date:2019 -date:2020",
    ):
        assert names(library, where) == {"coffee.jpg"}, where
    assert names(library, "-date:2019") == {"cat.jpg"}
    assert names(library, "date:2018") == names(library, "rating:3") == names(library, "date:<2019-07-14") == set()
    photo = library.browse("date:2019")[0].photo
    assert "Paris" in photo.place
    for wrong in ("date:July", "date:2019-13", "date:>=0000", "rating:6", "rating:good"):
        with pytest.raises(AskpixError, match=r"is no (date|rating)"):
            library.browse(wrong)


def test_a_sidecar_that_comes_changes_or_goes_is_read_again(
    library: Library, index: Callable[[], tuple[int, int]], tmp_path: Path
) -> None:
    assert index() == (2, 0)
    sidecar = tmp_path / "photos" / "cat.xmp"
    sidecar.write_text(SIDECAR, encoding="utf-8")
    assert index() == (1, 1)
    assert names(library, "keyword:REX") == names(library, "description:dog") == {"cat.jpg"}
    assert library.browse("keyword:rex")[0].photo.keywords == ["Rex", "snow"]
    sidecar.unlink()
    assert index() == (1, 1)
    assert names(library, "keyword:rex") == set()
    assert index() == (0, 2)
    assert len(library.vectors) == 2


def test_a_library_of_before_learns_what_its_files_say(
    library: Library, index: Callable[[], tuple[int, int]], tmp_path: Path
) -> None:
    index()
    migrate(library.engine, "0001")
    library.close()
    library.engine = Library(tmp_path / "library").engine
    assert names(library, "date:2019") == set()
    assert index() == (2, 0)
    assert names(library, "date:2019") == {"coffee.jpg"}
    assert index() == (0, 2)
    assert len(library.vectors) == 2


def test_tiff_values_of_all_types_are_survived(tmp_path: Path) -> None:
    odd = TiffImagePlugin.ImageFileDirectory_v2()
    odd[int(Base.Rating)] = 9
    odd.tagtype[int(Base.ImageDescription)] = 7
    odd[int(Base.ImageDescription)] = b"\xff\xfe"
    picture().save(tmp_path / "a.tif", tiffinfo=odd)
    assert not any(read_details(tmp_path / "a.tif").values.values())
