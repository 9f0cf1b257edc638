"""Questions to a photo, one after the other: what they were understood as, and what the answers are from."""

import re
from datetime import datetime

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import insert, update

from searcher import Library, database
from searcher.catalog import Details, Reading
from searcher.followups import REMEMBERED


@pytest.fixture
def cat(demo_library: Library) -> int:
    return demo_library.search("a cat", k=1, min_confidence=0)[0].photo.id


def answers(html: str) -> list[str]:
    return [" ".join(re.sub("<[^>]+>", "", one).split()) for one in re.findall('<p class="answer">(.*?)</p>', html)]


def test_a_follow_up_is_understood_and_the_thread_stays(client: FlaskClient, cat: int) -> None:
    first = client.get(f"/image/{cat}?question=is+there+a+cat?").text
    assert re.fullmatch(r"yes \d+ % sure", answers(first)[0])
    asked = {"asked": ["is there a cat?"], "question": "and what colour is it?"}
    html = client.get(f"/image/{cat}", query_string=asked).text
    assert answers(html)[0] == answers(first)[0]
    assert len(answers(html)) == 2
    assert re.search(r"understood as: what colou?r is the cat\?", html)
    assert re.findall('name="asked" value="([^"]+)"', html) == ["is there a cat?", "and what colour is it?"]
    assert "also considered:" in html
    where = re.search(r'href="([^"]*show=[^"]*)">where it looked', html)
    assert where is not None
    overlay = client.get(where[1].replace("&amp;", "&")).text
    assert answers(overlay) == answers(html)
    assert "where.webp" in overlay


def test_a_thread_is_no_longer_than_is_remembered(client: FlaskClient, cat: int) -> None:
    asked = [f"is there a dog number {number}?" for number in range(12)]
    html = client.get(f"/image/{cat}", query_string={"asked": asked, "question": "is there a cat?"}).text
    assert len(answers(html)) == REMEMBERED + 1
    assert len(re.findall('name="asked"', html)) == REMEMBERED


def test_what_no_picture_tells_is_said(client: FlaskClient, cat: int) -> None:
    html = client.get(f"/image/{cat}?question=how+much+did+it+cost?").text
    assert answers(html) == ["I can&#39;t tell"]
    assert "pictures do not tell" in html
    assert "where it looked" not in html


def test_answers_from_the_file_and_from_its_text_are_named(own_client: FlaskClient, own_library: Library) -> None:
    photo = own_library.browse(k=1)[0].photo
    with database.writing(own_library.engine) as session:
        session.execute(update(Details).where(Details.image_id == photo.id).values(taken_at=datetime(2021, 6, 5, 4)))
        reading = {"image_id": photo.id, "model": "a reader", "text": "<b>OPEN</b>", "confidence": 1.0, "lines": []}
        session.execute(insert(Reading), [reading])
    html = own_client.get(f"/image/{photo.id}?asked=when+was+this+taken?&question=what+does+the+sign+say?").text
    assert "5 June 2021" in answers(html)[0]
    assert "from the file&#39;s details" in html or "from the file's details" in html
    assert "from the text that was read in the photo" in html
    assert "<b>OPEN" not in html


def test_a_question_that_is_none_leaves_the_photo_shown(own_client: FlaskClient, own_library: Library) -> None:
    photo = own_library.browse(k=1)[0].photo
    long = own_client.get(f"/image/{photo.id}", query_string={"question": "what? " * 300})
    assert long.status_code == 200
    assert "shorten it" in long.text


def test_one_asks_further_on_the_page(page: Page, cat: int) -> None:
    page.goto(f"/image/{cat}")
    page.get_by_label("Ask this photo").fill("is there a cat?")
    page.locator("#asked").get_by_role("button", name="Ask").click()
    expect(page.locator(".thread .answer")).to_have_count(1)  # the model is loaded
    page.get_by_label("Ask this photo").fill("and what colour is it?")
    page.locator("#asked").get_by_role("button", name="Ask").click()
    expect(page.locator(".thread .answer")).to_have_count(2)
    expect(page.get_by_text("understood as:")).to_be_visible()
    assert page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth") <= 0
    page.reload()
    expect(page.locator(".thread .answer")).to_have_count(2)
    page.get_by_role("link", name="where it looked").last.click()
    expect(page.get_by_text("Where the machine finds")).to_be_visible()
    expect(page.locator(".thread .answer")).to_have_count(2)
