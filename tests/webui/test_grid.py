"""All photos in one scroll, in real Chromium: windows, months, the timeline, and the way back."""

import re

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Locator, Page, expect

from searcher import Library, database
from searcher.timeline import listing

BOXES = "(all) => all.map((f) => { const b = f.getBoundingClientRect(); return [b.left, b.top + scrollY, b.width] })"


def opened(page: Page, address: str = "/") -> Page:
    """A page whose photos are all in one scroll, with its timeline."""
    page.goto(address)
    expect(page.locator(".windowed")).to_be_attached()
    expect(page.locator(".timeline .thumb")).to_be_attached()
    return page


def photo(page: Page, number: int) -> Locator:
    """The link of a photo."""
    return page.locator(".windowed a[data-photo]", has=page.get_by_alt_text(f"photo number {number}", exact=True))


def scroll(page: Page, pixels: int) -> None:
    """Scroll, and wait for the figures there."""
    drawn = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
    page.evaluate(f"scrollBy(0, {pixels}); {drawn}")
    expect(page.locator(".waiting")).to_have_count(0)


def test_photos_are_in_months_the_newest_first(large_client: FlaskClient) -> None:
    html = large_client.get("/").text
    assert re.findall(r"<h2>(.*?)</h2>", html) == ["March 2021", "February 2021", "January 2021"]
    assert [int(n) for n in re.findall(r'alt="photo number (\d+)"', html)] == [*range(60)]
    assert 'rel="next" href="/?page=2"' in html
    assert re.findall(r"<h2>(.*?)</h2>", large_client.get("/?page=13").text) == ["No date"]


def test_dates_lead_to_their_pages(large_client: FlaskClient) -> None:
    html = large_client.get("/dates").text
    assert re.findall(r"<h2>(.*?)</h2>", html) == ["2021", "2020", "2019", "No date"]
    (address,) = re.findall(r'href="([^"]+)">August 2020', html)
    assert address == "/?page=4#m2020-08"
    assert "<h2>August 2020</h2>" in large_client.get(address).text
    assert re.findall(r'href="([^"]+)">', large_client.get("/dates?q=date:2020").text.partition("<h2>")[2])[0] == (
        "/?q=date:2020#m2020-12"
    )


def test_the_list_is_all_that_the_library_has_in_its_order(large_library: Library, large_client: FlaskClient) -> None:
    sent = large_client.get("/list.json").json
    assert sent is not None and len(sent["ids"]) == len(set(sent["ids"])) == large_library.count_images()
    with database.session(large_library.engine) as session:
        in_order = listing(large_library, session, large_library.plan("-is:duplicate"))
        assert sent["ids"] == in_order.ids(2_000) == in_order.ids(300) + in_order.ids(2_000, 300)
        assert [(month, count) for month, _, count in sent["months"]] == in_order.months()
        last_dated = sum(count for _, _, count in sent["months"][:-1]) - 1
        for place in (1, 300, last_dated, last_dated + 1, len(sent["ids"]) - 2):
            before, here, after = sent["ids"][place - 1 : place + 2]
            assert in_order.beside(here) == (before, after)
            rest = large_client.get(f"/list.json?after={here}").json
            assert rest is not None and rest["ids"] == sent["ids"][place + 1 :]
    assert large_client.get("/list.json?after=999999").status_code == 400


def test_a_search_goes_on_beyond_its_first_page(large_client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.found.PAGE", 20)
    first = [int(i) for i in re.findall(r'data-id="(\d+)"', large_client.get("/?q=an+animal&all=1").text)]
    sent = large_client.get("/list.json?q=an+animal&all=1").json
    assert sent is not None and sent["ids"][:20] == first
    assert len(sent["ids"]) == len(set(sent["ids"])) == len(sent["sure"]) > 40
    assert sent["next"] is None


def test_figures_come_in_the_order_that_is_asked_for(large_client: FlaskClient) -> None:
    html = large_client.get("/figures?ids=9,3,999999,5&sure=90,80,70,60").text
    assert re.findall(r'data-id="(\d+)"', html) == ["9", "3", "5"]
    assert re.findall(r">(\d+) %<", html) == ["90", "80", "60"]
    assert large_client.get("/figures?ids=9,x").status_code == 400


def test_a_photo_deep_in_the_list_knows_its_neighbours(large_library: Library, large_client: FlaskClient) -> None:
    sent = large_client.get("/list.json?q=date:2020").json
    assert sent is not None
    before, here, after = sent["ids"][200:203]
    html = large_client.get(f"/image/{here}?q=date:2020").text
    assert f'rel="prev" href="/image/{before}?q=date:2020"' in html
    assert f'rel="next" href="/image/{after}?q=date:2020"' in html
    assert 'rel="prev"' not in large_client.get(f"/image/{here}?q=date:2019").text


def test_only_what_is_near_the_screen_is_in_the_page(large_page: Page, scripted: bool) -> None:
    if not scripted:
        large_page.goto("/")
        expect(large_page.locator("figure")).to_have_count(60)
        large_page.get_by_role("link", name="Older").click()
        expect(large_page.get_by_alt_text("photo number 60", exact=True)).to_be_visible()
        return
    opened(large_page)
    for _ in range(4):
        scroll(large_page, 9000)
        assert 0 < large_page.locator("figure").count() < 120
    expect(large_page.get_by_role("navigation", name="Pages")).to_have_count(0)
    assert large_page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth") <= 0


def test_nothing_shifts_when_the_whole_list_comes(large_desk: Page) -> None:
    large_desk.add_init_script("""
        globalThis.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) globalThis.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: true });
    """)
    opened(large_desk)
    large_desk.wait_for_load_state("networkidle")
    assert large_desk.evaluate("globalThis.shift") < 0.001


def test_rows_are_where_the_style_sheet_has_them(large_desk: Page) -> None:
    large_desk.route("**/static/grid.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    large_desk.goto("/")
    sent = large_desk.locator("figure").evaluate_all(BOXES)
    large_desk.unroute("**/static/grid.js")
    laid = opened(large_desk).locator(".windowed figure").evaluate_all(BOXES)
    assert 10 < len(laid) < 50
    for before, after in zip(sent[: len(laid)], laid, strict=True):
        assert after == pytest.approx(before, abs=1)


def test_the_timeline_is_used_by_keyboard(large_desk: Page) -> None:
    opened(large_desk)
    slider = large_desk.get_by_role("slider", name="Date")
    expect(slider).to_have_attribute("aria-valuetext", "March 2021")
    slider.focus()
    for key, month in [
        ("ArrowDown", "February 2021"),
        ("PageDown", "December 2020"),
        ("End", "No date"),
        ("Home", "March 2021"),
    ]:
        large_desk.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuetext", month)
        expect(large_desk.get_by_role("heading", name=month)).to_be_in_viewport()
    expect(slider).to_be_focused()


def test_the_timeline_is_dragged(large_desk: Page) -> None:
    opened(large_desk)
    box = large_desk.locator(".timeline").bounding_box()
    assert box is not None
    large_desk.mouse.move(box["x"] + 20, box["y"] + 5)
    large_desk.mouse.down()
    large_desk.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2, steps=5)
    expect(large_desk.locator(".timeline .told")).to_have_text(re.compile("20(19|20)"))
    large_desk.mouse.up()
    title = large_desk.locator(".timeline .told").inner_text()
    expect(large_desk.get_by_role("heading", name=title)).to_be_in_viewport()
    expect(large_desk.locator(".waiting")).to_have_count(0)


def test_the_place_is_kept_on_the_way_back(large_desk: Page) -> None:
    opened(large_desk)
    scroll(large_desk, 20_000)
    links = large_desk.locator(".windowed a[data-photo]")
    tops = "(all) => all.map((a) => [a.getAttribute('href'), a.getBoundingClientRect().top])"
    address, top = next((address, top) for address, top in links.evaluate_all(tops) if top > 150)
    for way in ("back", "link"):
        large_desk.locator(f'a[href="{address}"]').click()
        large_desk.wait_for_url(re.compile("/image/"))
        if way == "back":
            large_desk.go_back()
        else:
            large_desk.get_by_role("link", name="All photos").click()
        link = large_desk.locator(f'.windowed a[data-photo][href="{address}"]')
        expect(link).to_be_in_viewport()
        assert abs(link.evaluate("(a) => a.getBoundingClientRect().top") - top) < 3
    expect(link).to_be_focused()
    large_desk.reload()
    expect(link).to_be_in_viewport()


def test_arrows_go_on_into_what_was_not_in_the_page(large_desk: Page) -> None:
    opened(large_desk)
    large_desk.keyboard.press("Escape")
    large_desk.keyboard.press("ArrowDown")
    expect(photo(large_desk, 0)).to_be_focused()
    focused = large_desk.locator(":focus")
    last = -1
    for _ in range(12):
        large_desk.keyboard.press("ArrowDown")
        expect(large_desk.locator(".waiting")).to_have_count(0)
        number = int(re.sub(r"\D", "", focused.get_by_role("img").get_attribute("alt") or ""))
        assert number > last
        last = number
    assert last > 30
    large_desk.keyboard.press("ArrowRight")
    expect(photo(large_desk, last + 1)).to_be_focused()
    large_desk.keyboard.press("ArrowLeft")
    expect(photo(large_desk, last)).to_be_focused()


def test_another_width_lays_out_afresh(large_desk: Page) -> None:
    opened(large_desk)
    scroll(large_desk, 9_000)
    large_desk.set_viewport_size({"width": 700, "height": 900})
    expect(large_desk.locator(".waiting")).to_have_count(0)
    boxes = large_desk.locator(".windowed figure").evaluate_all(BOXES)
    assert max(left + width for left, _, width in boxes) <= 700
    assert large_desk.evaluate("scrollY") > 5_000
