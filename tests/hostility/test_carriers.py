"""Files that are more than pictures: scripts by another name, two formats at once, playlists, links, metadata."""

import socket
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from PIL import Image

from cameras import video
from indexer.details import read_details
from indexer.pipeline import IndexRun
from payloads import MARKUP, XMP
from searcher import Library
from vlm.editing.history import said_by, xmp_after
from vlm.picture import UnreadablePicture, open_picture
from vlm.video import moments
from webui.app import create_app

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="pwned=1"><script>pwned=1</script></svg>'
HTML = b"<!doctype html><script>pwned=1</script>"
PDF = b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(pwned=1)>>>>endobj\n"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch /tmp/pwned) (w) file\n"


@pytest.fixture(scope="module")
def folder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that carry scripts, some of which are pictures too."""
    folder = tmp_path_factory.mktemp("carriers")
    with Image.open(photos / "animals" / "cat.jpg") as opened:
        small = opened.convert("RGB").resize((120, 80))
    for name, data in {
        "vector.svg": SVG,
        "page.html": HTML,
        "paper.pdf": PDF,
        "vector.jpg": SVG,
        "page.png": HTML,
        "paper.webp": PDF,
        "paper.tif": POSTSCRIPT,
        "page.mp4": HTML,
        "page.dng": HTML,
        "page.heic": SVG,
    }.items():
        (folder / name).write_bytes(data)
    for suffix in (".jpg", ".png", ".webp", ".tif", ".avif"):
        small.save(folder / f"both{suffix}", **({} if suffix == ".tif" else {"xmp": XMP}))
        with (folder / f"both{suffix}").open("ab") as file:
            file.write(HTML + PDF)
    small.save(folder / "both.gif", comment=b"*/=1;pwned=1;/*")
    return folder


@pytest.fixture(scope="module")
def carriers(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library of that folder."""
    with Library(tmp_path_factory.mktemp("carried") / "library", create=True) as library:
        for _ in IndexRun(library, [folder]):
            pass
        yield library


def test_what_is_no_picture_does_not_become_one(carriers: Library) -> None:
    assert {hit.photo.path.stem for hit in carriers.browse()} == {"both"}
    assert len(carriers.browse()) == 6


def test_what_is_served_neither_runs_nor_holds_what_was_hidden(carriers: Library) -> None:
    client = create_app(carriers, {"TESTING": True}).test_client()
    for hit in carriers.browse():
        original = client.get(f"/original/{hit.photo.id}", buffered=True)
        assert original.mimetype in {f"image/{kind}" for kind in ("jpeg", "png", "webp", "tiff", "avif", "gif")}
        assert original.headers["Content-Disposition"].startswith("attachment")
        assert original.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in original.headers["Content-Security-Policy"]
        shown = client.get(f"/api/v1/photos/{hit.photo.id}/picture", follow_redirects=True, buffered=True)
        assert shown.mimetype == "image/webp"
        assert b"pwned" not in shown.data  # it is made anew, of the pixels alone


def test_a_photo_that_became_a_link_hands_nothing_out(carriers: Library, folder: Path, tmp_path: Path) -> None:
    client = create_app(carriers, {"TESTING": True}).test_client()
    secret = tmp_path / "secret"
    secret.write_text("a key")
    kept = folder / "both.png"
    number = next(hit.photo.id for hit in carriers.browse() if hit.photo.path == kept)
    kept.rename(tmp_path / "moved")
    try:
        kept.symlink_to(tmp_path / "moved")  # people do keep their photos elsewhere
        assert client.get(f"/original/{number}", buffered=True).status_code == 200
        kept.unlink()
        kept.symlink_to(secret)
        answer = client.get(f"/original/{number}", buffered=True)
        assert (answer.status_code, b"a key" in answer.data) == (404, False)
    finally:
        kept.unlink()
        (tmp_path / "moved").rename(kept)


# Videos that are lists of other files, or name other machines


def test_a_playlist_leads_to_no_other_file_and_no_other_machine(tmp_path: Path) -> None:
    video(tmp_path / "private.mp4", [Image.new("RGB", (64, 48), "red")])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        here = f"http://127.0.0.1:{listening.getsockname()[1]}/x.mp4"
        hls = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n"
        dash = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
        dash += 'mimeType="video/mp4"><Representation id="1"><BaseURL>{}</BaseURL></Representation></AdaptationSet>'
        for number, text in enumerate(
            (
                *(hls.format(to) for to in (here, "private.mp4", f"file://{tmp_path}/private.mp4")),
                *(f"ffconcat version 1.0\nfile {to}\n" for to in (here, "private.mp4", "subfile,,start,0,end,0,,:x")),
                dash.format(here) + "</Period></MPD>",
                f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {listening.getsockname()[1]} "
                "RTP/AVP 96\na=rtpmap:96 H264/90000\n",
            )
        ):
            for suffix in (".mp4", ".mkv", ".avi"):
                path = tmp_path / f"{number}{suffix}"
                path.write_text(text)
                with pytest.raises(UnreadablePicture):
                    list(moments(path, 32))
                with pytest.raises(UnreadablePicture):
                    open_picture(path, 32)
        with pytest.raises(TimeoutError):
            listening.accept()


# Metadata


@pytest.mark.parametrize(
    "packet",
    [
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + XMP.replace(b"{{7*191}}", b"&a;"),
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + XMP,
        b'<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?>' + XMP,
        b"<a>" * 50_000,
        b"<x>" * 20_000 + XMP + b"</x>" * 20_000,
    ],
    ids=["an entity", "a document type", "a style sheet", "never closed", "deep"],
)
def test_xmp_asks_nobody_and_breaks_nothing(tmp_path: Path, packet: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", xmp=packet)
    (tmp_path / "a.png.xmp").write_bytes(packet)
    said = read_details(tmp_path / "a.png", tmp_path / "a.png.xmp")
    assert "root:" not in str(said)
    assert said.values.get("title") in {MARKUP, None}
    fromstring(xmp_after(said_by(tmp_path / "a.png").xmp, (), "askpix", 60_000))
