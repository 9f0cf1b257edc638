"""A library is mended from what is whole of it: what is damaged is forgotten, and made again by the next run; what
cannot be made again is counted. Photos, and files that are whole, are not touched."""

from collections.abc import Iterator

from indexer.working import alone, locked
from searcher import Library, checkup, database
from searcher.catalog_repair import mend_catalog, mend_words
from searcher.settings import Settings
from searcher.vectors_repair import mend_description, mend_vectors


def repair(settings: Settings) -> Iterator[str]:
    """Mend a library; yields what was found and done, a line each, and nothing where it was whole.

    A catalog that is damaged is kept beside the new one under another name. Raises AskpixError when there is no
    library, and while a run is at work on it.
    """
    folder = settings.library.expanduser().absolute()
    busy = f"a run is indexing {folder}; wait until it has ended"
    path = folder / database.CATALOG
    if settings.catalog is None and path.exists():
        with locked(folder, busy):
            yield from mend_catalog(path)
    with Library(settings=settings) as library, alone(library, busy):
        yield from mend_words(library)
        yield from mend_description(library)
        yield from mend_vectors(library)
        checkup.forget(folder)
