"""Videos as moments: their scenes, whatever the codec, and never too many."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageChops

from cameras import video
from vlm.picture import UnreadablePicture, open_picture
from vlm.video import moments, said_by


@pytest.fixture
def scenes(photos: Path) -> list[Image.Image]:
    names = ("animals/cat.jpg", "food/coffee.jpg", "landscapes/mountains.jpg")
    return [Image.open(photos / name).convert("RGB").resize((160, 120)) for name in names]


def difference(image: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures' values, 0..255."""
    both = ImageChops.difference(image, other.resize(image.size)).convert("L").histogram()
    return sum(value * count for value, count in enumerate(both)) / sum(both)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mov", "libx265"),
        ("a.webm", "libvpx-vp9"),
        ("a.mkv", "libsvtav1"),
        ("a.avi", "mjpeg"),
        ("a.mts", "mpeg2video"),
    ],
)
def test_each_scene_is_a_moment(scenes: list[Image.Image], tmp_path: Path, name: str, codec: str) -> None:
    video(tmp_path / name, scenes, seconds=1.5, codec=codec)
    found = list(moments(tmp_path / name, 60))
    start = found[0][0]  # MPEG's clock does not start at 0
    assert [seconds - start for seconds, _, _ in found] == pytest.approx([0, 1.5, 3])
    for (seconds, frame, size), scene in zip(found, scenes, strict=True):
        assert (frame.size, size) == ((80, 60), (160, 120))
        picture = open_picture(tmp_path / f"{name}#t={seconds}", 60)
        assert (picture.width, picture.height, picture.format) == (160, 120, name[2:].upper())
        assert difference(frame, scene) < 12
        assert difference(picture.image, scene) < 12


def test_it_is_turned_upright(scenes: list[Image.Image], tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    video(path, scenes[:1])
    data = path.read_bytes()
    upright = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)  # a quarter clockwise
    track = data.index(b"tkhd")
    path.write_bytes(data[:track] + data[track:].replace(upright, turned, 1))
    ((_, frame, size),) = moments(path, 60)
    assert size == (120, 160)
    assert difference(frame, scenes[0].transpose(Image.Transpose.ROTATE_270)) < 12
    assert open_picture(path, 60).image.size == frame.size


def test_a_long_video_has_no_more_than_three_hundred_moments_from_end_to_end(tmp_path: Path) -> None:
    shades = [Image.new("RGB", (32, 32), "red" if n % 2 else "blue") for n in range(300)]
    video(tmp_path / "a.avi", shades, seconds=3, codec="mjpeg", rate=1)
    times = [seconds for seconds, _, _ in moments(tmp_path / "a.avi", 16)]
    assert 150 < len(times) <= 300
    assert times[-1] > 890


def test_frames_may_last_as_long_as_they_like(scenes: list[Image.Image], tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=1000)
        stream.width, stream.height = scenes[0].size
        for scene, milliseconds in zip(scenes, (0, 40, 7300), strict=True):
            frame = av.VideoFrame.from_image(scene)
            frame.pts = milliseconds
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert [seconds for seconds, _, _ in moments(tmp_path / "a.mkv", 60)] == [0.0, 7.3]


def test_a_video_without_key_frames_is_its_first_picture(scenes: list[Image.Image], tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = scenes[0].size
        stream.codec_context.gop_size = 600
        packets = [stream.encode(av.VideoFrame.from_image(scenes[0])) for _ in range(20)]
        for packet in [packet for several in packets for packet in several][1:]:
            container.mux(packet)
    assert [seconds for seconds, _, _ in moments(tmp_path / "a.mkv", 60)] == [0.0]


def test_what_holds_no_picture(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mov"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    (tmp_path / "empty.mp4").touch()
    for name, reason in (("sound.mov", "there is no picture in it"), ("empty.mp4", "the file is empty")):
        with pytest.raises(UnreadablePicture, match=reason):
            list(moments(tmp_path / name, 60))
        with pytest.raises(UnreadablePicture, match=reason):
            open_picture(tmp_path / name, 60)


def test_a_damaged_end_leaves_the_moments_before(scenes: list[Image.Image], tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    video(path, scenes)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert [seconds for seconds, _, _ in moments(path, 60)][:2] == [0.0, 2.0]


def test_what_it_says_is_read(scenes: list[Image.Image], tmp_path: Path) -> None:
    video(tmp_path / "a.mp4", scenes[:1], creation_time="2022-03-04T05:06:07.000000Z")
    assert said_by(tmp_path / "a.mp4")["zone"] == "+00:00"
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(UnreadablePicture, match="Invalid data found"):
        said_by(tmp_path / "a.mp4")


def test_a_moment_s_stream_may_be_left(scenes: list[Image.Image], tmp_path: Path) -> None:
    video(tmp_path / "a.mp4", scenes)
    left = moments(tmp_path / "a.mp4", 60)
    assert next(left)[0] == 0.0
    left.close()  # type: ignore[attr-defined]
    assert len(list(moments(tmp_path / "a.mp4", 60))) == 3


@pytest.mark.parametrize("suffix", ["jpg", "png", "heic"])
def test_a_picture_named_like_a_video_is_one(scenes: list[Image.Image], tmp_path: Path, suffix: str) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    scenes[0].save(tmp_path / f"a.{suffix}")
    (tmp_path / f"a.{suffix}").rename(tmp_path / "a.mov")
    ((seconds, frame, size),) = moments(tmp_path / "a.mov", 60)
    assert (seconds, size) == (0.0, (160, 120))
    assert difference(frame, scenes[0]) < 12
    assert open_picture(tmp_path / "a.mov#t=0.0", 60).width == 160


def test_a_video_named_like_a_picture_is_refused(scenes: list[Image.Image], tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "avi"):
        video(tmp_path / f"a.{suffix}", scenes[:1])
        (tmp_path / f"a.{suffix}").rename(tmp_path / "a.jpg")
        with pytest.raises(UnreadablePicture, match="it is a video by its content"):
            open_picture(tmp_path / "a.jpg", 60)
