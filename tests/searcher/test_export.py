"""Captions and tags out of a library and back: CSV, JSON lines, COCO and XMP sidecars."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import delete

from indexer.details import read_details
from indexer.pipeline import IndexRun
from searcher import Library, database
from searcher.catalog import Caption, Tag
from searcher.export import Record, read_export, records, write_records
from support import Askpix
from support import records as lines
from vlm.errors import AskpixError
from vlm.xmp import read_xmp


@pytest.fixture(scope="module")
def made(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, one with an awkward name, and their library."""
    root = tmp_path_factory.mktemp("export")
    (root / "photos").mkdir()
    for name in ("animals/cat.jpg", "food/coffee.jpg", "animals/koala.jpg"):
        shutil.copy(photos / name, root / "photos")
    (root / "photos" / "koala.jpg").rename(root / "photos" / 'a "koala", grey;\n ü.jpg')
    with Library(root / "library", create=True) as library:
        for _ in IndexRun(library, [root / "photos"]):
            pass
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """One of one's own; its library knows the photos where they were first."""
    return Path(shutil.copytree(made, tmp_path / "own"))


def contents(library: Library) -> list[Record]:
    return list(records(library))


def forget(library: Library) -> None:
    with database.session(library.engine) as session:
        session.execute(delete(Tag))
        session.execute(delete(Caption))


@pytest.mark.parametrize(("kind", "name"), [("csv", "a.csv"), ("jsonl", "a.jsonl"), ("coco", "a.json")])
def test_what_is_written_is_read_back(askpix: Askpix, root: Path, kind: str, name: str) -> None:
    place = ("--library", root / "library")
    done = askpix("export", "--format", kind, "-o", root / name, "--json", *place)
    assert (done.returncode, lines(done)) == (0, [{"written": 3, "left": 0}])
    with Library(root / "library") as library:
        before = contents(library)
        assert len(before) == 3
        assert list(read_export(root / name)) == before
        forget(library)
        assert contents(library) == []
        read = askpix("import", root / name, "--json", *place)
        assert (read.returncode, lines(read)) == (0, [{"read": 3, "unknown": 0}])
        assert contents(library) == before
        assert library.browse("caption:cat")[0].photo.tags
    assert [path for path in root.iterdir() if path.name.startswith(".")] == []


def test_the_formats_are_those_of_others(askpix: Askpix, root: Path) -> None:
    place = ("--library", root / "library")
    table = list(csv.DictReader(askpix("export", *place).stdout.splitlines(keepends=True)))
    assert {"image", "caption"} <= set(table[0])
    coco = json.loads(askpix("export", "--format", "coco", *place).stdout)
    assert {image["id"] for image in coco["images"]} == {about["image_id"] for about in coco["annotations"]}
    assert set(coco["images"][0]) >= {"id", "file_name", "width", "height"}
    only = askpix("export", "--format", "jsonl", "--where", "path:cat.jpg", *place)
    assert [Path(line["image"]).name for line in lines(only)] == ["cat.jpg"]


def test_sidecars_are_written_beside_or_apart_and_read_back(askpix: Askpix, made: Path, tmp_path: Path) -> None:
    place = ("--library", made / "library")
    photo = made / "photos" / "cat.jpg"
    before = photo.read_bytes()
    assert askpix("export", "--format", "xmp", "-o", tmp_path / "xmp", *place).returncode == 0
    sidecar = tmp_path / "xmp" / photo.with_name("cat.jpg.xmp").relative_to("/")
    with Library(made / "library") as library:
        own = contents(library)
        assert {r.hash: (r.caption, r.tags, r.captioner) for r in read_export(tmp_path / "xmp")} == {
            r.hash: (r.caption, r.tags, r.captioner) for r in own
        }
        caption = next(r.caption for r in own if r.image == str(photo))
    said = read_xmp(sidecar.read_bytes())
    assert said.one("dc:description") == caption
    assert said.many("dc:subject") == said.many("askpix:tags") != []
    # What the machine wrote is not taken for what people said.
    assert read_details(photo, sidecar).values.get("description") is None
    assert read_details(photo, sidecar).keywords == ()
    sidecar.write_text(sidecar.read_text(encoding="utf-8").replace(f">{caption}<", ">My cat<", 1), encoding="utf-8")
    assert read_details(photo, sidecar).values["description"] == "My cat"
    again = askpix("export", "--format", "xmp", "-o", tmp_path / "xmp", "--json", *place)
    assert (again.returncode, lines(again)) == (3, [{"written": 2, "left": 1}])
    assert "another program has written into it" in again.stderr
    assert ">My cat<" in sidecar.read_text(encoding="utf-8")
    assert photo.read_bytes() == before


def test_captions_of_others_are_read(root: Path) -> None:
    (root / "mine.csv").write_text(f"image,caption\n{root}/photos/cat.jpg,Our Minka\n{root}/none.jpg,Nobody\n")
    with Library(root / "library") as library:
        for _ in IndexRun(library, [root / "photos"]):
            pass
        known = [known for _, known in write_records(library, read_export(root / "mine.csv"))]
        assert known == [True, False]
        assert library.browse('caption:"our minka"')[0].photo.path.name == "cat.jpg"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "picture,words\na.jpg,a dog\n"),
        ("a.csv", "image,caption,tags,scores\na.jpg,a dog,dog; grass,0.5\n"),
        ("a.jsonl", '{"image": "a.jpg"}\n'),
        ("a.jsonl", "not json\n"),
        ("a.jsonl", '{"image": "a.jpg", "caption": "a dog", "confidence": 7}\n'),
        ("a.json", '{"images": []}'),
        ("a.json", "[]"),
        ("a.txt", "a dog"),
    ],
)
def test_what_cannot_be_read_says_so(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(AskpixError, match=r"is no export|cannot be read as captions"):
        list(read_export(tmp_path / name))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AskpixError, match="No such file"):
        list(read_export(tmp_path / "a.csv"))
