"""XMP packets (ISO 16684-1): RDF in XML, read into properties by name, and written for sidecars."""

from collections import defaultdict
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, register_namespace, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_META = "adobe:ns:meta/"
NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "askpix": "urn:askpix:1",
}
for _prefix, _uri in {**NAMESPACES, "rdf": _RDF, "x": _META}.items():
    register_namespace(_prefix, _uri)


@dataclass(frozen=True)
class Properties:
    """The properties of a packet: each a list of texts, in order, by a name such as dc:subject."""

    texts: dict[str, list[str]]

    def one(self, name: str) -> str | None:
        """The first text of a property, that of the default language for one in several."""
        return next(iter(self.many(name)), None)

    def many(self, name: str) -> list[str]:
        """All texts of a property."""
        prefix, _, local = name.partition(":")
        return self.texts.get(f"{{{NAMESPACES[prefix]}}}{local}", [])


def read_xmp(packet: bytes) -> Properties:
    """Read a packet; one that is damaged, or tries to do harm, has no properties."""
    texts: dict[str, list[str]] = defaultdict(list)
    try:
        # Programs pad packets with spaces and zeros.
        root = fromstring(packet.strip(b"\0 \r\n\t"))
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return Properties({})
    for about in root.iter(f"{{{_RDF}}}Description"):
        for name, value in about.attrib.items():
            texts[name].append(value.strip())
        for child in about:
            texts[child.tag].extend(_texts(child))
    return Properties(dict(texts))


def _texts(element: Element) -> list[str]:
    items = sorted(element.iter(f"{{{_RDF}}}li"), key=lambda item: item.get(_LANG, "x-default") != "x-default")
    texts = [item.text for item in items] if items else [element.text]
    return [text.strip() for text in texts if text and text.strip()]


def write_xmp(values: dict[str, str | list[str]]) -> bytes:
    """A packet with these properties: a text (dc:description in the default language), or a list as a bag."""
    root = Element(f"{{{_META}}}xmpmeta")
    about = SubElement(SubElement(root, f"{{{_RDF}}}RDF"), f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    for name, value in values.items():
        prefix, _, local = name.partition(":")
        made = SubElement(about, f"{{{NAMESPACES[prefix]}}}{local}")
        if isinstance(value, list):
            bag = SubElement(made, f"{{{_RDF}}}Bag")
            for text in value:
                SubElement(bag, f"{{{_RDF}}}li").text = text
        elif name == "dc:description":
            SubElement(SubElement(made, f"{{{_RDF}}}Alt"), f"{{{_RDF}}}li", {_LANG: "x-default"}).text = value
        else:
            made.text = value
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
