"""The page as a person uses it, in real Chromium."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

DEVICES: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "phone": {"viewport": {"width": 375, "height": 812}, "color_scheme": "dark", "has_touch": True},
    "narrow": {"viewport": {"width": 320, "height": 640}, "color_scheme": "light"},
    "without JavaScript": {"viewport": {"width": 1024, "height": 768}, "java_script_enabled": False},
}


@pytest.fixture(params=DEVICES)
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page on each device, which must end without a complaint in its console."""
    context = browser.new_context(base_url=address, **DEVICES[request.param])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []
    context.close()


def test_search_open_ask(page: Page) -> None:
    page.goto("/")
    page.get_by_role("searchbox").fill("a cat")
    page.get_by_role("button", name="Search").click()
    first = page.locator("figure a").first
    image = first.locator("img")
    expect(image).to_be_visible()
    assert image.evaluate("async (img) => { await img.decode(); return img.naturalWidth }") > 0
    first.click()
    expect(page.locator(".facts .path")).to_contain_text("cat.jpg")
    expect(page.get_by_role("heading", name="Similar")).to_be_visible()
    page.get_by_label("Ask this photo").fill("is there a person?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".reply .answer")).to_have_text(re.compile(r"(yes|no)\)?\s+\d+ % sure"))
    page.get_by_role("link", name="All hits").click()
    expect(page).to_have_url(re.compile(r"/\?q=a\+cat$|/\?q=a%20cat$"))


def test_ask_all_hits(page: Page) -> None:
    page.goto("/?q=an+animal&all=1")
    page.get_by_label("Ask these photos").fill("is it indoors or outdoors?")
    page.get_by_role("button", name="Ask").click()
    answers = page.locator("figure .answer")
    expect(answers.nth(23)).to_be_attached()
    expect(page.locator(".tally dd").first).to_have_text(re.compile(r"\d+"))


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    for url in ("/", "/?q=an+animal&all=1", "/image/1?question=what+is+it", "/ask?q=a+cat&all=1&question=is+it+day"):
        page.goto(url)
        wide = page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth")
        assert wide <= 0, url


@pytest.fixture
def desk(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=address, **DEVICES["desk"])
    yield context.new_page()
    context.close()


def test_by_keyboard_alone(desk: Page) -> None:
    desk.goto("/")
    desk.keyboard.press("Escape")
    desk.keyboard.press("/")
    desk.keyboard.type("a cat")
    desk.keyboard.press("Enter")
    desk.wait_for_url(re.compile(r"q=a"))
    desk.keyboard.press("ArrowDown")
    expect(desk.locator("figure a").first).to_be_focused()
    desk.keyboard.press("Enter")
    desk.wait_for_url(re.compile("/image/"))
    expect(desk.locator(".facts .path")).to_contain_text("cat.jpg")
    desk.keyboard.press("Escape")
    expect(desk.locator("figure a").first).to_be_visible()


def test_arrows_step_through_the_hits(desk: Page) -> None:
    desk.goto("/?q=an+animal&all=1")
    desk.locator("figure a").first.click()
    desk.wait_for_url(re.compile("/image/"))  # loaded, so that its keys work
    first = desk.url
    desk.keyboard.press("ArrowRight")
    desk.wait_for_url(lambda url: url != first)
    desk.keyboard.press("ArrowLeft")
    desk.wait_for_url(first)


def test_rows_are_justified_and_nothing_shifts(desk: Page) -> None:
    desk.goto("/")
    before = desk.locator("figure").evaluate_all("(all) => all.map((f) => f.getBoundingClientRect().top)")
    desk.wait_for_load_state("networkidle")
    boxes = desk.locator("figure").evaluate_all(
        "(all) => all.map((f) => { const b = f.getBoundingClientRect(); return [b.top, b.right] })"
    )
    assert [top for top, _ in boxes] == before
    ends = [right for (top, right), (below, _) in pairwise(boxes) if below > top + 5]
    assert len(ends) > 2
    assert max(ends) - min(ends) < 2


def test_focus_is_seen(desk: Page) -> None:
    desk.goto("/?q=a+cat&all=1")
    desk.keyboard.press("ArrowDown")
    style = desk.locator("figure a").first.evaluate("(a) => getComputedStyle(a).outlineStyle")
    assert style == "solid"


def test_see_where(page: Page) -> None:
    page.goto("/?q=a+cat&all=1")
    page.locator("figure a").first.click()
    page.get_by_role("link", name="where?").click()
    shown = page.locator(".frame img")
    expect(shown).to_have_attribute("alt", re.compile("bright where the machine finds “a cat”"))
    expect(page.locator(".shown")).to_contain_text("Where the machine finds a cat")
    assert shown.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 0
    page.get_by_role("link", name="Show the photo").click()
    word = page.locator("h1.words a").last
    text = word.inner_text()
    word.click()
    expect(page.locator(".shown b")).to_have_text(text)
    page.get_by_label("Ask this photo").fill("what animal is it?")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("link", name="where it looked").click()
    expect(page.locator(".shown b")).to_contain_text("animal")
    expect(page.locator(".reply .answer")).to_be_visible()
