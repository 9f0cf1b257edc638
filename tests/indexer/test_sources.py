"""Photos in buckets, in tars and on the web: indexed, found, shown and looked after like those in folders."""

import csv
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from platformdirs import user_cache_path
from pyarrow import parquet
from sqlalchemy import select

from buckets import bucket, environment, put
from indexer import edits
from indexer.foretell import foretell
from indexer.pipeline import IndexRun
from indexer.prune import prune
from indexer.scan import roots_of
from indexer.sources import tars
from indexer.watch import watch
from searcher import Library, database, originals, ranges
from searcher.addresses import Allowed
from searcher.catalog import File
from searcher.corrections import correct_caption
from searcher.duplicates import duplicates
from searcher.elsewhere import Unreachable, where_is
from searcher.export import records, write_sidecars
from searcher.fetching import Bounds, Fetcher
from servers import at, free_port, reply, site
from vlm import editing
from vlm.errors import AskpixError
from webui.app import create_app

Index = Callable[..., Any]
Pictures = Callable[..., list[Path]]
Words = dict[str, bytes]


@pytest.fixture
def shown(photos: Path) -> dict[str, bytes]:
    """Photographs of the demo, by their subjects."""
    names = {"cat": "animals/cat.jpg", "coffee": "food/coffee.jpg", "mountains": "landscapes/mountains.jpg"}
    return {name: (photos / path).read_bytes() for name, path in names.items()}


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Nothing that was fetched before."""
    shutil.rmtree(user_cache_path("askpix") / "originals", ignore_errors=True)


def paths(library: Library) -> set[str]:
    return {str(hit.photo.path) for hit in library.browse()}


def missing(library: Library) -> set[str]:
    with database.session(library.engine) as session:
        return {str(file.path) for file in session.scalars(select(File).where(File.missing_since.is_not(None)))}


def reasons(library: Library) -> dict[str, str]:
    with database.session(library.engine) as session:
        refused = select(File).where(File.reason.is_not(None), File.missing_since.is_(None))
        return {str(file.path): str(file.reason) for file in session.scalars(refused)}


def best(library: Library, query: str) -> Any:
    return library.search(query, k=1, min_confidence=0)[0].photo


# Buckets


def test_a_bucket_is_indexed_and_known_again(
    shown: dict[str, bytes], library: Library, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <r:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></r:RDF></x:xmpmeta>"""
    with bucket("photos") as address:
        put(f"{address}/trip", **{"cat.jpg": shown["cat"], "cat.xmp": sidecar, ".hidden.jpg": b"", "notes.txt": b"-"})
        put(f"{address}/trip/day two #2?", **{"cup & saucer.jpg": shown["coffee"], "bad.jpg": b"no picture"})
        put(f"{address}/trip-not", **{"mountains.jpg": shown["mountains"]})
        summary = index(library, f"{address}/trip/", captions=False)
        cup = f"{address}/trip/day two #2?/cup & saucer.jpg"
        assert (summary.seen, summary.added, summary.refused) == (3, 2, 1)
        assert paths(library) == {f"{address}/trip/cat.jpg", cup}
        assert str(best(library, "a cup of coffee").path) == cup
        cat = best(library, "a cat")
        assert cat.details.rating == 4 and cat.path.name == "cat.jpg"
        assert "not a picture" in reasons(library)[f"{address}/trip/day two #2?/bad.jpg"]

        monkeypatch.setattr(ranges, "read", None)  # from here on the listing must be enough
        again = index(library, f"{address}/trip", captions=False)
        assert (again.seen, again.added, again.unchanged, again.refused) == (3, 0, 2, 1)
        monkeypatch.undo()
        put(f"{address}/trip", **{"cat.jpg": shown["mountains"]})  # one is another, and one is gone
        ranges.opened(address)[0].rm(cup)
        third = index(library, f"{address}/trip", captions=False)
        assert (third.added, third.unchanged) == (1, 0) and missing(library) == {cup}
        assert best(library, "mountains").path.name == "cat.jpg"
        assert foretell(IndexRun(library, [f"{address}/trip-not"], captions=False)).encode == 1
        assert prune(library).files == 1


def test_what_is_done_with_photos_is_done_with_those_of_a_bucket(
    shown: dict[str, bytes], library: Library, index: Index
) -> None:
    with bucket("photos") as address:
        put(address, **{"a/cat.jpg": shown["cat"], "b/cat.jpg": shown["cat"], "coffee.jpg": shown["coffee"]})
        index(library, address, captions=False)
        shutil.rmtree(user_cache_path("askpix") / "originals")
        assert index(library, address).captioned == 2  # fetched once more, and written about
        cat = best(library, "a cat")
        with create_app(library).test_client() as client:
            for made in (
                f"/picture/{cat.id}/{cat.hash[:16]}-thumb.webp",
                f"/picture/{cat.id}/{cat.hash[:16]}-large.webp",
            ):
                assert client.get(made, buffered=True).data[8:12] == b"WEBP"
            saved = client.get(f"/original/{cat.id}", buffered=True)
            assert saved.data == shown["cat"] and "cat.jpg" in saved.headers["Content-Disposition"]
            assert f"{address}/a/cat.jpg" in client.get(f"/image/{cat.id}").text
        assert next(library.ask("is there a cat?", [cat])).answer == "yes"
        assert library.explain(cat, "a cat")[0].width > 0
        (group,) = duplicates(library)
        assert {str(copy.path) for copy in group} == {f"{address}/a/cat.jpg", f"{address}/b/cat.jpg"}
        editor = editing.open_editor()
        made = editing.edit(
            originals.open_original(cat.path, 64).image, editor.plan("make it brighter"), library.encoder, editor
        )
        number = edits.keep(library, cat, made, "make it brighter", editor.name)
        edited = library.photo(number)
        assert edited and isinstance(edited.path, Path) and edited.path.name.startswith("cat-edit")


def test_a_bucket_that_cannot_be_read_is_refused_and_nothing_is_taken_for_gone(
    shown: dict[str, bytes], pictures: Pictures, tmp_path: Path, library: Library, index: Index
) -> None:
    local = pictures(tmp_path / "photos", 1)[0].parent
    with bucket("photos") as address:
        put(f"{address}/a", **{"cat.jpg": shown["cat"]})
        index(library, f"{address}/a", captions=False)
        summary = index(library, "s3://another/a", f"{address}/none", local, captions=False)
        assert (summary.added, summary.refused) == (1, 2)  # the run goes on
        assert reasons(library) == {
            "s3://another/a": "the folder cannot be read: there is no such bucket",
            f"{address}/none": "the folder cannot be read: there is nothing there",
        }
        with environment(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""):
            assert index(library, f"{address}/a", captions=False).refused == 1
        assert "has no credentials" in reasons(library)[f"{address}/a"]
    with environment(AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}"):
        assert index(library, f"{address}/a", captions=False).refused == 1
        assert reasons(library)[f"{address}/a"] == "the folder cannot be read: its server cannot be reached"
        cat = library.browse()[-1].photo
        assert str(cat.path) == f"{address}/a/cat.jpg" and not missing(library)
        shutil.rmtree(user_cache_path("askpix") / "originals")
        with create_app(library).test_client() as client:
            assert client.get(f"/original/{cat.id}").status_code == 404
        assert prune(library, gone_folders=False).files == 0


def test_a_store_that_goes_away_for_a_while_is_waited_for(
    shown: dict[str, bytes], library: Library, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket("photos") as address:
        put(address, **{f"{name}.jpg": content for name, content in shown.items()})
        real, failed = ranges._read, []

        def away(*asked: Any) -> bytes:
            if len(failed) < 5:
                failed.append(asked)
                raise ranges.Away(address)
            return real(*asked)

        monkeypatch.setattr(ranges, "_read", away)
        monkeypatch.setattr(ranges, "PAUSE_S", 0.01)
        assert index(library, address, captions=False).added == 3
        put(address, **{"cat.jpg": shown["coffee"]})
        failed.clear()
        monkeypatch.setattr(ranges, "PATIENCE_S", 0.0)  # and then it is given up
        assert index(library, address, captions=False).reasons["its server cannot be reached"] == 1


def test_what_was_overwritten_since_is_not_shown_for_what_it_was(
    shown: dict[str, bytes], library: Library, index: Index
) -> None:
    with bucket("photos") as address:
        put(address, **{"cat.jpg": shown["cat"]})
        index(library, address, captions=False)
        shutil.rmtree(user_cache_path("askpix") / "originals")
        put(address, **{"cat.jpg": shown["coffee"][: len(shown["cat"])].ljust(len(shown["cat"]), b"-")})
        with pytest.raises(Unreachable, match="another one than was indexed"):
            originals.open_original(library.browse()[0].photo.path, 64)


@pytest.mark.parametrize(
    ("address", "told"),
    {
        "s3://key:secret@bucket/a": "holds a password",
        "https://h/list.csv?sig=secret": "holds a password or signature",
        "https://h/a.jpg": "a .csv with a column url",
        "nothing://x/y": "Protocol not known",
        "s3://": "names no place",
        "/nowhere/at/all": "there is nothing at",
        "/nowhere/{0..999999}.tar": "is no range",
        "/nowhere/*.tar": "nothing matches",
    }.items(),
)
def test_what_is_no_source_is_said_in_one_line(address: str, told: str, library: Library, index: Index) -> None:
    with pytest.raises(AskpixError, match=told) as wrong:
        index(library, address, captions=False)
    assert "secret" not in str(wrong.value) and "\n" not in str(wrong.value)


def test_only_this_machines_folders_are_followed(library: Library) -> None:
    with pytest.raises(AskpixError, match=r"s3://photos/a cannot be followed"):
        next(watch(library, ["s3://photos/a"]))


# Tars


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as made:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            made.addfile(about, io.BytesIO(content))
    return path


@pytest.fixture
def webdataset(shown: dict[str, bytes]) -> dict[str, bytes]:
    """Members as WebDataset names them, and some that would do harm."""
    said = {"caption": "overruled", "keywords": ["peak", "snow"], "title": "High up"}
    return {
        "../../evil.jpg": shown["cat"],
        "./a/000.coffee.jpg": shown["coffee"],
        "a/000.txt": b"Kaffee am Morgen\0",
        "a/001.jpg": shown["mountains"],
        "a/001.json": json.dumps(said).encode(),
        "a/001.txt": b"Alps",
        "a/002.jpg": b"no picture",
        "a/._003.jpg": b"of a Mac",
        "a/001.jpg ": b"",
    }


def test_a_tar_is_indexed_with_what_people_wrote(
    webdataset: dict[str, bytes], tmp_path: Path, library: Library, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tar(tmp_path / "shard.tar", webdataset)
    before = sorted(tmp_path.parent.iterdir())
    assert foretell(IndexRun(library, [made], captions=False)).encode == 4
    summary = index(library, made, captions=False)
    assert (summary.seen, summary.added, summary.refused) == (4, 3, 1)
    assert sorted(tmp_path.parent.iterdir()) == before and not list(tmp_path.parent.rglob("*evil*"))
    assert paths(library) == {f"tar:{made}/{name}" for name in ("../../evil.jpg", "a/000.coffee.jpg", "a/001.jpg")}
    coffee, alps = best(library, "a cup of coffee"), best(library, "mountains")
    assert coffee.details.description == "Kaffee am Morgen"
    assert (alps.details.description, alps.details.title) == ("Alps", "High up") and alps.keywords == ["peak", "snow"]
    assert best(library, "Kaffee").id == coffee.id
    with create_app(library).test_client() as client:
        cat = best(library, "a cat")
        assert client.get(f"/picture/{cat.id}/{cat.hash[:16]}-thumb.webp", buffered=True).status_code == 200
        saved = client.get(f"/original/{cat.id}", buffered=True)
        assert saved.data == webdataset["../../evil.jpg"] and "../" not in saved.headers["Content-Disposition"]
    correct_caption(library, cat.id, "a cat")
    ((_, refused),) = write_sidecars(records(library), None)
    assert refused and "elsewhere" in refused
    ((sidecar, refused),) = write_sidecars(records(library), tmp_path / "sidecars")
    assert refused is None and sidecar.is_relative_to(tmp_path / "sidecars")

    monkeypatch.setattr(tars, "members", None)  # what has not changed is not read
    again = index(library, str(made), captions=False)
    assert (again.seen, again.unchanged, again.refused) == (4, 3, 1)
    monkeypatch.undo()
    tar(made, {name: content for name, content in webdataset.items() if "001" not in name})
    third = index(library, made, captions=False)
    assert third.seen == 3 and missing(library) == {f"tar:{made}/a/001.jpg"}


def test_tars_of_a_bucket_are_read_once_from_one_end_to_the_other(
    shown: dict[str, bytes], tmp_path: Path, library: Library, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "PIECE", 40_000)
    with bucket("photos") as address:
        for number, name in enumerate(shown):
            made = tar(tmp_path / "x.tar", {f"{name}.jpg": shown[name], f"{name}.txt": name.encode()})
            put(f"{address}/shards", **{f"{number:03}.tar": made.read_bytes()})
        asked: list[tuple[str, int, int]] = []
        real = ranges._read
        monkeypatch.setattr(ranges, "_read", lambda *what: asked.append(what) or real(*what))
        summary = index(library, f"{address}/shards/{{000..001}}.tar", captions=False)
        assert (summary.seen, summary.added) == (2, 2)
        assert len({(location, start) for location, start, _ in asked if start}) == len([1 for one in asked if one[1]])
        assert index(library, f"{address}/shards/*.tar", captions=False).added == 1
        shutil.rmtree(user_cache_path("askpix") / "originals")
        cat = best(library, "a cat")
        assert cat.details.description == "cat" and originals.open_original(cat.path, 64).width == cat.width
        ranges.opened(address)[0].rm(f"{address}/shards/001.tar")
        index(library, f"{address}/shards/*.tar", captions=False)
        assert missing(library) == {f"tar:{address}/shards/001.tar/{name}" for name in ("coffee.jpg", "")}


def test_a_damaged_tar_gives_what_comes_before(
    webdataset: dict[str, bytes], tmp_path: Path, library: Library, index: Index
) -> None:
    made = tar(tmp_path / "cut.tar", webdataset)
    whole = made.read_bytes()
    made.write_bytes(whole[: len(whole) // 2])
    nothing = tmp_path / "nothing.tar"
    nothing.write_bytes(b"no tar at all" * 100)
    summary = index(library, made, nothing, captions=False)
    assert summary.added >= 1 and reasons(library)[f"tar:{made}"].startswith("the tar is damaged, or cut short")
    assert f"tar:{nothing}" in reasons(library)
    made.write_bytes(whole)
    index(library, made, captions=False)
    assert f"tar:{made}" not in reasons(library) and len(paths(library)) == 3
    made.unlink()
    made.with_name("other.tar").write_bytes(whole)
    index(library, made.with_name("other.tar"), captions=False)  # beside which the first one is gone
    assert {str(path).partition(".tar")[0] for path in missing(library)} == {f"tar:{made.with_suffix('')}"}
    huge = tarfile.TarInfo("x" * 200 + ".jpg")
    long = bytearray(huge.tobuf(format=tarfile.GNU_FORMAT))
    long[124:136] = b"77777777777\0"  # a header of eight gigabytes
    long[148:156] = b"%06o\0 " % (sum(long[:148]) + 8 * 32 + sum(long[156:512]))
    made.write_bytes(bytes(long))
    with pytest.raises(Unreachable, match="header"):
        list(tars.members(str(made), len(long)))


# Lists


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetcher that may reach this machine, and has little patience."""
    bounds = Bounds(seconds=1, most_bytes=300_000, pause_s=0.001)
    fetcher = Fetcher(Allowed(private="127.0.0.1"), bounds)  # type: ignore[arg-type]
    monkeypatch.setattr(ranges, "fetcher", lambda: fetcher)


def write_list(path: Path, rows: list[tuple[str, str]], names: tuple[str, str] = ("URL", "Caption")) -> Path:
    if path.suffix == ".parquet":
        parquet.write_table(pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)}), path)
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([names, *rows])
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_list_of_addresses_is_indexed(
    ending: str, shown: dict[str, bytes], web: None, tmp_path: Path, library: Library, index: Index
) -> None:
    pages = {"cat": shown["cat"], "cup.jpg": shown["coffee"], "page": reply(200, b"<html>", "text/html")}
    pages |= {"robots": b"User-agent: *\nDisallow: /secret", "broken": reply(500, b""), "text": b"no picture"}
    with at(site(**pages)) as (server, seen):
        rows = [(f"{server}/cat?size=2", "Mau"), (f"{server}/cup.jpg", ""), ("", "nobody"), (f"{server}/page", "")]
        rows += [(f"{server}/{name}", "") for name in ("gone", "broken", "secret", "text")]
        rows += [("http://10.1.2.3/a.jpg", ""), ("file:///etc/passwd", ""), ("https://me:pass@h/x.jpg", "")]
        made = write_list(tmp_path / f"photos.{ending}", rows)
        assert foretell(IndexRun(library, [made], captions=False)).encode == len(rows) - 1
        summary = index(library, made, captions=False)
        assert (summary.added, summary.refused, summary.seen) == (2, 9, 11)
        assert paths(library) == {f"{server}/cat?size=2", f"{server}/cup.jpg"}
        why = {place.removeprefix(server): reason for place, reason in reasons(library).items()}
        assert why["/page"] == "the server gives a web page (text/html) instead of a picture"
        assert why["/gone"] == "the server answers 404 Not Found"
        assert why["/broken"] == "the server answers 500 Internal Server Error"
        assert why["/secret"].startswith("the robots.txt of 127.0.0.1")
        assert "not a picture" in why["/text"]
        assert "private address" in why["http://10.1.2.3/a.jpg"]
        assert why["file:///etc/passwd"].startswith("it is no address of the web")
        assert "password" in why["https://h/x.jpg"]
        assert why[f"list:{made}/rows without a url"] == "1 of its rows have no url"
        cat = best(library, "a cat")
        assert cat.details.description == "Mau" and best(library, "Mau").id == cat.id
        with create_app(library).test_client() as client:
            saved = client.get(f"/original/{cat.id}", buffered=True)
            assert saved.data == shown["cat"]
        asked = len(seen.paths)
        again = index(library, made, captions=False)
        assert again.unchanged == 2 and set(seen.paths[asked:]) == {"/broken"}  # all else is known
        write_list(made, [(f"{server}/cat?size=2", "The cat"), (f"{server}/cup.jpg", "")])
        index(library, made, captions=False)
        assert best(library, "a cat").details.description == "The cat"
        assert f"{server}/gone" in missing(library) and len(paths(library)) == 2
    made.unlink()
    assert prune(library).files == 0  # the list is gone as a whole


def test_a_list_that_is_none_is_refused(web: None, tmp_path: Path, library: Library, index: Index) -> None:
    lists = {
        "names.csv": b"name,link\na,b\n",
        "empty.csv": b"",
        "torn.parquet": b"PAR1 and no more",
        "long.csv": b"url\n" + b"x" * 200_000,
    }
    for name, content in lists.items():
        (tmp_path / name).write_bytes(content)
    parquet.write_table(pa.table({"name": ["a"]}), tmp_path / "names.parquet")
    assert index(library, f"{tmp_path}/*.csv", f"{tmp_path}/*.parquet", captions=False).refused == 5
    why = {place.rpartition("/")[2]: reason for place, reason in reasons(library).items()}
    assert why["names.csv"] == "the list has no column url; its columns are: name, link"
    assert why["names.parquet"] == "the list has no column url; its columns are: name"
    assert "no column url" in why["empty.csv"]
    assert "cannot be read" in why["torn.parquet"] and "cannot be read" in why["long.csv"]


def test_a_list_and_a_tar_may_lie_on_the_web(
    shown: dict[str, bytes], web: None, tmp_path: Path, library: Library, index: Index
) -> None:
    made = tar(tmp_path / "x.tar", {"cat.jpg": shown["cat"]}).read_bytes()

    def part(request: Any, body: bytes) -> None:
        first, last = request.headers["Range"].removeprefix("bytes=").split("-")
        start, stop = int(first), min(int(last) + 1, len(made))
        reply(206, made[start:stop], Content_Range=f"bytes {start}-{stop - 1}/{len(made)}")(request, body)

    def listed(request: Any, body: bytes) -> None:
        reply(200, f"url\nhttp://{request.headers['Host']}/cup\n".encode(), "text/csv")(request, body)

    with at(site(**{"x.tar": part, "photos.csv": listed, "cup": shown["coffee"]})) as (server, _seen):
        assert index(library, f"{server}/x.tar", f"{server}/photos.csv", captions=False).added == 2
        assert paths(library) == {f"tar:{server}/x.tar/cat.jpg", f"{server}/cup"}


# What is kept


def test_what_is_fetched_is_kept_within_bounds(
    shown: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The longest unused goes first, and what is in use stays."""
    made = tar(tmp_path / "x.tar", {f"{i}.jpg": shown["cat"] for i in range(6)})
    held = list(tars.members(str(made), made.stat().st_size))
    places = [where_is(f"tar:{made}", one.name, one.size, 1, one.start) for one in held]
    monkeypatch.setattr(originals, "KEPT_BYTES", 3 * len(shown["cat"]))
    monkeypatch.setattr(originals, "_SWEEP_BYTES", 0)
    for place in places:
        with originals.local(place) as path:
            assert path.read_bytes() == shown["cat"]
    folder = user_cache_path("askpix") / "originals"
    assert len(list(folder.glob("*/*"))) == 6  # all of them were used a moment ago
    monkeypatch.setattr(originals, "_IN_USE_S", -1)
    with originals.local(places[0]):
        originals.sweep()
    assert len(list(folder.glob("*/*"))) <= 3
    with originals.local(places[1]) as path:
        assert path.read_bytes() == shown["cat"]


def test_roots_of_this_machine_are_what_they_were(tmp_path: Path) -> None:
    (tmp_path / "[2024] {1..2}.tar").mkdir()
    (tmp_path / "photo.jpg").write_bytes(b"")
    for path in (tmp_path, tmp_path / "[2024] {1..2}.tar", tmp_path / "photo.jpg"):
        assert roots_of([path]) == roots_of([str(path)]) == roots_of([f"file://{path}"]) == [path]
