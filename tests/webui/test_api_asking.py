"""Questions and columns over the API."""

import json
from typing import Any

from flask.testing import FlaskClient

from searcher import Library
from searcher.columns import columns

API = "/api/v1"


def some(library: Library) -> list[int]:
    return [hit.photo.id for hit in library.browse("path:animals", k=6)]


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_the_answer_has_a_summary(own_client: FlaskClient, own_library: Library) -> None:
    ids = some(own_library)
    said = own_client.post(f"{API}/ask", json={"question": "which have a dog?", "ids": ids}).get_json()
    assert [reply["id"] for reply in said["replies"]] == ids
    summary = said["summary"]
    assert summary["kind"] == "which"
    assert summary["total"] == summary["asked"] == len(ids)
    assert sorted(i for row in summary["rows"] for i in row["ids"]) == sorted(ids)
    wanted = next(row for row in summary["rows"] if row["label"] == "yes")
    found = own_client.get(f"{API}/photos", query_string={"where": wanted["term"], "k": 1000}).get_json()["photos"]
    assert set(wanted["ids"]) <= {photo["id"] for photo in found}


def test_answers_are_streamed_as_they_come(own_client: FlaskClient, own_library: Library) -> None:
    stream = {"Accept": "text/event-stream"}
    body = {"question": "how many are outdoors?", "where": "path:animals", "sample": 4}
    answer = own_client.post(f"{API}/ask", json=body, headers=stream)
    assert answer.mimetype == "text/event-stream"
    told = events(answer.text)
    assert [name for name, _ in told] == ["answer"] * 4 + ["progress", "summary"]
    assert told[-2][1]["asked"] == told[-2][1]["total"] == 4
    assert told[-1][1]["sample"] == 4
    refused = own_client.post(f"{API}/ask", json={**body, "question": " "}, headers=stream)
    assert refused.status_code == 400
    assert "the question is empty" in refused.get_json()["detail"]


def test_closing_the_connection_stops_the_work(own_client: FlaskClient, own_library: Library) -> None:
    own_client.buffered = False
    body = {"question": "is it windy?", "all": True}
    answer = own_client.post(f"{API}/ask", json=body, headers={"Accept": "text/event-stream"}, buffered=False)
    chunks = iter(answer.response)
    assert b"event: answer" in next(chunks)
    answer.close()
    (column,) = [one for one in columns(own_library) if one.question == "is it windy?"]
    assert 0 < column.photos < own_library.count_images()


def test_columns_are_listed_changed_and_deleted(own_client: FlaskClient, own_library: Library) -> None:
    ids = some(own_library)[:2]
    own_client.post(f"{API}/ask", json={"question": "is there a cat?", "ids": ids, "save_as": "has_cat"})
    (listed,) = [one for one in own_client.get(f"{API}/columns").get_json()["columns"] if one["name"] == "has_cat"]
    assert listed["photos"] >= 2
    assert not listed["standing"]
    changed = own_client.patch(f"{API}/columns/has_cat", json={"name": "cats", "standing": True}).get_json()
    assert (changed["name"], changed["standing"]) == ("cats", True)
    corrected = own_client.put(f"{API}/photos/{ids[0]}/answers/cats", json={"answer": "a lynx"}).get_json()
    assert {"people"} <= {answer["model"] for answer in corrected["answers"] if answer["answer"] == "a lynx"}
    found = own_client.get(f"{API}/photos", query_string={"where": 'cats:"a lynx"'}).get_json()["photos"]
    assert [photo["id"] for photo in found] == [ids[0]]
    assert own_client.delete(f"{API}/columns/cats").status_code == 204
    for answer in (
        own_client.delete(f"{API}/columns/cats"),
        own_client.patch(f"{API}/columns/cats", json={"standing": True}),
        own_client.put(f"{API}/photos/{ids[0]}/answers/cats", json={"answer": None}),
    ):
        assert answer.status_code == 404
        assert "there is no column 'cats'" in answer.get_json()["detail"]
    taken = own_client.put(f"{API}/photos/{10**9}/answers/cats", json={"answer": None})
    assert taken.status_code == 404


def test_say_whom_to_ask(own_client: FlaskClient) -> None:
    for body in ({}, {"ids": [1], "all": True}, {"query": "a dog", "all": True}):
        answer = own_client.post(f"{API}/ask", json={"question": "what?", **body})
        assert answer.status_code == 422
        assert "say which photos to ask" in answer.get_json()["detail"]


def test_a_question_to_one_photo_may_follow_another(client: FlaskClient) -> None:
    asked = {
        "question": "and what colour is it?",
        "thread": [{"question": "is there a dog?", "answer": "yes"}],
    }
    said = client.post(f"{API}/photos/1/ask", json=asked).get_json()
    assert said["question"] == "what colour is the dog?"
    assert client.post(f"{API}/photos/1/ask", json={**asked, "thread": ["dog"]}).status_code == 422
