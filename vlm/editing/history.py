"""What an original says about itself, carried over to an edited picture with the edit noted.

It is data: carried, never obeyed. EXIF keeps everything but what no longer holds (orientation, size, thumbnail, how a
TIFF lies in its file); in XMP an entry joins the history of edits.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, register_namespace, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import Image
from PIL.ExifTags import IFD, Base

from vlm.apart import ask
from vlm.editing.plan import Operation
from vlm.limits import UnreadablePicture

_LONGEST_NOTE = 10_000  # letters of a plan that is noted
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_META = "adobe:ns:meta/"
for _prefix, _uri in {"rdf": _RDF, "xmpMM": _MM, "stEvt": _EVENT, "x": _META}.items():
    register_namespace(_prefix, _uri)
_DIRECTORIES = frozenset({IFD.Exif, IFD.GPSInfo})
_LONGEST_EXIF = 65_000  # bytes that a JPEG can hold in one piece
_SRGB = 1
_MAKER_NOTE, _COLOR_SPACE, _WIDTH, _HEIGHT = 0x927C, 0xA001, 0xA002, 0xA003


@dataclass(frozen=True)
class Said:
    """What a file says about itself: EXIF, an XMP packet, and sentences on what an edit cannot keep."""

    exif: Image.Exif
    xmp: bytes
    lost: tuple[str, ...] = ()


def said_by(path: Path) -> Said:
    """What a picture file says about itself; what is damaged counts as absent."""
    exif = Image.Exif()
    try:
        (said,) = ask("carried", path)
    except UnreadablePicture:
        return Said(exif, b"")
    with suppress(Exception):  # it was written anew by the decoder, but what it could not
        exif.load(bytes.fromhex(said["exif"]))
    return Said(exif, bytes.fromhex(said["xmp"]), tuple(said["lost"]))


def exif_after(exif: Image.Exif, size: tuple[int, int], software: str) -> bytes:
    """EXIF for an edited picture of a width and height, by a program; only that where the original's is damaged."""
    ours: dict[int, str] = {Base.Software: software, Base.DateTime: datetime.now().strftime("%Y:%m:%d %H:%M:%S")}
    with suppress(Exception):  # whatever in it cannot be written again
        kept = Image.Exif()
        kept.update({tag: value for tag, value in exif.items() if tag not in _DIRECTORIES} | ours)
        kept.get_ifd(IFD.GPSInfo).update(exif.get_ifd(IFD.GPSInfo))
        details = kept.get_ifd(IFD.Exif)
        details.update(exif.get_ifd(IFD.Exif))
        details.update({_COLOR_SPACE: _SRGB, _WIDTH: size[0], _HEIGHT: size[1]})
        written = kept.tobytes()
        if len(written) > _LONGEST_EXIF:
            details.pop(_MAKER_NOTE, None)
            written = kept.tobytes()
        if len(written) <= _LONGEST_EXIF:
            return written
    plain = Image.Exif()
    plain.update(ours)
    return plain.tobytes()


def xmp_after(xmp: bytes, plan: Sequence[Operation], software: str, longest: int) -> bytes:
    """The packet with one more event in its history; a new one if it is damaged, or would exceed `longest` bytes."""
    # One whose elements lie deeply in one another can be read, but not written.
    with suppress(ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        written = _with_event(fromstring(xmp.strip(b"\0 \r\n\t")), plan, software) if xmp else b""
        if 0 < len(written) <= longest:
            return written
    return _with_event(Element(f"{{{_META}}}xmpmeta"), plan, software)


def _with_event(root: Element, plan: Sequence[Operation], software: str) -> bytes:
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        rdf = SubElement(root, f"{{{_RDF}}}RDF")
    about = next((one for one in rdf if one.find(f"{{{_MM}}}History") is not None), None)
    if about is None:
        about = SubElement(rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    history = about.find(f"{{{_MM}}}History")
    events = None if history is None else history.find(f"{{{_RDF}}}Seq")
    if events is None:
        events = SubElement(SubElement(about, f"{{{_MM}}}History"), f"{{{_RDF}}}Seq")
    event = SubElement(events, f"{{{_RDF}}}li", {f"{{{_RDF}}}parseType": "Resource"})
    said: dict[str, Any] = {
        "action": "edited",
        "softwareAgent": software,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": "".join(c if c.isprintable() else " " for c in "; ".join(map(str, plan)))[:_LONGEST_NOTE],
    }
    for name, text in said.items():
        SubElement(event, f"{{{_EVENT}}}{name}").text = text
    return bytes(tostring(root, encoding="utf-8"))
