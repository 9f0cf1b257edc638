"""The search page: its plan, near misses, facets, folded duplicates, and pictures to search by."""

import io
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from indexer.pipeline import IndexRun
from searcher import Library
from webui.sought_pictures import KEPT, MOST_BYTES


def ids(html: str) -> list[int]:
    return [int(i) for i in re.findall(r'href="/image/(\d+)[^"]*" data-photo', html)]


def test_nothing_matches_is_said_and_what_to_try(client: FlaskClient) -> None:
    html = client.get("/?q=a+cat+path:no-such-folder").text
    assert "Nothing here matches" in html
    count = len(re.findall("data-photo", client.get("/?q=a+cat").text.partition('<section class="near"')[0]))
    step = re.escape("/?q=a+cat+path:no-such-folder&amp;off=1")
    assert re.search(rf'href="{step}">Without “path no-such-folder” <span class="sure">{count} photo', html)
    html = client.get('/?q=a+cat+"no+such+words"').text
    assert "The nearest there is" in html
    assert len(ids(html)) == 12


def test_a_part_that_is_off_does_not_count(client: FlaskClient, demo_library: Library) -> None:
    html = client.get("/?q=path:no-such-folder+path:animals&off=0").text
    assert ids(html) == [hit.photo.id for hit in demo_library.search("path:animals", k=60)]
    assert ids(client.get("/?q=a+cat&off=0").text) == ids(client.get("/").text)


def test_search_by_a_photo_of_the_library(client: FlaskClient, demo_library: Library) -> None:
    cat = demo_library.search("a cat", k=1, min_confidence=0)[0].photo
    html = client.get(f"/?q=like:{cat.id}").text
    assert ids(html)[0] == cat.id
    assert "Undo more like this" in html


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/?q=a+cat&where=taken:2019", "/?q=a+cat+date:2019"),
        ("/?where='place:New+York'+-tag:dog", "/?q=place:%22New+York%22+-tag:dog"),
        ("/?q=a+cat&like=3&all=1", "/?q=a+cat+like:3&all=1"),
    ],
)
def test_older_addresses_lead_to_the_one_box(client: FlaskClient, old: str, new: str) -> None:
    answer = client.get(old)
    assert (answer.status_code, answer.location) == (302, new)


def test_facets_add_to_the_query(client: FlaskClient, demo_library: Library) -> None:
    assert "<span>jpeg</span>" not in client.get("/?q=a+cat").text
    count = len(demo_library.search("type:jpeg", k=100))
    for address, kept in [("/facets?q=a+cat", ""), ("/?q=a+cat&facets=1", "&amp;facets=1")]:
        link = re.escape(f'href="/?q=a+cat+type:jpeg{kept}"')
        assert re.search(rf'{link} ><span>jpeg</span> <span class="sure">{count}<', client.get(address).text)
    assert re.search(r'href="/\?q=a\+cat" aria-current="true"', client.get("/facets?q=a+cat+type:jpeg").text)


@pytest.mark.parametrize("by", ["diverse", "moment", "place", "likeness"])
def test_arranged_hits_are_the_same_hits(client: FlaskClient, by: str) -> None:
    assert sorted(ids(client.get(f"/?q=a+cat&all=1&by={by}").text)) == sorted(ids(client.get("/?q=a+cat&all=1").text))


def test_pages_follow_one_another_without_gaps(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ids(client.get("/?q=path:photos").text)
    browsed = ids(client.get("/").text)
    monkeypatch.setattr("webui.found.PAGE", 20)
    pages = [client.get(f"/?q=path:photos&page={page}").text for page in (1, 2, 3)]
    assert [i for page in pages for i in ids(page)] == whole
    assert 'rel="next" href="/?q=path:photos&amp;page=2"' in pages[0]
    assert 'rel="next"' not in pages[2]
    assert [i for page in (1, 2, 3) for i in ids(client.get(f"/?page={page}").text)] == browsed


def test_duplicates_are_folded(own_client: FlaskClient, own_library: Library, photos: Path, tmp_path: Path) -> None:
    cat = own_library.search("a cat", k=1, min_confidence=0)[0].photo
    with Image.open(photos / "animals" / "cat.jpg") as picture:
        picture.resize((picture.width // 2, picture.height // 2)).save(tmp_path / "smaller.jpg")
    for _ in IndexRun(own_library, [tmp_path / "smaller.jpg"]):
        pass
    (smaller,) = [hit.photo for hit in own_library.search("is:duplicate")]
    assert smaller.duplicate_of == cat.id
    for address in ("/", "/?q=a+cat"):
        html = own_client.get(address).text
        assert cat.id in ids(html) and smaller.id not in ids(html)
        assert ">+1</a>" in html
    assert ids(own_client.get("/?q=is:duplicate").text) == [smaller.id]
    assert ids(own_client.get("/?q=path:smaller.jpg").text) == [smaller.id]
    html = own_client.get(f"/image/{cat.id}?q=a+cat").text
    assert f'href="/image/{smaller.id}?q=a+cat" data-photo' in html
    assert f"smaller.jpg, {smaller.width} × {smaller.height}" in html


def bring(client: FlaskClient, data: bytes, name: str = "a photo.jpg") -> str:
    answer = client.post("/picture", data={"picture": (io.BytesIO(data), name)})
    assert answer.status_code == 303, answer.text
    return answer.location


def test_a_picture_that_is_brought_is_searched_by(own_client: FlaskClient, own_library: Library, photos: Path) -> None:
    data = (photos / "animals" / "cat.jpg").read_bytes()
    address = bring(own_client, data)
    assert bring(own_client, data, "again.jpg") == address
    assert len(list((own_library.folder / "queries").iterdir())) == 1
    cat = own_library.search("a cat", k=1, min_confidence=0)[0].photo
    html = own_client.get(address).text
    assert ids(html)[0] == cat.id
    (thumbnail,) = re.findall(r'src="(/sought/\w+\.webp)"', html)
    assert own_client.get(thumbnail).content_type == "image/webp"
    both = own_client.get(f"{address}&q=a+dog&w=1:5&all=1").text
    assert ids(both)[0] == cat.id
    assert 'aria-label="Take out: like this picture"' in both


def test_only_the_newest_pictures_are_kept(own_client: FlaskClient, own_library: Library, photos: Path) -> None:
    folder = own_library.folder / "queries"
    folder.mkdir()
    for number in range(KEPT):
        (folder / f"{number:032x}.webp").touch()
    address = bring(own_client, (photos / "animals" / "cat.jpg").read_bytes())
    assert len(list(folder.iterdir())) == KEPT
    assert own_client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("data", "name", "line"),
    [
        (b"", "", "no picture came along; choose a file to search by"),
        (b"\xff\xd8\xff no photo", "broken.jpg", "broken.jpg cannot be searched by: "),
        (
            b"no photo",
            "<b>.txt",
            "&lt;b&gt;.txt cannot be searched by: not a picture in a format that can be read",
        ),
    ],
)
def test_what_is_no_picture_is_refused(
    own_client: FlaskClient, own_library: Library, data: bytes, name: str, line: str
) -> None:
    answer = own_client.post("/picture", data={"picture": (io.BytesIO(data), name)})
    assert answer.status_code == 400
    assert line in answer.text
    assert not list(own_library.folder.glob("queries/*"))


def test_a_picture_may_not_be_too_large(own_client: FlaskClient) -> None:
    picture = {"picture": (io.BytesIO(b"large"), "large.jpg")}
    answer = own_client.post("/picture", data=picture, environ_overrides={"CONTENT_LENGTH": str(MOST_BYTES + 1)})
    assert answer.status_code == 400
    assert "the picture is larger than 50 MB; bring a smaller copy of it" in answer.text
