"""A photo's page: why it was found, what people correct, its albums and the text read in it."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from searcher import Library, database, wordsearch
from searcher.albums import albums, make_album
from searcher.catalog import File, Image, Reading


def test_why_it_matched_is_told_part_by_part(client: FlaskClient, demo_library: Library) -> None:
    cat = demo_library.search("a cat", k=1, min_confidence=0)[0].photo
    html = client.get(f"/image/{cat.id}?q=a+cat+path:animals+-dog&all=1").text
    reasons = html.partition("Why it matched")[2].partition("</section>")[0]
    assert "looks like “a cat”" in reasons
    assert "may show dog, which is not wanted" in reasons
    assert re.search(r'path animals</span>\s*<span class="holds"', reasons)
    assert "“cat” in the caption" in reasons
    assert "took away" in reasons
    assert "Why it matched" not in client.get(f"/image/{cat.id}").text
    switched = client.get(f"/image/{cat.id}?q=a+cat+-dog&all=1&off=1").text
    assert "may show dog" not in switched
    assert client.get(f"/image/{cat.id}?q=a+cat&off=0").status_code == 200


def test_a_near_miss_tells_why_and_has_neighbours(client: FlaskClient, demo_library: Library) -> None:
    near = demo_library.find("a cat", k=60).near[0].photo
    html = client.get(f"/image/{near.id}?q=a+cat").text
    assert "Why it matched" in html
    assert 'rel="prev"' in html and 'rel="next"' in html


def test_only_what_was_changed_is_corrected(own_client: FlaskClient, own_library: Library) -> None:
    photo = own_library.search("a cat", k=1, min_confidence=0)[0].photo
    form = {"caption": f" {photo.caption} ", "caption_before": photo.caption, "tag": photo.tags[1:]}
    form |= {"tag_before": photo.tags, "new_tags": " Mia; our cat,, "}
    answer = own_client.post(f"/image/{photo.id}?q=a+cat", data=form)
    assert (answer.status_code, answer.location) == (303, f"/image/{photo.id}?q=a+cat")
    after = own_library.photo(photo.id)
    assert after and after.captioner == photo.captioner
    assert set(after.tags) == {*photo.tags[1:], "Mia", "our cat"}
    assert own_client.post("/image/999999", data=form).status_code == 404
    assert "a tag has 1 to 200" in own_client.post(f"/image/{photo.id}", data={"new_tags": "x" * 201}).text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "http://localhost:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
def test_no_other_site_changes_anything(
    own_client: FlaskClient, own_library: Library, headers: dict[str, str], status: int
) -> None:
    for address, form in [
        ("/image/1", {"caption": "theirs"}),
        ("/image/1/albums", {"new": "theirs"}),
        ("/albums", {"name": "also theirs"}),
        ("/albums/rename", {"name": "also theirs", "new": "whose?"}),
        ("/albums/delete", {"name": "theirs"}),
    ]:
        assert own_client.post(address, data=form, headers=headers).status_code == status, address
    assert [album.name for album in albums(own_library)] == (["whose?"] if status == 303 else [])
    refused = own_client.post("/picture", headers=headers)
    assert refused.status_code == (403 if status == 403 else 400)


def test_albums_of_a_photo(own_client: FlaskClient, own_library: Library) -> None:
    make_album(own_library, "Cats")
    make_album(own_library, "Saved", "a cat")
    html = own_client.get("/image/1").text
    assert 'name="name" value="Cats"' in html
    assert 'value="Saved"' not in html
    answer = own_client.post("/image/1/albums", data={"name": "Cats"})
    assert (answer.status_code, answer.location) == (303, "/image/1#albums")
    html = own_client.get("/image/1").text
    assert 'name="out" value="Cats"' in html
    assert 'name="name" value="Cats"' not in html
    assert own_client.post("/image/999999/albums", data={"new": "Dogs"}).status_code == 404
    assert "there is no album &#39;Dogs&#39;" in own_client.post("/image/1/albums", data={"name": "Dogs"}).text


def test_the_text_in_a_picture_is_shown_and_framed(own_client: FlaskClient, own_library: Library) -> None:
    line = {"text": "MENU <du> jour", "confidence": 0.9, "box": [0.25, 0.5, 0.5, 0.1]}
    with database.writing(own_library.engine) as session:
        session.execute(insert(Reading), [{"image_id": 1, "model": "reader", "text": line["text"], "lines": [line]}])
        wordsearch.refresh(session, [1])
    html = own_client.get("/image/1?q=menu").text
    assert "MENU &lt;du&gt; jour" in html
    assert "“menu” in the picture itself" in html
    assert "<rect" not in html.partition('class="about"')[0]
    photo = own_library.photo(1)
    assert photo
    framed = own_client.get("/image/1?q=menu&lines=1").text.partition('class="about"')[0]
    assert f'<rect x="{photo.width / 4}" y="{photo.height / 2}"' in framed


def test_a_photo_without_an_embedding_has_its_page(own_library: Library, own_client: FlaskClient) -> None:
    with database.writing(own_library.engine) as session:
        image = Image(hash="0" * 64, width=3, height=2, format="jpeg")
        session.add(image)
        session.flush()
        session.add(File(folder="/photos", name="new.jpg", size=1, mtime_ns=1, image_id=image.id))
    assert own_client.get(f"/image/{image.id}").status_code == 200
