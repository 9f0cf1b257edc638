"""What the server answers."""

import io
import re

import pytest
from flask.testing import FlaskClient
from PIL import Image

from searcher import Library


def ids(html: str) -> list[int]:
    return [int(i) for i in re.findall(r'href="/image/(\d+)[^"]*" data-photo', html)]


def hits(html: str) -> list[int]:
    return ids(html.partition('<section class="near"')[0])


def test_all_photos_newest_first(client: FlaskClient, demo_library: Library) -> None:
    html = client.get("/").text
    assert ids(html) == [hit.photo.id for hit in demo_library.browse(k=60)]
    assert f"{demo_library.count_images()} photos" in html


def test_a_search_shows_what_the_library_finds(client: FlaskClient, demo_library: Library) -> None:
    html = client.get("/?q=a+cat").text
    found = demo_library.find("a cat", k=60)
    assert hits(html) == [hit.photo.id for hit in found.hits]
    assert ids(html)[len(found.hits) :] == [hit.photo.id for hit in found.near]
    everything = client.get("/?q=a+cat&all=1").text
    assert len(ids(everything)) == demo_library.count_images()


def test_thumbnails_are_made_once_and_kept(client: FlaskClient, demo_library: Library) -> None:
    photo = demo_library.browse(k=1)[0].photo
    (url,) = set(re.findall(rf"/picture/{photo.id}/\w+-small\.webp", client.get("/").text))
    answer = client.get(url)
    assert answer.headers["Content-Type"] == "image/webp"
    assert "immutable" in answer.headers["Cache-Control"]
    (kept,) = demo_library.folder.glob(f"thumbnails/*/{photo.hash}-small.webp")
    with Image.open(kept) as thumbnail:
        assert thumbnail.height <= 440
        assert thumbnail.width / thumbnail.height == pytest.approx(photo.width / photo.height, rel=0.02)
    made = kept.stat().st_mtime_ns
    client.get(url)
    assert kept.stat().st_mtime_ns == made
    assert client.get(url.replace("small", "gigantic")).status_code == 404
    assert client.get(re.sub(r"/\w+-small", "/0123456789abcdef-small", url)).status_code == 404


def test_the_original_is_handed_out_as_it_is(client: FlaskClient, demo_library: Library) -> None:
    photo = demo_library.browse(k=1)[0].photo
    answer = client.get(f"/original/{photo.id}")
    assert answer.data == photo.path.read_bytes()
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_questions_are_answered_on_a_photo_and_on_the_hits(client: FlaskClient, demo_library: Library) -> None:
    photo = demo_library.search("a cat", k=1, min_confidence=0)[0].photo
    html = client.get(f"/image/{photo.id}?question=is+there+a+person?").text
    answer = next(demo_library.ask("is there a person?", [photo])).answer
    assert re.search(rf'<p class="answer">{answer}\s', html)
    html = client.get("/ask?q=a+cat&all=1&now=page&question=is+there+a+person?").text
    counted = sum(int(n) for n in re.findall(r'class="count"[^>]*>(\d+)</a>', html))
    assert counted == demo_library.count_images()


@pytest.mark.parametrize(
    ("url", "status", "line"),
    [
        ("/image/999999", 404, "There is no such page or photo here"),
        ("/nowhere", 404, "There is no such page or photo here"),
        ("/?q=" + "dog+" * 2500, 400, "the query has 9,999 characters, 1,000 are the most; shorten it"),
        ("/?q=colour:red", 400, "there is no field &#39;colour&#39; to search in"),
        ("/?q=a+cat&off=7", 400, "the query has no part 7; its parts are 0 to 0"),
        ("/?q=a+cat&off=x", 400, "off=x does not say which parts are off; write for example off=0,2"),
        ("/?q=a+cat&w=0:much", 400, "w=0:much does not say what parts weigh; write for example w=1:0.5"),
        ("/?q=a+cat&w=0:99", 400, "a weight is more than 0 and at most 10"),
        ("/?by=colour", 400, "photos cannot be arranged by &#39;colour&#39;"),
        ("/?picture=../catalog", 400, "the picture to search by is no longer kept here; bring it again"),
        ("/?q=like:999999", 400, "image 999999 is not indexed with"),
        ("/ask?q=a+cat&question=", 400, "the question is empty"),
        ("/?q=%3Cscript%3Ealert(1)%3C/script%3E+path:none", 200, "&lt;script&gt;alert(1)&lt;/script&gt;"),
    ],
)
def test_bad_input_gets_a_page_with_one_line(client: FlaskClient, url: str, status: int, line: str) -> None:
    answer = client.get(url)
    assert answer.status_code == status
    assert line in answer.text
    assert "<script>alert" not in answer.text


def test_an_empty_query_is_the_page_itself(client: FlaskClient) -> None:
    assert ids(client.get("/?q=+++").text) == ids(client.get("/").text)


def test_every_answer_is_protected(client: FlaskClient) -> None:
    for url in ("/", "/nowhere", "/static/style.css"):
        policy = client.get(url).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert client.post("/").status_code == 405


def test_first_page_is_small(client: FlaskClient) -> None:
    sizes = [
        len(client.get(url).data) for url in ("/", *re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/").text))
    ]
    assert sum(sizes) < 300_000


def test_a_photo_is_shown_where_a_text_is_found(client: FlaskClient, demo_library: Library) -> None:
    cat = demo_library.search("a cat", k=1, min_confidence=0)[0].photo
    html = client.get(f"/image/{cat.id}?show=a+cat").text
    (address,) = re.findall(r'src="(/picture/[^"]+where\.webp[^"]*)"', html)
    shown = client.get(address.replace("&amp;", "&"))
    assert shown.status_code == 200
    with Image.open(io.BytesIO(shown.data)) as picture:
        assert picture.width / picture.height == pytest.approx(cat.width / cat.height, rel=0.02)
    assert client.get(f"/picture/{cat.id}/000/where.webp?text=a+cat").status_code == 404
    assert client.get(address.split("?")[0]).status_code == 400
