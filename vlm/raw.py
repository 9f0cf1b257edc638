"""Cameras' raw files: the preview that the camera put into them, or else the picture developed from them."""

import io
from pathlib import Path

from PIL import Image

RAW = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl .sr2 "
    ".srf .srw .x3f".split()
)
_ORIENTATION = 0x0112
_TURNS = {3: Image.Transpose.ROTATE_180, 5: Image.Transpose.ROTATE_90, 6: Image.Transpose.ROTATE_270}


def open_raw(path: Path, side: int) -> tuple[Image.Image, tuple[int, int]]:
    """A raw file's picture, and the width and height of the whole one, upright.

    The picture is the embedded preview, not decoded yet, if its shorter side has `side` pixels; else it is
    developed at half the size. Raises rawpy.LibRawError for what is no raw file.
    """
    import rawpy

    with rawpy.imread(str(path)) as raw:
        sizes = raw.sizes
        width, height = sizes.width, sizes.height
        if sizes.flip in {5, 6}:
            width, height = height, width
        if preview := _preview(raw, side):
            return preview, (width, height)
        return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True)), (width, height)


def _preview(raw: "rawpy.RawPy", side: int) -> Image.Image | None:  # type: ignore[name-defined]  # noqa: F821
    import rawpy

    try:
        found = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    if found.format is not rawpy.ThumbFormat.JPEG:
        preview = Image.fromarray(found.data)
    else:
        preview = Image.open(io.BytesIO(found.data), formats=("JPEG",))
    if min(preview.size) < side:
        return None
    # Some makers say which way is up in the preview too, some in the raw file alone.
    turn = _TURNS.get(raw.sizes.flip)
    return preview if turn is None or _ORIENTATION in preview.getexif() else preview.transpose(turn)
