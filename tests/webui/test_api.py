"""What the API answers, to good requests and bad."""

import io
import json
import os
import random
import shutil
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image
from playwright.sync_api import Browser
from sqlalchemy import insert
from werkzeug.test import TestResponse

from indexer.pipeline import IndexRun
from searcher import Library, database
from searcher.catalog import Reading
from webui.app import create_app

API = "/api/v1"


@pytest.fixture(scope="module")
def small_folder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of four photos, one of which has a name that is not UTF-8."""
    folder = tmp_path_factory.mktemp("small")
    pictures = folder / "pictures"
    pictures.mkdir()
    for row, photo in enumerate(sorted(photos.rglob("*.jpg"))[:4]):
        name = os.fsencode(pictures) + (b"/caf\xe9.jpg" if row == 0 else f"/photo-{row}.jpg".encode())
        shutil.copy(photo, os.fsdecode(name))
    with Library(folder / "library", create=True) as library:
        for _ in IndexRun(library, [pictures]):
            pass
    return folder / "library"


@pytest.fixture
def small_library(small_folder: Path, tmp_path: Path) -> Iterator[Library]:
    """A library of one's own, to write into."""
    shutil.copytree(small_folder, tmp_path / "library")
    with Library(tmp_path / "library") as library:
        yield library


@pytest.fixture
def writer(small_library: Library) -> FlaskClient:
    return create_app(small_library, {"TESTING": True}).test_client()


def ids(answer: TestResponse) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.get_json()["hits"]]


def check_problem(answer: TestResponse, status: int, said: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = json.loads(answer.text)
    assert problem["status"] == status
    assert problem["title"]
    assert said in problem["detail"]
    return problem


# Searching


def test_a_search_finds_what_the_library_finds(client: FlaskClient, demo_library: Library) -> None:
    answer = client.get(f"{API}/search?q=a+cat&k=5&min_confidence=0")
    hits = demo_library.search("a cat", k=5, min_confidence=0)
    assert ids(answer) == [hit.photo.id for hit in hits]
    found = answer.get_json()
    assert list(found) == ["query", "plan", "hits", "near", "facets", "groups", "next"]
    assert found["query"] == "a cat"
    assert found["plan"] == demo_library.plan("a cat").as_json()
    first = found["hits"][0]
    assert first["path"] == str(hits[0].photo.path)
    assert first["caption"] == hits[0].photo.caption
    assert first["confidence"] == pytest.approx(hits[0].confidence, abs=1e-4)
    assert len(first["why"]["parts"]) == len(found["plan"])
    for name, address in first["links"].items():
        assert client.get(address).status_code == 200, name


def test_nothing_that_matches_is_no_hits_but_near_misses(client: FlaskClient) -> None:
    found = client.get(f"{API}/search?q=a+steam+locomotive+in+a+snowstorm&min_confidence=0.99").get_json()
    assert found["hits"] == []
    assert found["near"]
    assert found["next"] is None


def test_filters_hold_in_the_query_and_beside_it(client: FlaskClient, demo_library: Library) -> None:
    tag = demo_library.browse(k=1)[0].photo.tags[0]
    within = client.get(f"{API}/search", query_string={"q": f"tag:{tag}"})
    beside = client.get(f"{API}/search", query_string={"where": f"tag:{tag}"})
    assert ids(within)
    assert ids(within) == ids(beside)
    assert beside.get_json()["query"] == within.get_json()["query"]


@pytest.mark.parametrize("more", [{}, {"diverse": True}])
def test_pages_cover_all_without_repeats(client: FlaskClient, demo_library: Library, more: dict[str, Any]) -> None:
    asked = {"q": "a dog -cat", "min_confidence": 0, **more}
    whole = ids(client.get(f"{API}/search", query_string={**asked, "k": 1000}))
    pages, cursor = [], None
    while True:
        answer = client.get(f"{API}/search", query_string={**asked, "k": 7, **({"cursor": cursor} if cursor else {})})
        pages.append(ids(answer))
        cursor = answer.get_json()["next"]
        if cursor is None:
            break
    assert list(chain(*pages)) == whole
    assert len(set(whole)) == len(whole) == len(demo_library.search("a dog -cat", k=1000, min_confidence=0))
    assert all(len(page) == 7 for page in pages[:-1])


def test_a_search_deeper_than_one_look_keeps_its_order(
    client: FlaskClient, demo_library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"q": "a dog -cat", "min_confidence": 0}
    whole = ids(client.get(f"{API}/search", query_string={**asked, "k": 30}))
    monkeypatch.setattr("webui.api.ranked.DEPTHS", (5, 12, 30))
    again = ids(client.get(f"{API}/search", query_string={**asked, "k": 30}))
    assert sorted(again) == sorted(whole)
    assert ids(client.get(f"{API}/search", query_string={**asked, "k": 5})) == again[:5]


def test_a_cursor_fits_its_own_search_alone(client: FlaskClient) -> None:
    cursor = client.get(f"{API}/search?q=a+dog&k=2&min_confidence=0").get_json()["next"]
    for wrong in (f"q=a+cat&min_confidence=0&cursor={cursor}", f"q=a+dog&cursor={cursor}", "q=a+dog&cursor=x%C3%A9"):
        check_problem(client.get(f"{API}/search?{wrong}"), 400, "the cursor belongs to another list")


def test_a_plan_comes_back_changed(client: FlaskClient, demo_library: Library) -> None:
    plan = client.get(f"{API}/search?q=a+cat+-dog").get_json()["plan"]
    assert [part["kind"] for part in plan] == ["text", "not"]
    same = client.post(f"{API}/search", json={"plan": plan, "min_confidence": 0})
    assert ids(same) == ids(client.get(f"{API}/search?q=a+cat+-dog&min_confidence=0"))
    off = client.post(f"{API}/search", json={"plan": plan, "off": [1], "min_confidence": 0})
    assert off.get_json()["plan"][1]["on"] is False
    assert off.get_json()["query"] == "a cat"
    assert ids(off) == ids(client.get(f"{API}/search?q=a+cat&min_confidence=0"))
    heavy = client.post(f"{API}/search", json={"query": "a cat -dog", "weights": {"0": 2}, "min_confidence": 0})
    assert heavy.get_json()["plan"][0]["weight"] == 2
    assert heavy.get_json()["query"] == "(a cat)^2 -dog"


def test_more_and_less_like_photos(client: FlaskClient, demo_library: Library) -> None:
    cat, dog = (demo_library.search(q, k=1, min_confidence=0)[0].photo.id for q in ("a cat", "a dog"))
    plan = [{"kind": "like", "value": str(cat)}, {"kind": "like", "value": str(dog), "weight": -0.5}]
    found = client.post(f"{API}/search", json={"plan": plan})
    assert ids(found) == ids(client.get(f"{API}/search?q=like:{cat}+-like:{dog}^0.5"))
    assert ids(found)[0] == cat


@pytest.mark.parametrize("value", ["/etc/passwd", "photo.jpg", "²", "../x", "0" * 31])
def test_a_plan_cannot_make_the_server_read_a_file(client: FlaskClient, value: str) -> None:
    answer = client.post(f"{API}/search", json={"plan": [{"kind": "like", "value": value}]})
    check_problem(answer, 400, "a plan names pictures by the ids of photos")
    off = client.post(f"{API}/search", json={"plan": [{"kind": "like", "value": value, "on": False}]})
    check_problem(off, 400, "a plan names pictures by the ids of photos")


def test_a_picture_is_searched_by_alone_and_with_words(writer: FlaskClient, small_library: Library) -> None:
    photo = small_library.browse(k=1)[0].photo
    sent = {"picture": (io.BytesIO(photo.path.read_bytes()), "mine.jpg")}
    answer = writer.post(f"{API}/search/picture?k=2", data=sent)
    assert ids(answer)[0] == photo.id
    found = answer.get_json()
    assert found["hits"][0]["confidence"] > 0.95
    assert str(small_library.folder) not in json.dumps(found["plan"])
    following = writer.post(f"{API}/search", json={"plan": found["plan"], "k": 2, "cursor": found["next"]})
    assert not set(ids(following)) & set(ids(answer))
    sent = {"picture": (io.BytesIO(photo.path.read_bytes()), "mine.jpg")}
    both = writer.post(f"{API}/search/picture?q=a+dog", data=sent).get_json()
    assert [part["kind"] for part in both["plan"]] == ["text", "like"]


def test_what_is_no_picture_is_refused(writer: FlaskClient) -> None:
    sent = {"picture": (io.BytesIO(b"no picture"), "mine.jpg")}
    problem = check_problem(writer.post(f"{API}/search/picture", data=sent), 400, "mine.jpg")
    assert "/tmp" not in problem["detail"]
    multipart = {"content_type": "multipart/form-data"}
    check_problem(writer.post(f"{API}/search/picture", data={"picture": "text"}, **multipart), 422, "send a file")
    check_problem(writer.post(f"{API}/search/picture", data={}, **multipart), 422, "picture: ")
    large = bytes(50_020_000)
    check_problem(writer.post(f"{API}/search/picture", data=large, **multipart), 413, "50,010,000 bytes")


def test_facets_and_groups(client: FlaskClient, demo_library: Library) -> None:
    found = client.get(f"{API}/search?q=a+dog&min_confidence=0&facets=true&group_by=likeness").get_json()
    assert sorted(i for group in found["groups"] for i in group["ids"]) == sorted(hit["id"] for hit in found["hits"])
    facets = client.get(f"{API}/facets").get_json()["facets"]
    tag = facets["tag"][0]
    assert tag["count"] > 0
    narrowed = client.get(f"{API}/photos", query_string={"where": tag["term"], "k": 1000}).get_json()["photos"]
    assert len(narrowed) == tag["count"]
    assert client.get(f"{API}/facets", query_string={"where": tag["term"], "q": "a dog"}).status_code == 200


# Photos


def test_photos_newest_first_page_by_page(client: FlaskClient, demo_library: Library) -> None:
    seen: list[int] = []
    cursor = None
    while cursor or not seen:
        page = client.get(f"{API}/photos", query_string={"k": 9, **({"cursor": cursor} if cursor else {})}).get_json()
        seen += [photo["id"] for photo in page["photos"]]
        cursor = page["next"]
    assert seen == [hit.photo.id for hit in demo_library.browse(k=1000)]


def test_all_that_is_known_of_a_photo(writer: FlaskClient, small_library: Library) -> None:
    photo = small_library.browse(k=1)[0].photo
    line = {"text": "Hello", "confidence": 0.9, "box": [0.1, 0.2, 0.3, 0.4]}
    with database.writing(small_library.engine) as session:
        session.execute(insert(Reading).values(image_id=photo.id, model="reader", text="Hello", lines=[line]))
    writer.post(f"{API}/photos/{photo.id}/ask", json={"question": "is there a dog?", "save_as": "has_dog"})
    known = writer.get(f"{API}/photos/{photo.id}").get_json()
    assert known["paths"] == [str(photo.path)]
    assert (known["width"], known["height"], known["hash"]) == (photo.width, photo.height, photo.hash)
    assert known["lines"] == [line]
    assert known["text"] == "Hello"
    assert [caption["text"] for caption in known["captions"]] == [photo.caption]
    assert {tag["name"] for tag in known["scores"]} == set(photo.tags)
    assert known["answers"][0]["name"] == "has_dog"
    assert known["answers"][0]["answer"] in {"yes", "no"}
    assert known["duplicates"] == []


def test_people_correct_captions_and_tags(writer: FlaskClient, small_library: Library) -> None:
    photo = small_library.browse(k=1)[0].photo
    here = f"{API}/photos/{photo.id}"
    changed = writer.patch(here, json={"caption": "Our old boat", "add_tags": ["boat"], "remove_tags": photo.tags[:1]})
    known = changed.get_json()
    assert known["caption"] == "Our old boat"
    assert known["tags"] == ["boat", *photo.tags[1:]]
    assert {caption["model"] for caption in known["captions"]} > {"people"}
    assert ids(writer.get(f'{API}/search?q="our old boat"')) == [photo.id]
    assert writer.patch(here, json={"add_tags": ["ship"]}).get_json()["caption"] == "Our old boat"
    assert writer.patch(here, json={"caption": None}).get_json()["caption"] == photo.caption
    check_problem(writer.patch(here, json={"caption": "  "}), 400, "a caption has 1 to")
    check_problem(writer.patch(here, json={"captoin": "x"}), 422, "captoin")


def test_similar_photos_leave_out_the_photo_itself(client: FlaskClient, demo_library: Library) -> None:
    photo = demo_library.browse(k=1)[0].photo
    answer = client.get(f"{API}/photos/{photo.id}/similar?k=3")
    assert ids(answer) == [hit.photo.id for hit in demo_library.similar(photo.id, k=3)]
    assert photo.id not in ids(answer)


def test_the_picture_of_a_photo(client: FlaskClient, demo_library: Library) -> None:
    photo = demo_library.browse(k=1)[0].photo
    answer = client.get(f"{API}/photos/{photo.id}/picture?size=small", follow_redirects=True)
    with Image.open(io.BytesIO(answer.data)) as picture:
        assert picture.format == "WEBP"
        assert picture.height <= 440


def test_names_that_are_not_utf8_are_still_json(writer: FlaskClient) -> None:
    answer = writer.get(f"{API}/photos")
    paths = [photo["path"] for photo in answer.get_json()["photos"]]
    assert any(path.endswith("/caf?.jpg") for path in paths)
    answer.data.decode("utf-8")


# Questions


def test_photos_are_asked_by_ids_and_by_a_search(writer: FlaskClient, small_library: Library) -> None:
    every = [hit.photo.id for hit in small_library.browse()]
    asked = writer.post(f"{API}/ask", json={"question": "is it outdoors?", "ids": every, "save_as": "outdoors"})
    replies = asked.get_json()["replies"]
    assert [reply["id"] for reply in replies] == every
    some = [reply["id"] for reply in replies if reply["answer"] == replies[0]["answer"]]
    where = f"outdoors:{replies[0]['answer']}"
    again = writer.post(f"{API}/ask", json={"question": "is it outdoors?", "where": where}).get_json()["replies"]
    assert [reply["id"] for reply in again] == some
    one = writer.post(f"{API}/photos/{every[0]}/ask", json={"question": "is it outdoors?"}).get_json()
    assert one["answer"] == replies[0]["answer"]
    check_problem(writer.post(f"{API}/ask", json={"question": "what?", "ids": [10**9]}), 400, "there is no photo")
    check_problem(writer.post(f"{API}/ask", json={"question": " ", "ids": every}), 400, "the question is empty")
    check_problem(writer.post(f"{API}/ask", json={"question": "what?"}), 422, "say which photos to ask")
    check_problem(writer.post(f"{API}/ask", json={"question": "what?", "ids": [1] * 1001}), 422, "1000")


# Albums, runs, health


def test_an_album_from_its_making_to_its_end(writer: FlaskClient, small_library: Library) -> None:
    every = [hit.photo.id for hit in small_library.browse()]
    made = writer.post(f"{API}/albums", json={"name": "Summer & sea"})
    assert made.status_code == 201
    here = made.headers["Location"]
    assert writer.patch(here, json={"add": every[:2]}).get_json()["count"] == 2
    changed = writer.patch(here, json={"name": "Sea", "remove": every[:1]}).get_json()
    assert (changed["name"], changed["count"]) == ("Sea", 1)
    assert [photo["id"] for photo in writer.get(changed["photos"]).get_json()["photos"]] == [every[1]]
    saved = writer.post(f"{API}/albums", json={"name": "All", "query": "-is:duplicate"}).get_json()
    assert {album["name"] for album in writer.get(f"{API}/albums").get_json()["albums"]} == {"Sea", "All"}
    assert writer.get(f"{API}/albums/{saved['id']}").get_json()["count"] == len(every)
    check_problem(writer.post(f"{API}/albums", json={"name": "sea"}), 400, "already")
    check_problem(writer.patch(f"{API}/albums/{saved['id']}", json={"add": every}), 400, "a saved search")
    assert writer.delete(here).status_code == 204
    check_problem(writer.get(here), 404, "there is no album")
    check_problem(writer.delete(here), 404, "there is no album")


def test_runs_and_health(client: FlaskClient, demo_library: Library) -> None:
    run = client.get(f"{API}/runs?count=1").get_json()["runs"][0]
    assert run["outcome"] == "done"
    assert client.get(f"{API}/runs/{run['id']}").get_json() == run
    check_problem(client.get(f"{API}/runs/999999"), 404, "there is no run 999999")
    health = client.get(f"{API}/health")
    assert health.get_json()["photos"] == demo_library.count_images()
    assert health.headers["Cache-Control"] == "no-store"
    assert "ETag" not in health.headers


# Problems


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("/search", 400, "nothing to search for"),
        ("/search?q=", 400, "the query is empty"),
        ("/search?q=colour:red", 400, "there is no field 'colour'"),
        ("/search?q=" + "dog+" * 300, 400, "1,000 are the most"),
        ("/search?q=like:999999", 400, "999999 is not indexed"),
        ("/search?q=dog&k=0", 422, "k: Input should be greater than or equal to 1"),
        ("/search?q=dog&k=many&min_confidence=2", 422, "min_confidence: "),
        ("/search?q=dog&min_confidence=nan", 422, "min_confidence: "),
        ("/search?query=dog", 422, "query: Extra inputs are not permitted"),
        ("/search?q=dog&group_by=colour", 422, "group_by: "),
        ("/photos?where=dog", 400, "is to be field:value terms"),
        ("/photos/999999", 404, "there is no photo 999999"),
        ("/photos/99999999999999999999", 422, "photo_id: "),
        ("/photos/cat", 404, "/api/openapi.json says what there is"),
        ("/nowhere", 404, "/api/openapi.json says what there is"),
    ],
)
def test_bad_requests_are_told_as_problems(client: FlaskClient, url: str, status: int, said: str) -> None:
    problem = check_problem(client.get(API + url), status, said)
    assert ("errors" in problem) == (status == 422)


def test_a_method_that_there_is_not(client: FlaskClient) -> None:
    answer = client.delete(f"{API}/search")
    check_problem(answer, 405, "not allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_bodies_are_json_and_not_too_large(client: FlaskClient) -> None:
    here = f"{API}/search"
    check_problem(client.post(here, data="query=dog"), 415, "must be application/json")
    check_problem(client.post(here, data={"query": "dog"}), 415, "must be application/json")
    json_type = {"content_type": "application/json"}
    check_problem(client.post(here, data="{", **json_type), 400, "JSON")
    check_problem(client.post(here, data="[" * 200_000, **json_type), 400, "nested too deeply")
    check_problem(client.post(here, data="[]", **json_type), 422, "body: ")
    check_problem(client.post(here, data=" " * 1_000_001, **json_type), 413, "1,000,000 bytes")
    check_problem(
        client.post(here, data='{"query": "\\ud800"}', **json_type), 422, "query: Input should be a valid string"
    )
    both = {"query": "dog", "plan": []}
    check_problem(client.post(here, json=both), 422, "give a query or a plan, not both")


def test_pages_of_other_sites_are_refused(writer: FlaskClient) -> None:
    for origin in ("http://evil.example", "null", "http://localhost:99"):
        answer = writer.post(f"{API}/albums", json={"name": "Theirs"}, headers={"Origin": origin})
        check_problem(answer, 403, "another site")
    check_problem(writer.get(f"{API}/health", headers={"Host": "evil.example"}), 400, "trusted")
    own = writer.post(f"{API}/albums", json={"name": "Ours"}, headers={"Origin": "http://localhost"})
    assert own.status_code == 201
    assert [album["name"] for album in writer.get(f"{API}/albums").get_json()["albums"]] == ["Ours"]


def test_what_breaks_inside_stays_inside(demo_library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(demo_library, "find", broken)
    client = create_app(demo_library).test_client()
    problem = check_problem(client.get(f"{API}/search?q=dog"), 500, "Something broke on our side")
    assert "secret" not in json.dumps(problem)


# ETags


def test_what_is_known_need_not_be_sent_again(writer: FlaskClient, small_library: Library) -> None:
    photo = small_library.browse(k=1)[0].photo
    for url in ("/search?q=a+dog", "/photos", f"/photos/{photo.id}", f"/photos/{photo.id}/similar", "/facets"):
        first = writer.get(API + url)
        assert first.headers["ETag"].startswith('W/"')
        again = writer.get(API + url, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        writer.patch(f"{API}/photos/{photo.id}", json={"caption": f"after {url}"})
        changed = writer.get(API + url, headers={"If-None-Match": first.headers["ETag"]})
        assert changed.status_code == 200
    missing = writer.get(f"{API}/photos/999999", headers={"If-None-Match": "*"})
    assert missing.status_code == 404
    assert "ETag" not in missing.headers


# The document


def test_the_document_is_valid_and_names_every_route(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    described = {
        (path, method.upper())
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation["summary"] and "422" in operation["responses"]
    }
    served = {
        (rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}"), method)
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(API)
    }
    assert described == served
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names)


def test_the_page_to_try_it_needs_no_other_host(client: FlaskClient, address: str, browser: Browser) -> None:
    policy = client.get("/api/docs").headers["Content-Security-Policy"]
    assert "http" not in policy
    assert "unsafe-inline" not in client.get("/static/style.css").headers["Content-Security-Policy"]
    page = browser.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: faults.append(request.url) if not _is_own(request.url, address) else None)
    page.goto(f"{address}/api/docs")
    page.get_by_text("/api/v1/health").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table .response").get_by_text('"status": "ok"').wait_for()
    page.close()
    assert faults == []


def _is_own(url: str, address: str) -> bool:
    return url.startswith((address, "data:"))


# Hostile requests, and many at once

NASTY = ["", " ", "a cat", "0", "-1", "1", "1e400", "nan", "\0", "'\"(", "like:1", "-like:2", "^", "🐈", "x" * 3000]
NASTY += ["date:9999-99", "tag:", "true", "null", "../..", "%00", "[]", "9" * 30, "moment", "small", '"', "is:x"]
ODD: list[Any] = [*NASTY, None, True, 0, -1, 1, 2.5, 1e308, 10**25, [], {}, [1], ["dog"], [[]], {"0": 2}, {"x": None}]
ODD += [[{"kind": "text", "value": "dog"}], [{"kind": "like", "value": "x"}], [{"kind": "where", "value": "tag:a"}]]


def test_random_requests_never_break_it(writer: FlaskClient) -> None:
    chance = random.Random(7)
    document = writer.get("/api/openapi.json").get_json()
    schemas = document["components"]["schemas"]
    operations = [(path, method, said) for path, of in document["paths"].items() for method, said in of.items()]
    for _ in range(400):
        path, method, said = chance.choice(operations)
        parameters = [one["name"] for one in said.get("parameters", []) if one["in"] == "query"]
        content = said.get("requestBody", {}).get("content", {})
        body: dict[str, Any] = {}
        if "application/json" in content:
            fields = schemas[content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]]["properties"]
            body = {"json": {name: chance.choice(ODD) for name in fields if chance.random() < 0.5}}
        elif content:
            file = io.BytesIO(chance.randbytes(chance.randrange(200)))
            body = {"data": {"picture": (file, chance.choice(NASTY))}, "content_type": "multipart/form-data"}
        for name in ("photo_id", "album_id", "run_id"):
            path = path.replace(f"{{{name}}}", chance.choice(["1", "2", "0", "9" * 19, "x"]))
        query = {name: chance.choice(NASTY) for name in parameters if chance.random() < 0.4}
        answer = writer.open(path, method=method.upper(), query_string=query, **body)
        assert answer.status_code < 500, (method, path, query, body, answer.text)
        assert answer.status_code < 400 or answer.content_type == "application/problem+json"


def test_searches_at_once_find_what_they_find_alone(demo_folder: Path) -> None:
    queries = ["a cat", "a dog", "mountains", "a child", "a car", "water", "food", "a street"]
    with Library(demo_folder) as library:
        app = create_app(library)
        found: dict[str, list[int]] = {}

        def ask(query: str) -> None:
            found[query] = ids(app.test_client().get(f"{API}/search", query_string={"q": query, "min_confidence": 0}))

        threads = [threading.Thread(target=ask, args=(query,)) for query in queries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for query in queries:
            assert found[query] == [hit.photo.id for hit in library.search(query, min_confidence=0)]
