"""Videos as moments: frames at changes of the scene, each a picture with its time.

A moment is named by its video and a media fragment (W3C Media Fragments URI 1.0): `trip.mp4#t=12.5` is the
frame at 12.5 seconds.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from av import VideoFrame

VIDEO = frozenset(".3gp .avi .m4v .mkv .mov .mp4 .mpg .mpeg .mts .m2ts .ogv .webm .wmv".split())
_MOMENT = re.compile(r"(.+)#t=(\d+(?:\.\d+)?)", re.ASCII | re.DOTALL)
_CHANGED = 0.1  # mean difference of two frames' colours, 0..1, from which they show different scenes
_APART = 1.0  # seconds between moments at least


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

    Only key frames are decoded; encoders put one at every cut. Raises av.FFmpegError for what is no video.
    """
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        kept, last = None, -_APART
        for frame in container.decode(stream):
            seconds = max(0.0, float(frame.time or 0))
            if kept is not None and seconds - last < _APART:
                continue
            colours = np.asarray(_image(frame, 16, 16), np.float32) / 255
            if kept is None or float(np.abs(colours - kept).mean()) >= _CHANGED:
                kept, last = colours, seconds
                yield round(seconds, 3), *_upright(frame, side)


def frame_at(path: Path, seconds: float, side: int) -> tuple[Image.Image, tuple[int, int]]:
    """The frame shown at a time, and the whole frame's width and height; the last one if the video ends before."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.time_base:
            container.seek(int(seconds / stream.time_base), stream=stream)
        last = None
        for frame in container.decode(stream):
            if last is not None and float(frame.time or 0) > seconds + 0.001:
                break
            last = frame
        if last is None:
            raise ValueError("there is no picture in it")
        return _upright(last, side)


def said_by(path: Path) -> dict[str, Any]:
    """When a video was recorded, and where, as far as it says so: taken_at and zone, latitude and longitude."""
    import av

    with av.open(str(path)) as container:
        said = {name.lower(): value for name, value in container.metadata.items()}
    values: dict[str, Any] = {}
    recorded = said.get("com.apple.quicktime.creationdate") or said.get("creation_time") or ""
    if found := re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)", recorded, re.ASCII):
        zone = "+00:00" if found[2] == "Z" else f"{found[2][:3]}:{found[2][-2:]}"
        values = {"taken_at": datetime.fromisoformat(found[1]), "zone": zone}
    position = said.get("com.apple.quicktime.location.iso6709") or said.get("location") or ""
    if found := re.match(r"([+-]\d\d(?:\.\d+)?)([+-]\d{3}(?:\.\d+)?)", position, re.ASCII):
        values |= {"latitude": float(found[1]), "longitude": float(found[2])}
    return values


def _upright(frame: "VideoFrame", side: int) -> tuple[Image.Image, tuple[int, int]]:
    scale = max(1, min(frame.width, frame.height) // max(side, 1))
    image = _image(frame, frame.width // scale, frame.height // scale)
    turned = image.rotate(frame.rotation, expand=True) if frame.rotation else image
    size = (frame.width, frame.height)
    return turned, size if (turned.width > turned.height) == (image.width > image.height) else size[::-1]


def _image(frame: "VideoFrame", width: int, height: int) -> Image.Image:
    made: Image.Image = frame.to_image(width=width, height=height)  # type: ignore[no-untyped-call]
    return made
