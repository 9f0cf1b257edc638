"""A photo full screen: opened, zoomed, left and right by keys and swipes, and closed."""

import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from cameras import video
from indexer.pipeline import IndexRun
from searcher import Library
from served import SLOW_MS

ANIMALS = "/?q=an+animal&all=1"


def _zoomed(page: Page) -> float:
    return page.locator("dialog.viewer img").evaluate("(image) => new DOMMatrix(getComputedStyle(image).transform).a")


def test_full_screen_by_keys(desk: Page) -> None:
    desk.emulate_media(reduced_motion="reduce")
    desk.goto(ANIMALS)
    desk.locator("figure a").first.click()
    expect(desk.get_by_role("button", name="Full screen")).to_be_visible()
    first = desk.url
    desk.keyboard.press("f")
    viewer = desk.get_by_role("dialog", name="The photo, full screen")
    expect(viewer).to_be_visible()
    desk.keyboard.press("+")
    assert _zoomed(desk) == 1.5
    desk.keyboard.press("0")
    assert _zoomed(desk) == 1
    desk.keyboard.press("ArrowRight")
    desk.wait_for_url(lambda url: url != f"{first}#full" and url.endswith("#full"))
    expect(viewer).to_be_visible()
    desk.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(desk.get_by_role("button", name="Full screen")).to_be_focused()
    assert "#" not in desk.url and "/image/" in desk.url


def test_wheel_and_double_click_zoom_at_the_pointer(desk: Page) -> None:
    desk.emulate_media(reduced_motion="reduce")
    desk.goto("/image/1")
    desk.get_by_role("button", name="Full screen").click()
    desk.mouse.move(300, 300)
    desk.mouse.wheel(0, -400)
    expect(desk.locator("dialog.viewer.near")).to_be_visible()
    assert _zoomed(desk) > 2
    desk.mouse.dblclick(300, 300)
    expect(desk.locator("dialog.viewer.near")).to_have_count(0)


def test_a_swipe_leads_to_the_next_photo(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, viewport={"width": 375, "height": 812}, has_touch=True)
    context.set_default_timeout(SLOW_MS)
    page = context.new_page()
    page.goto(ANIMALS)
    page.locator("figure a").first.tap()
    page.get_by_role("button", name="Full screen").tap()
    first = page.url
    # Chromium's own touches, as a finger makes them.
    touch = context.new_cdp_session(page)
    for kind, x in (("touchStart", 300), ("touchMove", 200), ("touchMove", 100)):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": 400}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_url(lambda url: url != first)
    assert re.search(r"/image/\d+.*#full$", page.url)
    expect(page.get_by_role("dialog")).to_be_visible()
    context.close()


def test_without_a_script_the_photo_stands_on_its_page(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    context.set_default_timeout(SLOW_MS)
    page = context.new_page()
    page.goto("/image/1")
    expect(page.locator(".frame img")).to_be_visible()
    expect(page.get_by_role("button", name="Full screen")).to_be_hidden()
    context.close()


def test_a_video_plays_from_the_moment_that_was_found(
    own_desk: Page, own_library: Library, photos: Path, tmp_path: Path
) -> None:
    names = ("animals/cat.jpg", "food/coffee.jpg", "landscapes/mountains.jpg")
    path = tmp_path / "trip.webm"
    video(path, [Image.open(photos / name).resize((480, 320)) for name in names], codec="libvpx")  # browsers play it
    for _ in IndexRun(own_library, [path], captions=False):
        pass
    moment = own_library.browse("type:video", k=1)[0].photo
    assert moment.seconds
    own_desk.goto(f"/image/{moment.id}")
    at = own_desk.locator(".frame video").evaluate(
        "(video) => new Promise((done, failed) => {"
        " video.addEventListener('error', () => failed(video.error.message));"
        " const look = () => {"
        "  if (video.error) failed(video.error.message);"
        "  else if (video.currentTime) done(video.currentTime);"
        "  else setTimeout(look, 20);"
        " };"
        " look(); })"
    )
    assert abs(at - moment.seconds) < 0.1
