"""The process in which `vlm.apart` has files decoded.

A task is a JSON object, and so is each of its results, which gives the `size` of the picture if one follows, in bands
of rows; the last says `end`, or `refused` with the reason.
"""

import json
import os
import resource
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from PIL import Image

from vlm.kinds import kind_of
from vlm.limits import Limits, release, unreadable
from vlm.stills import Picture, open_still

_BAND = 4_000_000  # bytes sent at a time

Task = dict[str, Any]
Result = dict[str, Any]  # a picture, if it is one, as `image`


def main(socket: int) -> None:
    """Serve until the other end of the socket is closed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders complain there of files
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # else files that crash them would fill the disk
    with Connection(socket) as line:
        while True:
            try:
                task = json.loads(line.recv_bytes())
            except EOFError:
                return
            try:
                for result in _results(task):
                    _send(line, result)
            except MemoryError:  # with the picture itself there is no room to send it
                return


def _results(task: Task) -> Iterator[Result]:
    limits = Limits(**task["limits"])
    last: Result
    try:
        yield from _TASKS[task["do"]](Path(task["path"]), task, limits)
    # A hostile file can make a decoder fail in any way; whichever way, the file is at fault.
    except Exception as error:
        last = {"refused": str(unreadable(error, limits))}
    else:
        last = {"end": True}
    release()
    yield last


def _picture(path: Path, task: Task, limits: Limits) -> Iterator[Result]:
    kind = kind_of(path)
    if kind == "video":
        from vlm.scenes import frame_at

        limits.hold()
        yield _described(frame_at(path, task["seconds"], task["side"], limits))
    elif kind == "raw":
        yield _described(_raw(path, task["side"], limits))
    else:
        limits.hold()
        yield _described(open_still(path, task["side"], limits))


def _raw(path: Path, side: int, limits: Limits) -> Picture:
    from rawpy import LibRawError, LibRawFileUnsupportedError

    from vlm.raw import open_raw

    limits.hold()
    try:
        return open_raw(path, side, limits)
    except LibRawFileUnsupportedError:  # it may be a plain TIFF
        return open_still(path, side, limits)
    except LibRawError as error:  # it speaks in bytes
        raise OSError(error.args[0].decode("utf-8", "replace")) from error


def _scenes(path: Path, task: Task, limits: Limits) -> Iterator[Result]:
    if kind_of(path) == "still":
        limits.hold()
        yield {"seconds": 0.0, **_described(open_still(path, task["side"], limits))}
        return
    from vlm.scenes import scenes

    limits.hold()
    for seconds, picture in scenes(path, task["side"], limits):
        yield {"seconds": seconds, **_described(picture)}


def _metadata(path: Path, _task: Task, limits: Limits) -> Iterator[Result]:
    from vlm.scenes import metadata

    limits.hold()
    yield {"metadata": metadata(path)}


def _headers(path: Path, _task: Task, limits: Limits) -> Iterator[Result]:
    from vlm.headers import headers

    limits.hold()
    yield {"headers": headers(path)}


def _sidecar(path: Path, _task: Task, limits: Limits) -> Iterator[Result]:
    from vlm.headers import sidecar

    limits.hold()
    yield {"headers": sidecar(path)}


def _carried(path: Path, _task: Task, limits: Limits) -> Iterator[Result]:
    from vlm.headers import carried

    limits.hold()
    exif, xmp, lost = carried(path)
    yield {"exif": exif.hex(), "xmp": xmp.hex(), "lost": lost}


def _described(picture: Picture) -> Result:
    return {"image": picture.image, "width": picture.width, "height": picture.height, "format": picture.format}


def _send(line: Connection, result: Result) -> None:
    image: Image.Image | None = result.pop("image", None)
    line.send_bytes(json.dumps(result | ({"size": image.size} if image else {})).encode())
    if image is None:
        return
    rows = max(1, _BAND // (3 * image.width))
    for top in range(0, image.height, rows):
        line.send_bytes(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())


_TASKS: dict[str, Callable[[Path, Task, Limits], Iterator[Result]]] = {
    "picture": _picture,
    "scenes": _scenes,
    "metadata": _metadata,
    "headers": _headers,
    "sidecar": _sidecar,
    "carried": _carried,
}
