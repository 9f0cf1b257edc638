"""What picture files say about themselves, in EXIF, IPTC and XMP, and in XMP sidecars, for `vlm.decoder`.

Nothing is guessed where it is absent, and what is damaged counts as absent.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from PIL import Image, IptcImagePlugin
from PIL.ExifTags import GPS, IFD, Base
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from vlm.stills import open_undecoded
from vlm.xmp import Properties, read_xmp

LARGEST_SIDECAR = 4_000_000  # bytes, of a packet that is carried over too
_SAYING = frozenset({b"eXIf", b"iTXt", b"tEXt", b"zTXt"})
_MOST_CHUNKS = 100_000
_LONGEST = 10_000  # characters of a text; a file that says more is cut
LONGEST_KEYWORD = 200
_BY_THE_CAMERA = frozenset(
    {"OLYMPUS DIGITAL CAMERA", "SONY DSC", "DCIM", "DIGITAL CAMERA", "KONICA MINOLTA DIGITAL CAMERA"}
)
_DATE = re.compile(
    r"(\d{4})[:-](\d\d)[:-](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d*)?)?)?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
# Of the first directory of EXIF, what tells about the picture and not about how it lies in its file.
_CARRIED = frozenset(
    {Base.ImageDescription, Base.Make, Base.Model, Base.Artist, Base.HostComputer, Base.Copyright, Base.DocumentName}
    | {Base.XResolution, Base.YResolution, Base.ResolutionUnit, Base.Rating, Base.RatingPercent}
    | {Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject}
)

Said = dict[str, Any]


def headers(path: Path) -> list[Said]:
    """What a picture file says in XMP, in IPTC and in EXIF, in the order in which they count; plain data.

    By the names of the catalog's `details`, with `keywords`; `taken_at` is written as ISO 8601 has it.
    """
    sources: list[Said] = []
    # A hostile file can make a reader fail in any way; it then says nothing.
    with suppress(Exception), peek(path) as file:
        packet = file.info.get("xmp") or b""
        if isinstance(packet, bytes | str):
            sources.append(_of_xmp(read_xmp(packet.encode() if isinstance(packet, str) else packet)))
        with suppress(Exception):
            sources.append(_of_iptc(IptcImagePlugin.getiptcinfo(cast(ImageFile, file)) or {}))
        with suppress(Exception):
            sources.append(_of_exif(file.getexif()))
    return sources


def sidecar(path: Path) -> list[Said]:
    """What an XMP sidecar says, as `headers` does; nothing if it is too large to be one."""
    return [_of_xmp(read_xmp(path.read_bytes()))] if path.stat().st_size <= LARGEST_SIDECAR else []


def carried(path: Path) -> tuple[bytes, bytes, list[str]]:
    """What an edited picture takes over from a picture file: EXIF, written anew, and an XMP packet, and sentences on
    what it cannot; each empty where there is none."""
    exif, xmp, lost = b"", b"", []
    with suppress(Exception), peek(path) as file:
        packet = file.info.get("xmp") or file.info.get("XML:com.adobe.xmp") or b""
        xmp = packet.encode() if isinstance(packet, str) else bytes(packet)
        if (frames := getattr(file, "n_frames", 1)) > 1:
            lost.append(f"the original holds {frames} pictures, of which the first was edited")
        if file.has_transparency_data:
            lost.append("what is transparent in the original was put on white")
        exif = _carried(file.getexif())
    return exif, xmp if len(xmp) <= LARGEST_SIDECAR else b"", lost


def _carried(exif: Image.Exif) -> bytes:
    kept = Image.Exif()
    kept.update({tag: value for tag, value in exif.items() if tag in _CARRIED})
    for directory in (IFD.Exif, IFD.GPSInfo):
        kept.get_ifd(directory).update(exif.get_ifd(directory))
    return kept.tobytes()


def peek(path: Path) -> Image.Image:
    """A picture file opened but not decoded, for what it says about itself; raises whatever Pillow does."""
    file = open_undecoded(path)
    if isinstance(file, PngImageFile):
        _read_past_pixels(file)
    return file


def _read_past_pixels(file: PngImageFile) -> None:
    """Add what a PNG says after its pixels, which Pillow would decode to get there."""
    stream, chunks = file.fp, file.png
    if stream is None or chunks is None:
        return
    stream.seek(len(b"\x89PNG\r\n\x1a\n"))
    pixels = False
    with suppress(Exception):  # what is damaged counts as absent
        for _ in range(_MOST_CHUNKS):
            length, name = struct.unpack(">I4s", stream.read(8))
            start = stream.tell()
            if pixels and name in _SAYING:
                chunks.call(name, start, length)
            pixels |= name == b"IDAT"
            stream.seek(start + length + 4)
    file.info.setdefault("exif", None)  # else Pillow looks for it past the pixels


def _of_xmp(said: Properties) -> Said:
    camera = _camera(said.one("tiff:Make"), said.one("tiff:Model"))
    lens = said.one("exifEX:LensModel") or said.one("aux:Lens")
    # What askpix itself wrote there is the machine's word, unless somebody has changed it since.
    description, machine = said.one("dc:description"), said.one("askpix:caption")
    machine_tags = set(said.many("askpix:tags"))
    return {
        **_taken(said.one("exif:DateTimeOriginal") or said.one("photoshop:DateCreated")),
        "camera": camera,
        "lens": plain(lens),
        "title": plain(said.one("dc:title")),
        "description": None if description == machine else plain(description),
        "rating": _rating(said.one("xmp:Rating")),
        **_position(_xmp_degrees(said.one("exif:GPSLatitude")), _xmp_degrees(said.one("exif:GPSLongitude"))),
        "city": plain(said.one("photoshop:City")),
        "region": plain(said.one("photoshop:State")),
        "country": plain(said.one("photoshop:Country")),
        "keywords": _words(word for word in said.many("dc:subject") if word not in machine_tags),
    }


def _of_iptc(said: Mapping[tuple[int, int], bytes | list[bytes]]) -> Said:
    utf8 = said.get((1, 90)) == b"\x1b%G"

    def many(number: int) -> list[str]:
        found = said.get((2, number), [])
        return [_decoded(value, utf8) for value in (found if isinstance(found, list) else [found])]

    def one(number: int) -> str | None:
        return next(iter(many(number)), None)

    day, clock = one(55) or "", one(60) or ""
    date = f"{day[:4]}-{day[4:6]}-{day[6:8]}"
    time = f"T{clock[:2]}:{clock[2:4]}:{clock[4:6]}{clock[6:]}" if len(clock) >= 6 else ""
    return {
        **_taken(date + time if day else None),
        "title": plain(one(5)),
        "description": plain(one(120)),
        "city": plain(one(90)),
        "region": plain(one(95)),
        "country": plain(one(101)),
        "keywords": _words(many(25)),
    }


def _of_exif(exif: Any) -> Said:
    own, gps = exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)
    date, zone = own.get(Base.DateTimeOriginal), own.get(Base.OffsetTimeOriginal)
    description = plain(exif.get(Base.ImageDescription))
    return {
        **_taken(f"{date}{zone or ''}" if isinstance(date, str) else None),
        "camera": _camera(exif.get(Base.Make), exif.get(Base.Model)),
        "lens": plain(own.get(Base.LensModel)),
        "title": plain(_utf16(exif.get(Base.XPTitle))),
        "description": None if description in _BY_THE_CAMERA else description,
        "rating": _rating(exif.get(Base.Rating)),
        **_position(
            _exif_degrees(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef)),
            _exif_degrees(gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef)),
        ),
        "keywords": _words((_utf16(exif.get(Base.XPKeywords)) or "").split(";")),
    }


# Values, each None where it cannot be what it claims


def _taken(value: str | None) -> Said:
    found = _DATE.match(value.strip()) if value else None
    if not found:
        return {}
    *parts, zone = found.groups()
    with suppress(ValueError):
        moment = datetime(*(int(part or 0) for part in parts))  # type: ignore[arg-type]
        if zone and zone != "Z" and ":" not in zone:
            zone = f"{zone[:3]}:{zone[3:]}"
        return {"taken_at": moment.isoformat(), "zone": "+00:00" if zone == "Z" else zone}
    return {}


def _camera(make: Any, model: Any) -> str | None:
    """Maker and model, the maker said once: "Canon EOS 80D", "NIKON D750"."""
    maker, name = plain(make), plain(model)
    if maker and name and not name.lower().startswith(maker.split()[0].lower()):
        return f"{maker} {name}"
    return name or maker


def plain(value: Any) -> str | None:
    """A text without what no database stores, cut if it is long; None for what is none."""
    if not isinstance(value, str):
        return None
    return value.replace("\0", " ").strip().encode("utf-8", "replace").decode()[:_LONGEST] or None


def _words(values: Iterable[str]) -> list[str]:
    texts: Iterator[str | None] = map(plain, values)
    return [text[:LONGEST_KEYWORD] for text in texts if text]


def _decoded(value: bytes, utf8: bool) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("utf-8" if utf8 else "cp1252", "replace")


def _utf16(value: Any) -> str | None:
    data = bytes(value) if isinstance(value, tuple | bytes) else b""
    return data.decode("utf-16-le", "replace").rstrip("\0") or None


def _rating(value: Any) -> int | None:
    with suppress(TypeError, ValueError, OverflowError):
        rating = round(float(value))
        return rating if -1 <= rating <= 5 else None
    return None


def _position(latitude: float | None, longitude: float | None) -> Said:
    """Both or neither; 0, 0 is what cameras write that do not know."""
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return {}
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return {}
    return {"latitude": round(latitude, 6), "longitude": round(longitude, 6)}


def _exif_degrees(value: Any, half: Any) -> float | None:
    if isinstance(half, bytes):
        half = half.decode("ascii", "replace")
    half = half.strip("\0 ").upper() if isinstance(half, str) else ""
    with suppress(TypeError, ValueError, ZeroDivisionError):
        degrees, minutes, seconds = (float(part) for part in value)
        found = degrees + minutes / 60 + seconds / 3600
        return {"N": found, "E": found, "S": -found, "W": -found}.get(half)
    return None


def _xmp_degrees(value: str | None) -> float | None:
    """Degrees of "48,51.5N" or "48,51,30N" (XMP specification, part 2)."""
    found = re.fullmatch(r"(\d+),(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?([NSEW])", value or "", re.ASCII)
    if not found:
        return None
    degrees = float(found[1]) + float(found[2]) / 60 + float(found[3] or 0) / 3600
    return -degrees if found[4] in "SW" else degrees
