"""A library as one file, and made a library again."""

import io
import json
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer.pipeline import IndexRun
from searcher import Library
from searcher.backup import back_up
from searcher.corrections import correct_caption
from searcher.doctor import examine
from searcher.restore import restore
from searcher.settings import load_settings
from support import Askpix, records
from vlm.errors import AskpixError

Members = dict[str, bytes]


@pytest.fixture
def backup(demo_copy: Library, tmp_path: Path) -> Path:
    """A backup of the demo library, which has an edit, settings and a caption of somebody's."""
    (demo_copy.folder / "edits").mkdir(exist_ok=True)
    (demo_copy.folder / "edits" / "cat-edit-1.jpg").write_bytes(b"an edit")
    (demo_copy.folder / "askpix.toml").write_text('milvus = "here.db"\nexact_rows = 9\n')
    correct_caption(demo_copy, 1, "Somebody's words")
    return back_up(demo_copy, tmp_path / "kept.tar").path


def members(backup: Path) -> Members:
    """What is in a tar."""
    with tarfile.open(backup) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


def pack(path: Path, contents: Members, change: Callable[[tarfile.TarInfo], None] = lambda _: None) -> Path:
    """A tar with these members, each changed somehow."""
    with tarfile.open(path, "w") as tar:
        for name, data in contents.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            change(about)
            tar.addfile(about, io.BytesIO(data))
    return path


def test_a_restored_library_is_whole_and_searches_alike(
    askpix: Askpix, demo_copy: Library, backup: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    assert records(askpix("restore", backup, "--library", again, "--json")) == [
        {"library": str(again), "images": demo_copy.count_images()}
    ]
    assert [one for one in examine(load_settings(library=again)) if not one.ok] == []
    assert (again / "edits" / "cat-edit-1.jpg").read_bytes() == b"an edit"
    assert (again / "askpix.toml").read_text() == '# milvus = "here.db"\nexact_rows = 9\n'
    with Library(again) as library:
        assert library.photo(1).caption == "Somebody's words"  # type: ignore[union-attr]
        for query in ("a dog", "somebody's words", "water tag:boat"):
            found, before = ([hit.as_json() for hit in one.search(query)] for one in (library, demo_copy))
            assert found == before


def test_a_backup_while_a_run_goes_on(photos: Path, tmp_path: Path) -> None:
    """Each is of one moment: as many embeddings as images, all of them found."""
    counts: list[int] = []
    with Library(tmp_path / "library", create=True) as library, Library(tmp_path / "library") as other:
        run = IndexRun(library, [photos])
        ended = threading.Event()

        def fill() -> None:
            for _ in run:
                pass
            ended.set()

        thread = threading.Thread(target=fill)
        thread.start()
        while not ended.is_set() or not counts:
            number = len(counts)
            back_up(other, tmp_path / f"{number}.tar")
            counts.append(restore(tmp_path / f"{number}.tar", tmp_path / f"again-{number}"))
            with Library(tmp_path / f"again-{number}") as again:
                assert again.count_images() == again.count_vectors() == counts[-1]
                assert not counts[-1] or len(again.search("anything", k=100, min_confidence=0)) == counts[-1]
        thread.join()
    assert counts == sorted(counts)


def test_a_backup_of_a_catalog_in_postgresql(photos: Path, tmp_path: Path, postgres_url: str) -> None:
    with Library(settings=load_settings(library=tmp_path / "library", catalog=postgres_url), create=True) as library:
        for _ in IndexRun(library, sorted(photos.rglob("*.jpg"))[:4]):
            pass
        (library.folder / "askpix.toml").write_text(f'catalog = "{postgres_url}"\n')
        back_up(library, tmp_path / "kept.tar")
        restore(tmp_path / "kept.tar", tmp_path / "again")
        assert [one for one in examine(load_settings(library=tmp_path / "again")) if not one.ok] == []
        with Library(tmp_path / "again") as again:
            assert again.settings.catalog is None
            found, before = ([hit.as_json() for hit in one.search("a dog")] for one in (again, library))
            assert found == before


def test_edits_lie_where_the_library_does(demo_copy: Library, tmp_path: Path) -> None:
    edit = demo_copy.folder / "edits" / "edit.jpg"
    edit.parent.mkdir(exist_ok=True)
    shutil.copy(demo_copy.photo(1).path, edit)  # type: ignore[union-attr]
    with edit.open("ab") as file:
        file.write(b"\0")  # of its own content
    for _ in IndexRun(demo_copy, [edit]):
        pass
    restore(back_up(demo_copy, tmp_path / "kept.tar").path, tmp_path / "again")
    with Library(tmp_path / "again") as again:
        assert [hit.photo.path for hit in again.browse(k=1)] == [tmp_path / "again" / "edits" / "edit.jpg"]


@pytest.mark.parametrize("where", ["library", "file", "other"])
def test_nothing_is_overwritten(backup: Path, tmp_path: Path, where: str) -> None:
    place = tmp_path / where
    if where == "file":
        place.write_text("mine")
    elif where == "other":
        place.mkdir()
        (place / "mine").write_text("mine")
    before = sorted(place.rglob("*"))
    with pytest.raises(AskpixError, match=r"there is something in .* already; name a new folder"):
        restore(backup, place)
    assert sorted(place.rglob("*")) == before


def damaged(backup: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Backups that are not what they should be, and what is said of each."""
    whole = members(backup)
    manifest = whole.pop("backup.json")
    said = json.loads(manifest)
    segment = next(name for name in whole if name.endswith(".segment"))
    flipped = bytes([whole[segment][0] ^ 1]) + whole[segment][1:]
    cut = tmp_path / "cut.tar"
    cut.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    yield "is damaged, or no backup", cut
    yield "is not whole", pack(tmp_path / "headless.tar", whole)
    yield "is damaged", pack(tmp_path / "flipped.tar", {**whole, segment: flipped, "backup.json": manifest})
    lacking = {name: data for name, data in whole.items() if name != segment}
    yield "is damaged", pack(tmp_path / "lacking.tar", {**lacking, "backup.json": manifest})
    newer = json.dumps({**said, "format": 2}).encode()
    yield "made by a newer askpix", pack(tmp_path / "newer.tar", {**whole, "backup.json": newer})
    for name in ("../outside", "/tmp/outside", "vectors/../../outside", "edits/./x", "other.txt", "vectors/"):
        yield "does not belong", pack(tmp_path / "path.tar", {name: b"x", **whole, "backup.json": manifest})

    def link(about: tarfile.TarInfo) -> None:
        if about.name == segment:
            about.type, about.linkname, about.size = tarfile.SYMTYPE, "/etc/passwd", 0

    yield "does not belong", pack(tmp_path / "link.tar", {**whole, "backup.json": manifest}, link)
    (tmp_path / "text.tar").write_text("no tar at all")
    yield "is damaged, or no backup", tmp_path / "text.tar"


def test_it_is_restored_whole_or_not_at_all(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    for said, wrong in damaged(backup, tmp_path):
        with pytest.raises(AskpixError, match=said):
            restore(wrong, tmp_path / "place" / "again")
        assert list((tmp_path / "place").iterdir()) == [], wrong


def test_no_backup_is_made_of_a_damaged_library(demo_copy: Library, tmp_path: Path) -> None:
    segment = next(demo_copy.folder.glob("vectors/*/*.segment"))
    data = bytearray(segment.read_bytes())
    data[5000] ^= 4
    segment.write_bytes(data)
    with pytest.raises(AskpixError, match=r"vectors of .* are damaged.*askpix doctor --repair"):
        back_up(demo_copy, tmp_path / "kept.tar")
    assert not (tmp_path / "kept.tar").exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_disk_that_is_full(demo_copy: Library) -> None:
    with pytest.raises(AskpixError, match=r"/dev/full/kept.tar cannot be written: Not a directory"):
        back_up(demo_copy, Path("/dev/full/kept.tar"))
