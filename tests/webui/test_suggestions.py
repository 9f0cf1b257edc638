"""The search box: suggestions, past searches, and what is kept of the plan when another query is sent."""

import re

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from searcher import Library
from searcher.suggestions import forget, past_searches, remember


def sent(client: FlaskClient, q: str, **more: str) -> str:
    """Where a query leads that is typed in the box; its page is opened."""
    answer = client.get("/", query_string={"q": q, "was": "", **more})
    assert answer.status_code == 302
    client.get(answer.location)
    return answer.location


def test_what_was_typed_and_found_something_is_kept(own_client: FlaskClient, own_library: Library) -> None:
    forget(own_library)
    assert sent(own_client, "a cat") == "/?q=a+cat"
    sent(own_client, "path:nowhere")
    sent(own_client, "colour:red")
    own_client.get("/?q=a+dog")  # a link, which nobody typed
    assert past_searches(own_library) == ["a cat"]
    (past,) = own_client.get("/suggest?q=").json or []
    assert past == {"query": "a cat", "kind": "past", "value": "a cat", "about": "searched before"}
    assert own_client.post("/past/forget", data={"q": "a cat"}).status_code == 303
    assert own_client.get("/suggest?q=").json == []


def test_changes_stay_with_the_parts_that_another_query_has(client: FlaskClient) -> None:
    typed = {"q": "a cat tag:dog -snow", "was": "a cat -snow", "off": "1", "w": "0:2"}
    assert client.get("/", query_string=typed).location == "/?q=a+cat+tag:dog+-snow&off=2&w=0:2"
    assert client.get("/", query_string={**typed, "q": "a cow"}).location == "/?q=a+cow"
    assert client.get("/", query_string={**typed, "was": "colour:red"}).location == "/?q=a+cat+tag:dog+-snow"


def test_nothing_matches_and_a_word_is_spelled_otherwise(client: FlaskClient, demo_library: Library) -> None:
    html = client.get("/?q=tag:grss").text
    count = len(demo_library.search("tag:grass", k=100))
    said = re.search(r'href="/\?q=tag:grass">Did you mean “tag:grass”\? <span class="sure">(\d+) photo', html)
    assert said and int(said[1]) == count


def test_the_page_is_light_or_dark_as_was_chosen(client: FlaskClient) -> None:
    assert "data-theme" not in client.get("/").text
    answer = client.get("/?q=a+cat&theme=dark&lang=zh")
    assert '<html lang="zh" data-theme="dark">' in answer.text
    assert 'href="/?q=a+cat&amp;lang=zh&amp;theme=light"' in answer.text
    assert '<html lang="zh" data-theme="dark">' in client.get("/albums").text
    assert "data-theme" not in client.get("/?theme=system&lang=en").text


@pytest.fixture
def box_desk(own_desk: Page, own_library: Library) -> Page:
    """A page whose box suggests a search of before."""
    forget(own_library)
    remember(own_library, "a dog in the snow")
    own_desk.goto("/?q=an+animal&all=1")
    expect(own_desk.get_by_role("combobox", name="Describe a photo")).to_be_visible()
    return own_desk


def test_suggestions_by_keyboard(box_desk: Page) -> None:
    box = box_desk.get_by_role("combobox")
    options = box_desk.get_by_role("listbox", name="Suggestions").get_by_role("option")
    box.fill("a do")
    expect(options.first).to_contain_text("a dog in the snow")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(box_desk.get_by_role("status")).to_have_text(re.compile(r"^\d+ suggestions$"))
    box.press("ArrowDown")
    expect(box).to_have_value("a dog in the snow")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-0")
    expect(options.first).to_have_attribute("aria-selected", "true")
    box.press("Escape")
    expect(box).to_have_value("a do")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_be_focused()
    box.press("ArrowDown")
    expect(options.first).to_be_visible()
    box.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    box.press("ArrowDown")
    expect(box).to_have_value("a do")
    box.press("ArrowDown")
    box.press("Enter")
    box_desk.wait_for_url(re.compile(r"/\?q=a\+dog\+in\+the\+snow"))


def test_a_field_is_gone_on_from(box_desk: Page) -> None:
    box = box_desk.get_by_role("combobox")
    options = box_desk.get_by_role("option")
    box.fill("ta")
    expect(options.filter(has_text="tag:").first).to_be_visible()
    options.filter(has_text="a tag, whole").click()
    expect(box).to_have_value("tag:")
    expect(options.first).to_contain_text(re.compile("^tag:"))
    box.press_sequentially("gra")
    expect(options.first).to_contain_text("tag:grass")
    options.first.click()
    box_desk.wait_for_url(re.compile(r"q=tag:grass"))
    expect(box_desk.get_by_role("list", name="What was understood")).to_contain_text("tag grass")


def test_a_past_search_is_forgotten(box_desk: Page, own_library: Library) -> None:
    remember(own_library, "boats")
    box = box_desk.get_by_role("combobox")
    options = box_desk.get_by_role("option")
    box.fill("")
    expect(options).to_have_text([re.compile("^boats"), re.compile("^a dog in the snow")])
    box.press("ArrowDown")
    box.press("Delete")
    expect(options).to_have_text([re.compile("^a dog in the snow")])
    options.locator(".drop").click()
    expect(box_desk.get_by_role("listbox")).to_be_hidden()
    assert past_searches(own_library) == []


def test_past_searches_have_a_page(own_page: Page, own_library: Library) -> None:
    for query in ("boats", "a cat"):
        remember(own_library, query)
    own_page.goto("/")
    own_page.get_by_role("link", name="Past searches").click()
    own_page.get_by_role("button", name="Forget boats").click()
    expect(own_page.get_by_role("link", name="boats")).to_have_count(0)
    own_page.get_by_role("link", name="a cat").click()
    expect(own_page.locator("figure").first).to_be_visible()
