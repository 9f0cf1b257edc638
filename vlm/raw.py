"""Cameras' raw files by LibRaw: the preview that the camera put into them, or else the picture developed from them."""

import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from vlm.kinds import RAW
from vlm.limits import Limits
from vlm.stills import Picture, decode

__all__ = ["RAW", "open_raw"]

_ORIENTATIONS = {3: 3, 5: 8, 6: 6}  # in EXIF's numbers, by LibRaw's


def open_raw(path: Path, side: int, limits: Limits) -> Picture:
    """A raw file's picture: its preview if the shorter side has `side` pixels, else developed at half the size.

    Raises rawpy.LibRawError for what is no raw file.
    """
    import rawpy

    with rawpy.imread(str(path)) as raw:
        sizes = raw.sizes
        width, height = sizes.width, sizes.height
        limits.check(width, height)
        if sizes.flip in {5, 6}:
            width, height = height, width
        # Some makers say which way is up in the preview too, some in the raw file alone.
        if preview := _preview(raw, side):
            image = decode(preview, side, limits, _ORIENTATIONS.get(sizes.flip, 1)).image
        else:
            developed = Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))
            image = decode(developed, side, limits).image
    return Picture(image, width, height, path.suffix[1:].upper())


def _preview(raw: "rawpy.RawPy", side: int) -> Image.Image | None:  # type: ignore[name-defined]  # noqa: F821
    import rawpy

    try:
        found = raw.extract_thumb()
        if found.format is rawpy.ThumbFormat.JPEG:
            preview: Image.Image = Image.open(io.BytesIO(found.data), formats=("JPEG",))
        else:
            preview = Image.fromarray(found.data)
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError, UnidentifiedImageError):
        return None
    return preview if min(preview.size) >= side else None
