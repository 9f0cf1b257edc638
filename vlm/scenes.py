"""Frames of videos by FFmpeg, for `vlm.decoder`; what a scene is, `vlm.video` says."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from vlm.limits import THREADS, Limits, UnreadablePicture, extend
from vlm.stills import Picture

_CHANGED = 0.1  # mean difference of two frames' colours, 0..1, from which they show different scenes
_APART = 1.0  # seconds between scenes at least
_MOST = 300  # scenes of one video, so that they are further apart in a long one
_SECONDS_A_FRAME = 0.5  # of the processor's time
# FFmpeg would follow a playlist, whatever it is called, to other files and other machines.
_OPENED_ALONE = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,m4v,ogg,asf",
    "protocol_whitelist": "file",
}


def scenes(path: Path, side: int, limits: Limits) -> Iterator[tuple[float, Picture]]:
    """Seconds and first picture of each scene.

    Only key frames are decoded; encoders put one at every cut. A video that marks none is its first picture.
    Raises av.FFmpegError for what is no video.
    """
    with av.open(str(path), options=_OPENED_ALONE) as container:
        apart = max(_APART, (container.duration or 0) / av.time_base / _MOST)
        kept, last = None, -apart
        for seconds, frame in _key_frames(container, limits, apart / 2):
            if kept is not None and seconds - last < apart:
                continue
            colours = np.asarray(_image(frame, 16, 16), np.float32) / 255
            if kept is None or float(np.abs(colours - kept).mean()) >= _CHANGED:
                kept, last = colours, seconds
                yield seconds, _upright(frame, side, path)
    if kept is None:
        yield 0.0, frame_at(path, 0, side, limits)


def frame_at(path: Path, seconds: float, side: int, limits: Limits) -> Picture:
    """The frame shown at a time; the last one if the video ends before."""
    with av.open(str(path), options=_OPENED_ALONE) as container:
        stream = _pictures(container, limits)
        if seconds and stream.time_base:
            with suppress(OSError):  # what cannot be wound is read from its start
                container.seek(int(seconds / stream.time_base), stream=stream)
        last = None
        for frame in container.decode(stream):
            ahead = float(frame.time or 0) - seconds
            if last is not None and ahead > 0.001:
                break
            last = frame
            if ahead > -0.001:
                break
        if last is None:
            raise UnreadablePicture("there is no picture in it")
        return _upright(last, side, path)


def metadata(path: Path) -> dict[str, str]:
    """What a video says about itself, by names in small letters."""
    with av.open(str(path), options=_OPENED_ALONE) as container:
        return {name.lower(): value for name, value in container.metadata.items()}


def _key_frames(container: InputContainer, limits: Limits, apart: float) -> Iterator[tuple[float, VideoFrame]]:
    """Key frames at least `apart` seconds from one another, with their seconds."""
    stream = _pictures(container, limits)
    stream.codec_context.skip_frame = "NONKEY"
    due, left = 0.0, 2 * _MOST  # its length, by which `apart` was chosen, is only what a video claims
    for packet in container.demux(stream):
        last = packet.dts is None and not packet.size  # it asks the decoder for what is still in there
        if not last:
            seconds = due if packet.pts is None else float(packet.pts * packet.time_base)
            if not packet.is_keyframe or seconds < due or not left:
                continue
            due, left = seconds + apart, left - 1
            extend(_SECONDS_A_FRAME)
        with suppress(av.error.InvalidDataError):  # one damaged frame is not the whole video
            for frame in packet.decode():
                yield max(0.0, float(frame.time or 0)), frame


def _pictures(container: InputContainer, limits: Limits) -> VideoStream:
    """The stream of pictures in a video."""
    if not container.streams.video:
        raise UnreadablePicture("there is no picture in it")
    stream = container.streams.video[0]
    limits.check(stream.width, stream.height)
    stream.codec_context.thread_count = THREADS
    return stream


def _upright(frame: VideoFrame, side: int, path: Path) -> Picture:
    scale = max(1, min(frame.width, frame.height) // max(side, 1))
    image = _image(frame, frame.width // scale, frame.height // scale)
    turns = round(frame.rotation / 90) % 4
    if turns:
        image = image.rotate(90 * turns, expand=True)
    width, height = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
    return Picture(image, width, height, path.suffix[1:].upper())


def _image(frame: VideoFrame, width: int, height: int) -> Image.Image:
    made: Image.Image = frame.to_image(width=width, height=height)  # type: ignore[no-untyped-call]
    return made
