"""Photos that are named by their ids."""

from collections.abc import Sequence

from searcher import Library, Photo, database
from searcher.results import photos
from vlm.errors import AskpixError


def photos_with(library: Library, ids: Sequence[int]) -> list[Photo]:
    """The photos with these ids, in their order; raises AskpixError when one of them is not there."""
    with database.session(library.engine) as session:
        found = photos(session, ids, library.captions_by)
    if missing := set(ids) - {photo.id for photo in found}:
        raise AskpixError(f"there is no photo {min(missing)} here; ids are those that searches give")
    return found
