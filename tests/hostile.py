"""Damaged and hostile files, made from good ones by a seeded generator of random numbers."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pillow_heif
from PIL import Image
from PIL.ExifTags import IFD, Base

from cameras import dng, video

_CODECS = {".mp4": "mpeg4", ".mkv": "libx264", ".webm": "libvpx-vp9", ".avi": "mjpeg", ".mts": "mpeg2video"}
SUFFIXES = (".jpg", ".png", ".webp", ".avif", ".heic", ".tif", ".tiff", ".gif", ".bmp", ".dng", *_CODECS, ".xmp")
# What raw files of makers begin with, by a suffix of theirs.
_BEGINNINGS = {
    ".cr2": b"II*\0\x10\0\0\0CR\2\0",
    ".cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    ".crw": b"II\x1a\0\0\0HEAPCCDR",
    ".raf": b"FUJIFILMCCD-RAW 0201FF383501",
    ".mrw": b"\0MRM\0\0\1\0\0PRD\0\0\0\x18",
    ".orf": b"IIRO\x08\0\0\0",
    ".rw2": b"IIU\0\x18\0\0\0",
    ".x3f": b"FOVb\0\0\2\0",
    ".nef": b"MM\0*\0\0\0\x08",
}
_XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,17.4E"><dc:title><rdf:Alt><rdf:li>A cat</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"""


def good(folder: Path, image: Image.Image) -> dict[str, bytes]:
    """A good file of each format, by suffix, which says about itself what the format lets it."""
    exif = Image.Exif()
    exif.update({Base.Make: "Askpix", Base.Model: "Pinhole 1", Base.ImageDescription: "A cat"})
    exif.get_ifd(IFD.Exif).update({Base.DateTimeOriginal: "2019:07:14 21:30:05"})
    said = {"exif": exif.tobytes(), "xmp": _XMP}
    files = {}
    for suffix in SUFFIXES:
        path = folder / f"good{suffix}"
        if suffix == ".heic":
            pillow_heif.from_pillow(image).save(path, quality=80, **said)
        elif suffix == ".dng":
            dng(path, image, image.resize((image.width // 2, image.height // 2)))
        elif suffix in _CODECS:
            video(path, [image, image.rotate(180)], seconds=1.2, codec=_CODECS[suffix], title="A cat")
        elif suffix == ".xmp":
            path.write_bytes(_XMP)
        elif suffix == ".tif":  # which Pillow does not compress where there is EXIF
            image.save(path, compression="tiff_lzw")
        else:
            image.save(path, **({} if suffix in {".gif", ".bmp"} else said))
        files[suffix] = path.read_bytes()
    return files


def mutants(files: dict[str, bytes], each: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Suffix and content of damaged files, `each` of every format."""
    random = Random(seed)
    for suffix, data in files.items():
        for number in range(each):
            damage = _DAMAGES[number % len(_DAMAGES)]
            yield suffix, damage(data, random)
            if number % 8 == 0:
                yield random.choice(SUFFIXES), data


def strange(files: dict[str, bytes], each: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Suffix and content of files that begin as raw files of makers do, and go on as something else."""
    random = Random(seed)
    for suffix, beginning in _BEGINNINGS.items():
        for number in range(each):
            if number % 2:
                yield suffix, beginning + random.randbytes(20_000)
            else:
                yield suffix, beginning + _flipped(files[".dng"][len(beginning) :], random)


def _flipped(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 3, 10, 100))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _flipped_at_the_start(data: bytes, random: Random) -> bytes:
    """In the headers, where sizes and offsets are."""
    head = min(len(data), random.choice((32, 256, 1024)))
    return _flipped(data[:head], random) + data[head:]


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(1, len(data))]


def _repeated(data: bytes, random: Random) -> bytes:
    start, length = random.randrange(len(data)), random.choice((4, 64, 1024))
    return data[:start] + data[start : start + length] * random.choice((2, 5, 50)) + data[start + length :]


def _removed(data: bytes, random: Random) -> bytes:
    start, length = random.randrange(len(data)), random.choice((1, 4, 64, 1024))
    return data[:start] + data[start + length :]


def _wrong_number(data: bytes, random: Random) -> bytes:
    """Huge, negative or none where the file says how long or how large something is, as likely as not."""
    start = random.randrange(min(len(data) - 4, 512))
    number = random.choice((0, 1, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, random.getrandbits(32)))
    return data[:start] + struct.pack(random.choice("<>") + "I", number) + data[start + 4 :]


def _random_tail(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))] + random.randbytes(random.choice((10, 1000, 100_000)))


_DAMAGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flipped,
    _flipped_at_the_start,
    _cut,
    _repeated,
    _removed,
    _wrong_number,
    _random_tail,
)


def bombs(files: dict[str, bytes], folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of small files that would cost much."""
    for name, colours, size, interlaced in (
        ("rgba.png", 6, (14_000, 14_000), False),
        ("interlaced.png", 2, (13_000, 13_000), True),
        ("grey.png", 0, (14_000, 14_000), False),
        ("sixty-thousand.png", 0, (60_000, 60_000), False),
    ):
        yield name, png(size, colours, interlaced)
    yield "text.png", png((8, 8), 0, more=chunk(b"zTXt", b"a\0\0" + zeros(200_000_000)))
    yield "texts.png", png((8, 8), 0, more=chunk(b"zTXt", b"a\0\0" + zeros(1_000_000)) * 200)
    yield "profile.png", png((8, 8), 0, more=chunk(b"iCCP", b"a\0\0" + zeros(200_000_000)))
    yield "chunks.png", png((8, 8), 0, more=chunk(b"tEXt", b"") * 400_000)
    yield "laughs.xmp", laughs()
    yield "deep.xmp", _XMP.replace(b"A cat", b"<a>" * 100_000 + b"</a>" * 100_000)
    yield "deep.png", png((8, 8), 0, more=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<a>" * 200_000))
    yield "laughs.png", png((8, 8), 0, more=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + laughs()))
    yield "many.xmp", _XMP.replace(b"<rdf:li>cat</rdf:li>", b"<rdf:li>cat</rdf:li>" * 150_000)
    yield "large.xmp", _XMP + b" " * 5_000_000
    yield "claims.jpg", sized(files[".jpg"], 65_500, 65_500)
    yield "scans.jpg", scans(3000)
    yield "frames.gif", frames(3000)
    yield "screen.gif", files[".gif"][:6] + struct.pack("<2H", 60_000, 3_300) + files[".gif"][10:]
    yield "canvas.webp", canvas(14_000, 14_000)
    yield "strips.tif", strips(14_000, 14_000)
    yield "run-length.bmp", run_length(14_000, 14_000)
    for suffix in (".avif", ".heic"):
        yield f"claims{suffix}", box(files[suffix], b"ispe", 8, struct.pack(">2I", 14_000, 14_000))
    small = Image.open(io.BytesIO(files[".jpg"]))
    video(folder / "claims.avi", [small], codec="mjpeg")
    frames_of_it = (folder / "claims.avi").read_bytes().split(b"\xff\xd8\xff")
    yield "claims.avi", b"\xff\xd8\xff".join([frames_of_it[0], *(sized(f, 65_500, 65_500) for f in frames_of_it[1:])])
    yield "clock.mp4", box(files[".mp4"], b"mdhd", 16, struct.pack(">2I", 1, 0xFFFFFFF))
    dng(folder / "preview.dng", small, small)
    preview = (folder / "preview.dng").read_bytes()
    start = preview.rindex(b"\xff\xd8\xff")
    yield "preview.dng", preview[:start] + sized(preview[start:], 65_500, 65_500)
    yield (
        "claims.dng",
        preview.replace(struct.pack("<HHII", 256, 4, 1, small.width), struct.pack("<HHII", 256, 4, 1, 60_000)),
    )


def laughs() -> bytes:
    """A document of a hundred letters that means a billion."""
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE x [<!ENTITY a0 "lol">{entities}]><x>&a9;</x>'.encode()


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def zeros(count: int) -> bytes:
    """Deflated zeros, made without ever having them all."""
    packer = zlib.compressobj(9)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    more = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    times, rest = divmod(count, 1 << 20)
    last = zlib.compressobj(9, wbits=-15)
    end = last.compress(bytes(rest)) + last.flush()
    return (block + more * (times - 1) if times else block[:2]) + end + struct.pack(">I", (count % 65521) << 16 | 1)


def png(size: tuple[int, int], colours: int, interlaced: bool = False, more: bytes = b"") -> bytes:
    """A black PNG of any size, quickly."""
    channels = {0: 1, 2: 3, 6: 4}[colours]
    header = struct.pack(">2I5B", *size, 8, colours, 0, 0, int(interlaced))
    passes = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
    count = 0
    for left, across, top, down in passes if interlaced else ((0, 1, 0, 1),):
        width, height = -(-(size[0] - left) // across), -(-(size[1] - top) // down)
        count += height * (1 + width * channels) if width else 0
    parts = chunk(b"IHDR", header), more, chunk(b"IDAT", zeros(count)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def sized(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG that claims another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">2H", height, width) + jpeg[at + 4 :]


def scans(count: int) -> bytes:
    """A progressive JPEG that says its last scan many times."""
    made = io.BytesIO()
    Image.new("L", (6000, 6000)).save(made, "JPEG", progressive=True)
    data = made.getvalue()
    last = data.rindex(b"\xff\xda")
    tables = data.rindex(b"\xff\xc4", 0, last)
    return data[:last] + data[tables:-2] * count + data[-2:]


def frames(count: int) -> bytes:
    """A GIF of many frames."""
    made = io.BytesIO()
    colours = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    colours[0].save(made, "GIF", save_all=True, append_images=[colours[n % 2] for n in range(count - 1)])
    return made.getvalue()


def canvas(width: int, height: int) -> bytes:
    """An animated WebP of small frames on a large canvas."""
    made = io.BytesIO()
    shades = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    shades[0].save(made, "WEBP", save_all=True, append_images=shades[1:])
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return made.getvalue().replace(b"\x0f\0\0\x0f\0\0ANIM", size + b"ANIM")


def strips(width: int, height: int) -> bytes:
    """A TIFF whose every strip is the same deflated zeros."""
    strip = zeros(width * 4 * 100)
    count = height // 100
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 5),
        (273, 4, count, 8 + len(strip)),
        (277, 3, 1, 4),
        (278, 4, 1, 100),
        (279, 4, count, 8 + len(strip) + 4 * count),
    ]
    where = struct.pack("<I", 8) * count + struct.pack("<I", len(strip)) * count
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<2H2I", *entry) for entry in entries) + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(strip) + len(where)) + strip + where + directory


def run_length(width: int, height: int) -> bytes:
    """A BMP of run lengths."""
    rows = (b"\xff\1" * (width // 255) + b"\0\0") * height
    head = struct.pack("<3I2H6I", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0) + bytes(1024)
    return struct.pack("<2s3I", b"BM", 14 + len(head) + len(rows), 0, 14 + len(head)) + head + rows


def box(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """A file of boxes (MP4, HEIC, AVIF) with another value in each box of a name, so far from that name."""
    parts = data.split(name)
    start = offset - 4
    return name.join([parts[0], *(part[:start] + value + part[start + len(value) :] for part in parts[1:])])
