"""Files decoded in a process apart: a hostile one can neither crash this process, nor fill its memory, nor hold it up.

A decoder (`vlm.decoder`) serves one file after another; one that dies or gets stuck is replaced. There are as many
as there are threads that decode.
"""

import atexit
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from PIL import Image

from vlm.limits import MAX_PIXELS, Limits, UnreadablePicture

_SILENCE = 60  # seconds after which a decoder is stuck; one that merely works is ended by its limits before
# It must find the modules that this process has, and none in a folder that it happens to be in.
_CODE = "import sys; sys.path[:] = sys.argv[2:]; from vlm.decoder import main; main(int(sys.argv[1]))"


@dataclass(frozen=True)
class _Decoder:
    process: subprocess.Popen[bytes]
    line: Connection


_idle: list[_Decoder] = []


def ask(do: str, path: Path, max_pixels: int = MAX_PIXELS, **more: Any) -> Iterator[dict[str, Any]]:
    """The results of a task (`vlm.decoder`) on a file, as they come; those that are pictures have an `image`.

    Raises UnreadablePicture for what is no file with something in it, and for one whose decoding fails, or
    exceeds its limits.
    """
    limits = Limits(max_pixels, _size(path))
    task = {"do": do, "path": str(path.absolute()), "limits": asdict(limits), **more}
    decoder = _decoder()
    at_rest = False
    try:
        _ask(decoder, task)
        while True:
            said = _said(decoder, limits)
            at_rest = "end" in said or "refused" in said
            if at_rest:
                break
            yield said
    finally:
        if at_rest:
            _idle.append(decoder)
        else:
            _end(decoder)
    if reason := said.get("refused"):
        raise UnreadablePicture(reason)


def _size(path: Path) -> int:
    try:
        info = path.stat()
    except (OSError, ValueError) as error:  # a path may be too long, or hold what none can
        raise UnreadablePicture(f"cannot be opened: {getattr(error, 'strerror', error)}") from error
    if not stat.S_ISREG(info.st_mode):
        raise UnreadablePicture("not a regular file")
    if info.st_size == 0:
        raise UnreadablePicture("the file is empty")
    return info.st_size


def _decoder() -> _Decoder:
    """One that is idle, or a new one."""
    while True:
        try:
            decoder = _idle.pop()
        except IndexError:
            return _start()
        if decoder.process.poll() is None:
            return decoder
        _end(decoder)


def _start() -> _Decoder:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", "-c", _CODE, str(theirs.fileno()), *sys.path]
        process = subprocess.Popen(
            command,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # a stack for each of many cores would count as its memory
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            process_group=0,  # leaves Ctrl-C to this process
        )
    return _Decoder(process, Connection(ours.detach()))


def _end(decoder: _Decoder) -> None:
    decoder.line.close()
    decoder.process.kill()
    decoder.process.wait()


def _ask(decoder: _Decoder, task: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):  # it has died, which is noticed when it does not answer
        decoder.line.send_bytes(json.dumps(task).encode())


def _said(decoder: _Decoder, limits: Limits) -> dict[str, Any]:
    """The next result. Raises UnreadablePicture when there will be none."""
    try:
        said: dict[str, Any] = json.loads(_message(decoder))
        if size := said.pop("size", None):
            said["image"] = _image(decoder, *size)
        return said
    except (EOFError, OSError) as error:
        raise _died(decoder, limits) from error


def _image(decoder: _Decoder, width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height))
    top = 0
    while top < height:
        band = _message(decoder)
        rows = len(band) // (3 * width)
        image.paste(Image.frombytes("RGB", (width, rows), band), (0, top))
        top += rows
    return image


def _message(decoder: _Decoder) -> bytes:
    if not decoder.line.poll(_SILENCE):
        raise UnreadablePicture("its decoding does not come to an end")
    return decoder.line.recv_bytes()


def _died(decoder: _Decoder, limits: Limits) -> Exception:
    """Why a decoder died."""
    status = decoder.process.wait()
    if status == 0:
        return limits.too_much()
    if status == -signal.SIGPROF:
        return limits.too_long()
    if status < 0:
        return UnreadablePicture(f"the file is damaged (it makes the decoder crash: {signal.Signals(-status).name})")
    return RuntimeError(f"the process that decodes has ended with status {status}")


@atexit.register
def _end_all() -> None:
    while _idle:
        _end(_idle.pop())


# A process that forks must not share its decoders, lest each get the other's pictures.
os.register_at_fork(after_in_child=_idle.clear)
