"""Models of open_clip."""

from vlm.extras import need
from vlm.openclip.model import OpenClip
from vlm.openclip.source import read_source
from vlm.runtime import Runtime


def open_model(rest: str, runtime: Runtime) -> "OpenClip":
    """The model called open_clip:`rest`; its weights are loaded, and fetched, when first used.

    Raises AskpixError for an architecture or tag that open_clip lacks, with the nearest ones, and for a
    path where nothing is.
    """
    need("torch", "torch", "open_clip")
    source = read_source(rest)
    return OpenClip(source, runtime, source.config())
