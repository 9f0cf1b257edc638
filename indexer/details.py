"""What files say about themselves, merged into what the catalog keeps; never guessed where absent.

Everything in a file may be hostile: it is read in a process apart (`vlm.headers`), and what comes back is plain data.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.places import place_of
from vlm.limits import UnreadablePicture
from vlm.picture import said_by, said_by_sidecar
from vlm.video import is_video
from vlm.video import said_by as said_by_video

_MOST_KEYWORDS = 500

Said = dict[str, Any]


@dataclass(frozen=True)
class FileDetails:
    """What a file says, by the names of the catalog's `details`; None and empty where it says nothing."""

    values: Said = field(default_factory=dict)
    keywords: tuple[str, ...] = ()


def read_details(path: Path, sidecar: Path | None = None) -> FileDetails:
    """Read what a picture file and its sidecar say.

    Where they differ the sidecar counts before XMP in the file, that before IPTC, and that before EXIF.
    What is damaged counts as absent.
    """
    sources: list[Said] = []
    if sidecar is not None:
        with suppress(UnreadablePicture):
            sources += said_by_sidecar(sidecar)
    with suppress(UnreadablePicture):
        sources += [said_by_video(path)] if is_video(path.name) else said_by(path)
    return _merged(sources)


def _merged(sources: list[Said]) -> FileDetails:
    """What the first source that says it says, each field for itself but for those that belong together."""
    values: Said = {}
    for together in (
        ("taken_at", "zone"),
        ("camera",),
        ("lens",),
        ("title",),
        ("description",),
        ("rating",),
        ("latitude", "longitude"),
        ("city", "region", "country"),
    ):
        for source in sources:
            if any(source.get(name) is not None for name in together):
                values.update((name, source.get(name)) for name in together)
                break
    if values.get("latitude") is not None and "country" not in values and "city" not in values:
        values.update(place_of(values["latitude"], values["longitude"]))
    keywords: list[str] = next((source["keywords"] for source in sources if source.get("keywords")), [])
    return FileDetails(values, tuple(dict.fromkeys(keywords))[:_MOST_KEYWORDS])
