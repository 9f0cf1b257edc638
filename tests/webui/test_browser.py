"""The page as a person uses it, in real Chromium."""

import re
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Page, expect


def test_search_open_ask(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Describe a photo").fill("a cat")
    page.get_by_role("button", name="Search").click()
    first = page.locator("figure a").first
    image = first.locator("img")
    expect(image).to_be_visible()
    assert image.evaluate("async (img) => { await img.decode(); return img.naturalWidth }") > 0
    first.click()
    expect(page.locator(".facts .path")).to_contain_text("cat.jpg")
    expect(page.get_by_role("heading", name="Similar")).to_be_visible()
    expect(page.get_by_role("heading", name="Why it matched")).to_be_visible()
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
    expect(page.locator(".tally .count").first).to_have_text(re.compile(r"\d+"))


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    for url in (
        "/",
        "/?q=an+animal&all=1",
        "/?q=a+cat+like:1^0.5+-dog+tag:cat+type:jpeg&off=2&w=0:2",
        "/?q=a+cat+path:nowhere",
        "/image/1?q=an+animal&all=1&question=what+is+it",
        "/ask?q=a+cat&all=1&question=is+it+day",
        "/albums",
        "/runs",
    ):
        page.goto(url)
        wide = page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth")
        assert wide <= 0, url


def test_by_keyboard_alone(desk: Page) -> None:
    desk.goto("/")
    expect(desk.locator("#q")).to_be_focused()  # which comes after the page is loaded
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
    expect(desk.locator("figure a").first).to_be_focused()
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


def test_a_part_of_the_plan_is_switched_off_weighed_and_taken_out(page: Page) -> None:
    page.goto("/?q=a+cat+like:1^0.5+path:nowhere")
    plan = page.get_by_role("list", name="What was understood")
    expect(plan.get_by_role("listitem")).to_have_count(3)
    expect(plan.get_by_role("img")).to_have_count(1)
    expect(page.get_by_role("heading", name="Nothing here matches")).to_be_visible()
    plan.get_by_role("link", name="Switch off: path nowhere").click()
    expect(page).to_have_url(re.compile(r"off=2"))
    expect(page.locator("figure").first).to_be_visible()
    plan.locator("summary", has_text="How much a cat counts").click()
    plan.get_by_role("link", name="Counts double").click()
    expect(page).to_have_url(re.compile(r"w=0:2|w=0%3A2"))
    weight = plan.locator("summary", has_text="×2")
    expect(weight).to_be_visible()
    plan.get_by_role("link", name="Take out: path nowhere").click()
    expect(page.get_by_label("Describe a photo")).to_have_value("a cat like:1^0.5")
    expect(weight).to_be_visible()


def test_more_and_less_like_this(page: Page) -> None:
    page.goto("/?q=an+animal&all=1")
    first = page.locator("figure").first
    first.hover()
    first.get_by_role("link", name="More like this").click()
    box = page.get_by_label("Describe a photo")
    expect(box).to_have_value(re.compile(r"^an animal like:\d+\^0\.75$"))
    expect(page.get_by_role("link", name="Undo more like this")).to_be_visible()
    page.get_by_role("link", name="Undo more like this").click()
    expect(box).to_have_value("an animal")
    page.locator("figure").first.hover()
    page.locator("figure").first.get_by_role("link", name="Less like this").click()
    expect(box).to_have_value(re.compile(r"^an animal -like:\d+\^0\.5$"))


def test_narrow_down_by_a_facet_and_arrange(page: Page) -> None:
    page.goto("/?q=an+animal&all=1")
    jpeg = page.get_by_role("link", name=re.compile(r"^jpeg \d+$"))
    if page.viewport_size == {"width": 1440, "height": 900}:  # beside the photos it is open by itself
        expect(jpeg).to_be_visible()
    else:
        page.get_by_text("Narrow down").filter(visible=True).click()
    jpeg.click()
    expect(page.get_by_label("Describe a photo")).to_have_value("an animal type:jpeg")
    page.locator("summary", has_text="Best first").click()
    page.get_by_role("link", name="By likeness").click()
    expect(page).to_have_url(re.compile("by=likeness"))
    expect(page.locator("figure").first).to_be_visible()


def test_search_by_a_picture_that_is_chosen(page: Page, scripted: bool, photos: Path) -> None:
    page.goto("/")
    page.locator(".bring summary").click()
    page.get_by_label("Choose a picture").set_input_files(photos / "animals" / "cat.jpg")
    if not scripted:
        page.get_by_role("button", name="Search by it").click()
    expect(page).to_have_url(re.compile(r"/\?picture=[0-9a-f]{32}$"))
    expect(page.get_by_role("img", name="The picture that you brought")).to_be_visible()
    page.locator("figure a").first.click()
    expect(page.locator(".facts .path")).to_contain_text("cat.jpg")


def test_search_by_a_picture_that_is_dropped_or_pasted(desk: Page, photos: Path) -> None:
    picture = list((photos / "animals" / "cat.jpg").read_bytes())
    bring = """([bytes, kind]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "cat.jpg", { type: "image/jpeg" }));
        const event = kind === "drop" ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
    }"""
    for kind in ("drop", "paste"):
        desk.goto("/")
        desk.evaluate(bring, [picture, kind])
        desk.wait_for_url(re.compile("picture="))
        expect(desk.get_by_role("img", name="The picture that you brought")).to_be_visible()


def test_escape_closes_a_menu_first(desk: Page) -> None:
    desk.goto("/?q=an+animal&all=1")
    desk.locator("summary", has_text="Save this search").click()
    name = desk.get_by_label("A name for it")
    expect(name).to_be_visible()
    desk.keyboard.press("Escape")
    expect(name).to_be_hidden()
    expect(desk.locator("summary", has_text="Save this search")).to_be_focused()
