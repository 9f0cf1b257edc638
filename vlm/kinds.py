"""What kind of file one is: by its first bytes where they tell, else by its name."""

from pathlib import Path
from typing import Literal

from vlm.limits import UnreadablePicture

STILL = frozenset(".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .avif .heic .heif .hif".split())
RAW = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl .sr2 "
    ".srf .srw .x3f".split()
)
VIDEO = frozenset(".3gp .avi .m4v .mkv .mov .mp4 .mpg .mpeg .mts .m2ts .ogv .webm .wmv".split())

_STILL_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")
_STILL_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
_VIDEO_BRANDS = frozenset({b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"qt  "})
_MATROSKA = b"\x1a\x45\xdf\xa3"
_RAW_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"IIR", b"MMOR", b"IIU\0", b"II\x1a\0", b"FUJIFILM", b"\0MRM", b"FOVb")
_VIDEO_STARTS = (_MATROSKA, b"RIFF", b"OggS", b"\x30\x26\xb2\x75", b"\0\0\1")
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_PACKETS = ((0, 188), (4, 192))  # of MPEG transport streams: where the first begins, and their length
_STARTS = (*_STILL_STARTS, *_RAW_STARTS, *_VIDEO_STARTS)

Kind = Literal["still", "raw", "video"]


def kind_of(path: Path) -> Kind:
    """What to open a file as. Raises UnreadablePicture for a video with the name of a picture."""
    with path.open("rb") as file:
        start = file.read(12)
    # Not TIFF, in which most raw files come.
    if start.startswith(_STILL_STARTS) or _riff(start) == b"WEBP" or _brand(start) in _STILL_BRANDS:
        return "still"
    suffix = path.suffix.lower()
    if suffix in VIDEO:
        return "video"
    if start.startswith(_MATROSKA) or _riff(start) == b"AVI " or _brand(start) in _VIDEO_BRANDS:
        raise UnreadablePicture("it is a video by its content; give it a name that ends in .mp4")
    return "raw" if suffix in RAW else "still"


def is_picture(path: Path) -> bool:
    """Whether a file begins as pictures, raw files or videos do, whatever its name; raises OSError."""
    with path.open("rb") as file:
        start = file.read(200)
    transported = any(start[at : at + 1] == start[at + length : at + length + 1] == b"G" for at, length in _PACKETS)
    return start.startswith(_STARTS) or start[4:8] in _BOXES or transported


def _riff(start: bytes) -> bytes:
    return start[8:] if start.startswith(b"RIFF") else b""


def _brand(start: bytes) -> bytes:
    """Of ISO base media files: MP4, HEIC, AVIF, CR3 and more."""
    return start[8:] if start[4:8] == b"ftyp" else b""
