"""What people change on the page, in real Chromium: captions, tags, albums; and a run that goes on meanwhile."""

from pathlib import Path

from playwright.sync_api import Page, expect

from indexer.pipeline import IndexRun
from searcher import Library


def test_correct_a_caption_and_tags_and_take_it_back(own_page: Page, own_library: Library) -> None:
    photo = own_library.search("a cat", k=1, min_confidence=0)[0].photo
    machine, wrong = photo.caption or "", photo.tags[0]
    own_page.goto(f"/image/{photo.id}")
    own_page.get_by_text("Correct the caption or the tags").click()
    own_page.get_by_label("Caption").fill("Our Mia looks at the goldfish")
    own_page.get_by_label(wrong, exact=True).uncheck()
    own_page.get_by_label("More tags").fill("Mia, our cat")
    own_page.get_by_role("button", name="Save").click()
    heading = own_page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Our Mia looks at the goldfish")
    expect(own_page.get_by_text("written by people")).to_be_visible()
    tags = own_page.get_by_role("list", name="Tags")
    expect(tags.get_by_role("link", name="our cat")).to_be_visible()
    expect(tags.get_by_role("link", name=wrong, exact=True)).to_have_count(0)
    own_page.get_by_text("show the machine's").click()
    expect(own_page.get_by_text(machine)).to_be_visible()
    own_page.get_by_text("Correct the caption or the tags").click()
    own_page.get_by_label("Caption").fill("")
    own_page.get_by_role("button", name="Save").click()
    expect(heading).to_have_text(machine)


def test_an_album_is_filled_emptied_and_deleted(own_page: Page) -> None:
    own_page.goto("/image/1")
    own_page.get_by_text("Add to an album").click()
    own_page.get_by_label("A new album").fill("Summer in Lyon")
    own_page.get_by_role("button", name="Add", exact=True).click()
    held = own_page.get_by_role("list", name="Albums of this photo")
    held.get_by_role("link", name="Summer in Lyon").click()
    expect(own_page.get_by_label("Describe a photo")).to_have_value('album:"Summer in Lyon"')
    expect(own_page.locator("figure")).to_have_count(1)
    own_page.locator("figure a").first.click()
    held.get_by_role("button", name="Take it out of Summer in Lyon").click()
    expect(held).to_have_count(0)
    own_page.get_by_role("link", name="Albums").click()
    album = own_page.locator(".album")
    expect(album).to_contain_text("0 photos")
    album.get_by_text("Delete", exact=True).click()
    album.get_by_role("button", name="Delete “Summer in Lyon”").click()
    expect(own_page.get_by_role("heading", name="No albums yet")).to_be_visible()


def test_a_search_is_saved_renamed_and_opened(own_page: Page) -> None:
    own_page.goto("/?q=a+cat+path:animals&off=1")
    own_page.get_by_text("Save this search").click()
    own_page.get_by_label("A name for it").fill("Cats")
    own_page.get_by_role("button", name="Save").click()
    album = own_page.locator(".album")
    expect(album).to_contain_text("found by a cat")
    album.get_by_text("Rename").first.click()
    album.get_by_label("Its new name").fill("All cats")
    album.get_by_role("button", name="Rename").click()
    album.get_by_role("link", name="All cats").click()
    expect(own_page.get_by_label("Describe a photo")).to_have_value('album:"All cats"')
    expect(own_page.locator("figure").first).to_be_visible()


def test_a_run_is_followed_to_its_end(own_desk: Page, own_library: Library, photos: Path) -> None:
    run = iter(IndexRun(own_library, [photos]))
    next(run)
    own_desk.goto("/runs")
    expect(own_desk.get_by_role("heading", name="Indexing now")).to_be_visible()
    expect(own_desk.get_by_role("progressbar")).to_be_visible()
    run.close()  # type: ignore[attr-defined]
    expect(own_desk.get_by_text("interrupted")).to_be_visible()
    expect(own_desk.get_by_role("heading", name="Indexing now")).to_be_hidden()
