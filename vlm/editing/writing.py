"""Write an edited picture beside its original, never over it: whole or not at all, with what the original says."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vlm.editing.history import exif_after, said_by, xmp_after
from vlm.editing.plan import Operation
from vlm.errors import AskpixError, first_line

SUFFIXES: dict[str, tuple[str, dict[str, Any]]] = {
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".png": ("PNG", {"compress_level": 3}),
    ".webp": ("WEBP", {"quality": 95, "method": 2}),
    ".tif": ("TIFF", {}),  # Pillow compresses none that has EXIF
    ".tiff": ("TIFF", {}),
    ".avif": ("AVIF", {"quality": 90, "speed": 8}),
}
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # pixels that a format can hold
_XMP_TAG = 700  # of TIFF
_LONGEST_XMP = 65_000  # bytes that a JPEG can hold in one piece


def check_output(output: Path, original: Path, overwrite: bool = False) -> None:
    """Raises AskpixError when `output` may not be written: it is the original, or there already, or nowhere."""
    if output.suffix.lower() not in SUFFIXES:
        raise AskpixError(f"{output}: the name must end in {', '.join(SUFFIXES)}, which says the format")
    if not output.parent.is_dir():
        raise AskpixError(f"{output} cannot be written: there is no folder {output.parent}")
    if os.path.lexists(output):
        if output.exists() and original.exists() and output.samefile(original):
            raise AskpixError(f"{output} is the original, which is never changed: name another file")
        if output.is_dir():
            raise AskpixError(f"{output} is a folder: name a file in it")
        if not overwrite:
            raise AskpixError(f"{output} is there already: name another file, or say --overwrite")


def write(
    image: Image.Image,
    output: Path,
    original: Path,
    plan: Sequence[Operation],
    software: str,
    overwrite: bool = False,
) -> list[str]:
    """Write an RGB picture that a plan made of `original`, and give sentences on what could not be kept.

    EXIF and XMP are carried over with the edit noted. The file appears whole or not at all. Raises AskpixError as
    `check_output` does, and when it cannot be written.
    """
    check_output(output, original, overwrite)
    kind, how = SUFFIXES[output.suffix.lower()]
    if max(image.size) > _LONGEST_SIDE.get(kind, 10**9):
        raise AskpixError(f"{output}: {kind} holds at most {_LONGEST_SIDE[kind]} pixels a side; use .png or .tif")
    said = said_by(original)
    exif = exif_after(said.exif, image.size, software)
    xmp = xmp_after(said.xmp, plan, software, _LONGEST_XMP)
    save_whole(image, output, kind, overwrite, **how, **_metadata(kind, exif, xmp))
    return list(said.lost)


def _metadata(kind: str, exif: bytes, xmp: bytes) -> dict[str, Any]:
    """EXIF and an XMP packet as Pillow takes them for a format."""
    if kind == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        return {"exif": exif, "pnginfo": text}
    if kind == "TIFF":
        tags = Image.Exif()
        tags.load(exif)
        tags[_XMP_TAG] = xmp
        return {"exif": tags.tobytes()}
    return {"exif": exif, "xmp": xmp}


def save_whole(image: Image.Image, output: Path, kind: str, overwrite: bool, **how: Any) -> None:
    """Save a picture so that its file is there whole or not at all; raises AskpixError when that fails."""
    part = None
    try:
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=".askpix-", suffix=".part", delete=False) as file:
            part = file.name
            image.save(file, kind, **how)
        os.chmod(part, 0o666 & ~_umask())
        if overwrite:
            os.replace(part, output)
        else:
            os.link(part, output)  # unlike a rename it never takes the place of a file that came meanwhile
    except FileExistsError:
        raise AskpixError(f"{output} is there already: name another file, or say --overwrite") from None
    except OSError as error:
        raise AskpixError(f"{output} cannot be written: {error.strerror or first_line(error)}") from error
    finally:
        if part is not None and os.path.lexists(part):
            os.unlink(part)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
