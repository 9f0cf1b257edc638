"""Whatever lies in a folder: one clear line each, nothing lost, and the run goes on."""

import os
import shutil
import zlib
from functools import partial
from pathlib import Path
from struct import pack

import pytest

from support import Askpix, records


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """A folder with one good photograph."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(sorted(photos.rglob("*.jpg"))[0], folder / "good.jpg")
    return folder


def png_of_one_colour(side: int) -> bytes:
    """A grey PNG of side x side pixels, tiny as a file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\x00" + b"\x80" * side
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def refusals(askpix: Askpix, folder: Path, library: Path) -> str:
    """Index a folder with one good and one bad file; what standard error says of the bad one."""
    done = askpix("index", folder, "--library", library, "--json")
    assert done.returncode == 3, done.stderr
    (summary,) = records(done)
    assert (summary["added"], summary["refused"]) == (1, 1)
    (line,) = [line for line in done.stderr.splitlines() if "refused /" in line]
    again = askpix("index", folder, "--library", library, "--json")
    (summary,) = records(again)
    assert (summary["added"], summary["unchanged"], summary["refused"]) == (0, 1, 1)
    return line[line.index("refused /") :]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("letter.jpg", b"Dear Sir or Madam", "not a picture in a format that can be read"),
        ("empty.png", b"", "the file is empty"),
        ("huge.png", png_of_one_colour(30_000), "30000 x 30000 is more than 200 megapixels; raise ASKPIX_MAX_PIXELS"),
        ("page.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "not a picture"),
    ],
    ids=["not an image", "empty", "huge", "script"],
)
def test_bad_files(askpix: Askpix, folder: Path, tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (folder / name).write_bytes(content)
    assert f"{folder / name}: {reason}" in refusals(askpix, folder, tmp_path / "library")


def test_truncated_jpeg(askpix: Askpix, folder: Path, tmp_path: Path) -> None:
    whole = (folder / "good.jpg").read_bytes()
    (folder / "short.jpg").write_bytes(whole[: len(whole) // 2])
    assert refusals(askpix, folder, tmp_path / "library").endswith("short.jpg: the file is cut short")


def test_a_pipe_named_like_a_picture(askpix: Askpix, folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    assert refusals(askpix, folder, tmp_path / "library").endswith("pipe.jpg: not a regular file")


def test_links_that_loop_or_lead_nowhere(askpix: Askpix, folder: Path, tmp_path: Path) -> None:
    (folder / "again").symlink_to(folder)
    (folder / "loop.jpg").symlink_to("loop.jpg")
    assert "loop.jpg: cannot be opened: Too many levels" in refusals(askpix, folder, tmp_path / "library")


def test_a_folder_without_permission(askpix: Askpix, folder: Path, tmp_path: Path) -> None:
    (folder / "closed").mkdir(mode=0)
    # Root may read anything, unless it gives that right up.
    humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    line = refusals(partial(askpix, before=humble), folder, tmp_path / "library")
    assert line.endswith("closed: the folder cannot be read: Permission denied")


def test_a_name_that_is_not_utf8(askpix: Askpix, folder: Path, tmp_path: Path) -> None:
    """It is indexed like any other, and comes back exactly."""
    odd = os.fsencode(folder) + b"/caf\xe9.jpg"
    os.rename(folder / "good.jpg", odd)
    done = askpix("index", folder, "--library", tmp_path / "library", "--json")
    assert (done.returncode, records(done)[0]["added"]) == (0, 1)
    again = askpix("index", folder, "--library", tmp_path / "library")
    assert "1 unchanged" in again.stdout
    found = askpix("search", "a photo", "--library", tmp_path / "library", "--min-confidence", 0, "--json")
    assert os.fsencode(records(found)[0]["hits"][0]["path"]) == odd
    shown = askpix("search", "a photo", "--library", tmp_path / "library", "--min-confidence", 0)
    assert shown.returncode == 0
    assert "caf?.jpg" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("index", "no/such/folder"), "there is nothing at"),
        (("search", "dog", "--library", "no/library"), "there is no library in"),
        (("search", "   "), "the query is empty; say what to look for"),
        (("search", "dog " * 2500), "the query has 9,999 characters, 1,000 are the most; shorten it"),
        (("search",), "nothing to search for; give some words, a picture, or a filter"),
        (("search", "dog", "--where", "colour:red"), "there is no field 'colour' to search in; there are: path,"),
        (("search", "dog", "--where", "'tag:dog"), "is to be field:value terms, for example: tag:dog"),
        (("search", "dog", "--like", "no.jpg"), "no.jpg: cannot be opened: No such file or directory"),
        (("search", "dog", "--model", "no-such-model"), "no-such-model"),
        (("similar", "pyproject.toml"), "pyproject.toml: not a picture in a format that can be read"),
        (("ask", "what?"), "which pictures? Name one with --image, some with --search or --where, or all with"),
        (("ask", "what?", "--image", "no.jpg"), "no.jpg: cannot be opened"),
        (("ask", "is there a dog?", "--search", "dog", "--save-as", "tag"), "'tag' cannot name a column"),
        (("ask", " ", "--where", "path:jpg"), "the question is empty; ask something"),
        (("serve", "--host", "0.0.0.0"), "there are no accounts, so only this machine is served"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_a_user_can_get_wrong(askpix: Askpix, demo_folder: Path, arguments: tuple[str, ...], line: str) -> None:
    given = arguments if "--library" in arguments else (*arguments, "--library", str(demo_folder))
    done = askpix(*given, cwd=Path(__file__).parent.parent.parent)
    assert done.returncode == 2
    assert done.stdout == ""
    (said,) = done.stderr.strip().splitlines()
    assert said.startswith("askpix: ")
    assert line in said
