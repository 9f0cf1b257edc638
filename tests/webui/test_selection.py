"""Photos chosen in the grid: asked, tagged and put into an album together, in real Chromium and without JavaScript."""

import re

from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from searcher import Library
from searcher.albums import albums


def test_chosen_photos_are_tagged_and_that_is_undone(own_page: Page, own_library: Library, scripted: bool) -> None:
    own_page.goto("/?q=a+dog")
    own_page.get_by_role("link", name="Select").click()
    boxes = own_page.get_by_role("checkbox", name="Select: ")
    boxes.nth(0).check()
    boxes.nth(1).check()
    if scripted:
        expect(own_page.locator("#selection [role=status]")).to_have_text("2 selected")
    own_page.get_by_label("A tag for the selected photos").fill("our dogs")
    own_page.get_by_role("button", name="Tag them").click()
    expect(own_page.locator(".notice")).to_contain_text("Tag given: our dogs · 2 photos")
    assert len(own_library.browse('tag:"our dogs"')) == 2
    own_page.get_by_role("button", name="Undo").click()
    expect(own_page.locator(".notice")).to_have_count(0)
    assert not own_library.browse('tag:"our dogs"')


def test_chosen_photos_are_put_into_an_album(own_page: Page, own_library: Library) -> None:
    for name in ("Dogs we met", "dogs we MET"):  # made, then filled further whatever its case
        own_page.goto("/?q=a+dog&select=1")
        own_page.get_by_role("checkbox", name="Select: ").nth(1 if name.isupper() else 0).check()
        own_page.get_by_label("An album for the selected photos").fill(name)
        own_page.get_by_role("button", name="Put into it").click()
        expect(own_page.locator(".notice")).to_contain_text("Dogs we met")
    (album,) = albums(own_library)
    assert (album.name, album.count) == ("Dogs we met", 1)


def test_chosen_photos_are_asked(page: Page) -> None:
    page.goto("/?q=a+dog&select=1")
    boxes = page.get_by_role("checkbox", name="Select: ")
    boxes.nth(0).check()
    boxes.nth(2).check()
    page.get_by_label("Ask the selected photos").fill("is it indoors or outdoors?")
    page.get_by_role("button", name="Ask", exact=True).last.click()
    expect(page.locator("figure")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_have_text("is it indoors or outdoors?")


def test_a_choice_outlasts_scrolling(large_desk: Page) -> None:
    large_desk.goto("/")
    expect(large_desk.locator(".windowed")).to_be_attached()
    first = large_desk.locator("a[data-photo]").first
    first.focus()
    large_desk.keyboard.press("x")  # begins to choose with the photo that has the focus
    count = large_desk.locator("#selection [role=status]")
    expect(count).to_have_text("1 selected")
    large_desk.locator("a[data-photo]").nth(3).click(modifiers=["Shift"])  # and those between
    expect(count).to_have_text("4 selected")
    large_desk.evaluate("scrollBy(0, 9000)")
    expect(large_desk.locator(".waiting")).to_have_count(0)
    large_desk.locator("a[data-photo]").nth(20).click()
    expect(count).to_have_text("5 selected")
    large_desk.evaluate("scrollTo(0, 0)")
    expect(large_desk.get_by_role("checkbox", name="photo number 3", exact=False).first).to_be_checked()
    large_desk.get_by_label("Ask the selected photos").fill("is it sunny?")
    large_desk.keyboard.press("Enter")
    large_desk.wait_for_url(re.compile(r"/ask\?.*ids=\d+(%2C|,)"))
    assert len(re.findall(r"\d+", large_desk.url.partition("ids=")[2].replace("%2C", ","))) == 5


def test_escape_leaves_the_choice(desk: Page) -> None:
    desk.goto("/?q=a+dog")
    desk.get_by_role("link", name="Select").click()
    box = desk.get_by_role("checkbox", name="Select: ").first
    box.check()
    desk.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(desk.locator("#selection")).to_be_hidden()
    desk.get_by_role("link", name="Select").click()
    expect(box).not_to_be_checked()


def test_nothing_or_nonsense_chosen_is_told(own_client: FlaskClient) -> None:
    for form in ({"tag": "x"}, {"tag": "x", "ids": "1;2"}, {"tag": "", "ids": "1"}):
        answer = own_client.post("/selection/tag", data=form, headers={"Origin": "http://localhost"})
        assert answer.status_code == 400
    assert own_client.get("/ask?question=is+it+sunny&id=1&id=x").status_code == 400
