"""Pictures of any mode to RGB, L or CMYK, and from there by their colour profile to sRGB."""

import io
from functools import cache, lru_cache

from PIL import Image, ImageCms

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # by the colour space of a profile
_PLAIN = frozenset({"L", "RGB", "CMYK"})
_GREY = frozenset({"1", "L", "LA", "La"})
_DEEP = frozenset({"I", "F"})
_BAND = 1_000_000  # pixels converted at a time


def reduced(image: Image.Image, shrink: int) -> Image.Image:
    """A decoded picture at 1/shrink of its size, in L, RGB or CMYK: transparency on white, deep greys scaled.

    What must be converted is so in bands of rows, so that there is never a second whole picture.
    """
    if image.mode in _PLAIN and not image.has_transparency_data:
        return image.reduce(shrink) if shrink > 1 else image
    white = _white(image)
    rows = shrink * max(1, _BAND // (image.width * shrink))
    made: Image.Image | None = None
    for top in range(0, image.height, rows):
        band = _plain(image.crop((0, top, image.width, min(top + rows, image.height))), white)
        if shrink > 1:
            band = band.reduce(shrink)
        if made is None:
            made = Image.new(band.mode, (band.width, -(-image.height // shrink)))
        made.paste(band, (0, top // shrink))
    return image if made is None else made


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """L, RGB or CMYK to sRGB by the file's colour profile; one that is damaged, or of other colours, is passed over."""
    found = _transform(profile) if profile else None
    mode, transform = found or ("", None)
    if image.mode == "L" and mode == "RGB":
        image = image.convert("RGB")
    if transform and image.mode == mode:
        return ImageCms.applyTransform(image, transform) or image
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(16)  # most libraries hold a few profiles, each in thousands of photos
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    """The mode that a colour profile is of, and the way from there to sRGB; None for sRGB itself."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES.get(own.profile.xcolor_space.strip())
        if mode is None or "sRGB" in (own.profile.profile_description or ""):
            return None
        return mode, ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _plain(image: Image.Image, white: float) -> Image.Image:
    """A picture, or a part of one, to L, RGB or CMYK; `white` is the value of that in deep greys."""
    if image.mode in _DEEP or image.mode.startswith("I;16"):
        deep = image if image.mode == "F" else image.convert("I")
        return deep.point(lambda value: value * (256 / white)).convert("L")
    if image.mode == "LAB":
        return ImageCms.applyTransform(image, _of_lab()) or image
    if image.has_transparency_data:
        rgba = image.convert("LA" if image.mode == "La" else "RGBA").convert("RGBA")
        on_white = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return on_white.convert("L" if image.mode in _GREY else "RGB")
    return image.convert("L" if image.mode in _GREY else "RGB")


def _white(image: Image.Image) -> float:
    """The value that stands for white where a mode has more than 256 of them."""
    if image.mode not in _DEEP:
        return 65536
    _, most = image.getextrema()
    if not isinstance(most, int | float) or not 0 < most < float("inf"):
        return 1
    # Whole numbers hold 16 bits as a rule, and floating point runs to 1, to 255 or to 65535.
    return next((end for end in ((65536,) if image.mode == "I" else (1, 256, 65536)) if most <= end), most)


@cache
def _of_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
