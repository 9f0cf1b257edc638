"""Raw files and videos made from pictures, for tests."""

import io
import os
import struct
from pathlib import Path

import numpy as np
from PIL import Image


def dng(path: Path, image: Image.Image, preview: Image.Image | None, orientation: int = 1) -> None:
    """Write a raw file (DNG 1.4, uncompressed Bayer mosaic) that shows `image` and holds a JPEG `preview`."""
    colours = np.asarray(image.convert("RGB"), np.uint16) << 8
    height, width = colours.shape[:2]
    mosaic = np.empty((height, width), "<u2")
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = colours[row::2, column::2, channel]
    jpeg = io.BytesIO()
    if preview:
        preview.save(jpeg, "JPEG")
    data, shown = mosaic.tobytes(), jpeg.getvalue()
    matrix = b"".join(struct.pack("<ii", int(10_000 * n), 10_000) for n in np.eye(3).flatten())

    def directory(at: int, start: int, raw: bool, more: dict[int, tuple[int, bytes]]) -> bytes:
        size = (width, height) if raw or preview is None else preview.size
        entries: dict[int, tuple[int, bytes]] = {
            254: (4, struct.pack("<I", 0 if raw else 1)),
            256: (4, struct.pack("<I", size[0])),
            257: (4, struct.pack("<I", size[1])),
            258: (3, struct.pack("<H", 16) if raw else struct.pack("<3H", 8, 8, 8)),
            259: (3, struct.pack("<H", 1 if raw else 7)),
            262: (3, struct.pack("<H", 32803 if raw else 6)),
            273: (4, struct.pack("<I", start)),
            277: (3, struct.pack("<H", 1 if raw else 3)),
            278: (4, struct.pack("<I", size[1])),
            279: (4, struct.pack("<I", len(data) if raw else len(shown))),
            **({33421: (3, struct.pack("<2H", 2, 2)), 33422: (1, bytes((0, 1, 1, 2)))} if raw else {}),
            **more,
        }
        widths = {1: 1, 2: 1, 3: 2, 4: 4, 10: 8}
        fixed, behind = b"", b""
        end = at + 2 + 12 * len(entries) + 4
        for tag, (kind, value) in sorted(entries.items()):
            if len(value) > 4:
                field = struct.pack("<I", end + len(behind))
                behind += value + b"\0" * (len(value) % 2)
            else:
                field = value.ljust(4, b"\0")
            fixed += struct.pack("<HHI", tag, kind, len(value) // widths[kind]) + field
        return struct.pack("<H", len(entries)) + fixed + b"\0" * 4 + behind

    first = {
        271: (2, b"Askpix\0"),
        272: (2, b"Pinhole 1\0"),
        274: (3, struct.pack("<H", orientation)),
        50706: (1, bytes((1, 4, 0, 0))),
        50708: (2, b"Askpix Pinhole 1\0"),
        50721: (10, matrix),
        50728: (10, b"".join(struct.pack("<ii", 1, 1) for _ in range(3))),
        50778: (3, struct.pack("<H", 21)),
    }
    if preview:
        first[330] = (4, struct.pack("<I", 0))
    head = len(directory(8, 0, raw=True, more=first))
    inner = 8 + head
    start = inner + (len(directory(inner, 0, raw=False, more={})) if preview else 0)
    if preview:
        first[330] = (4, struct.pack("<I", inner))
    file = struct.pack("<2sHI", b"II", 42, 8) + directory(8, start, raw=True, more=first)
    if preview:
        file += directory(inner, start + len(data), raw=False, more={})
    path.write_bytes(file + data + shown)


def video(
    path: Path, scenes: list[Image.Image], seconds: float = 2.0, codec: str = "mpeg4", rate: int = 10, **said: str
) -> None:
    """Write a video that shows each picture for some seconds."""
    import av

    scheduler = os.sched_getscheduler(0)
    with av.open(str(path), "w") as container:
        container.metadata.update(said)
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = scenes[0].size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = 5
        stream.codec_context.bit_rate = 4_000_000
        for scene in scenes:
            frame = av.VideoFrame.from_image(scene.convert("RGB").resize(scenes[0].size))
            for _ in range(round(rate * seconds)):
                frame.pts = None
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    # SVT-AV1 makes the thread that calls it a real-time one where it may, and all that this starts later would be so.
    os.sched_setscheduler(0, scheduler, os.sched_param(0))
