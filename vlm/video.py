"""Videos as moments: frames at changes of the scene, each a picture with its time.

A moment is named by its video and a media fragment (W3C Media Fragments URI 1.0): `trip.mp4#t=12.5` is the
frame at 12.5 seconds.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from vlm.apart import ask
from vlm.kinds import VIDEO

__all__ = ["VIDEO", "is_video", "moments", "said_by", "split_moment"]

_MOMENT = re.compile(r"(.+)#t=(\d+(?:\.\d+)?)", re.ASCII | re.DOTALL)


def is_video(name: str) -> bool:
    """Whether a file of that name is taken for a video."""
    return Path(name).suffix.lower() in VIDEO


def split_moment(name: str) -> tuple[str, float | None]:
    """The name of the file that holds a moment, and its time in seconds; None for what is no moment."""
    found = _MOMENT.fullmatch(name)
    if found is None or not is_video(found[1]):
        return name, None
    return found[1], float(found[2])


def moments(path: Path, side: int) -> Iterator[tuple[float, Image.Image, tuple[int, int]]]:
    """The moments of a video in their order: seconds, the frame reduced to a shorter side of at least `side`,
    and the whole frame's width and height, all upright.

    They are at least a second apart, and further in a video of more than five minutes, so that there are 300 at
    most. Raises UnreadablePicture for what is no video.
    """
    for said in ask("scenes", path, side=side):
        yield round(said["seconds"], 3), said["image"], (said["width"], said["height"])


def said_by(path: Path) -> dict[str, Any]:
    """When a video was recorded, and where, as far as it says so: taken_at and zone, latitude and longitude.

    Raises UnreadablePicture for what is no video.
    """
    (answer,) = ask("metadata", path)
    said = answer["metadata"]
    values: dict[str, Any] = {}
    recorded = said.get("com.apple.quicktime.creationdate") or said.get("creation_time") or ""
    if found := re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)", recorded, re.ASCII):
        zone = "+00:00" if found[2] == "Z" else f"{found[2][:3]}:{found[2][-2:]}"
        values = {"taken_at": datetime.fromisoformat(found[1]), "zone": zone}
    position = said.get("com.apple.quicktime.location.iso6709") or said.get("location") or ""
    if found := re.match(r"([+-]\d\d(?:\.\d+)?)([+-]\d{3}(?:\.\d+)?)", position, re.ASCII):
        values |= {"latitude": float(found[1]), "longitude": float(found[2])}
    return values
