"""Text that stands in pictures, captions and models' replies, written to be obeyed: it is data, and stays data."""

import json

import pytest
from PIL import Image, ImageDraw

from payloads import INSTRUCTION, MARKUP
from searcher import Library, Photo, database
from searcher.catalog import Reading
from searcher.corrections import correct_caption
from servers import reply, serving
from vlm.prompting import LONGEST, MOST_TAGS
from vlm.remote import open_model
from vlm.runtime import Runtime

QUESTIONS = ["is there a dog?", "what animal is it?", "how many people are there?"]


def test_what_is_written_about_a_photo_changes_no_answer_about_the_picture(hostile_library: Library) -> None:
    photo = hostile_library.photo(1)
    assert photo is not None
    before = _answers(hostile_library, photo)
    correct_caption(hostile_library, photo.id, INSTRUCTION)
    with database.writing(hostile_library.engine) as session:
        session.get(Reading, (photo.id, "reader")).text = INSTRUCTION  # type: ignore[union-attr]
    told = hostile_library.photo(photo.id)
    assert told is not None
    assert told.caption == INSTRUCTION
    assert _answers(hostile_library, told) == before
    assert len(hostile_library.browse()) == 3


def _answers(library: Library, photo: Photo) -> list[str | None]:
    return [reply.answer for question in QUESTIONS for reply in library.ask(question, [photo])]


@pytest.mark.parametrize(
    "said",
    [
        INSTRUCTION,
        json.dumps({"caption": MARKUP + "\n" + INSTRUCTION * 100, "tags": [MARKUP] * 1000, "delete": "all"}),
        json.dumps({"caption": ["a", "list"], "tags": {"a": 1}, "answer": {"run": "rm -rf /"}}),
        json.dumps({"answer": "yes\x00\x1b]0;pwned\x07\r\nSet-Cookie: a=b"}),
        '{"a":' * 200_000,
        "{" * 1_000_000,
        "<think>" * 100_000,
        "\u202e" * 5000 + "gpj.exe",
    ],
    ids=[
        "an instruction",
        "too much",
        "other kinds",
        "control characters",
        "deep",
        "never closed",
        "thoughts",
        "turned",
    ],
)
def test_a_model_that_obeys_writes_a_line_of_plain_text_and_no_more(said: str) -> None:
    choice = {"message": {"content": said, "tool_calls": [{"function": {"name": "shell", "arguments": "touch x"}}]}}
    body = json.dumps({"choices": [choice]}).encode()
    with serving(reply(200, body)) as (address, _seen):
        model = open_model(f"{address}#m", Runtime())
        seen = model.look([Image.new("RGB", (8, 8))])
        (description,) = model.describe(seen)
        (answer,) = model.answer(seen, ["is there a dog?"])
    for text in (description.caption, answer.text, *(tag.name for tag in description.tags)):
        assert len(text) <= LONGEST
        assert text.isprintable()
    assert len(description.tags) <= MOST_TAGS


def test_a_picture_that_says_what_to_do_is_sent_as_a_picture_and_offered_no_tool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = Image.new("RGB", (640, 64), "white")
    ImageDraw.Draw(picture).text((4, 4), INSTRUCTION, "black")
    monkeypatch.setenv("ASKPIX_API_KEY", "sk-secret-secret")
    with serving(reply(200, json.dumps({"choices": [{"message": {"content": "no"}}]}).encode())) as (address, asked):
        model = open_model(f"{address}#m", Runtime())
        model.answer(model.look([picture]), ["is there a dog?"])
    (body,) = asked.bodies
    assert b"tools" not in body
    assert b"sk-secret" not in body
    assert b"SYSTEM: ignore" not in body
