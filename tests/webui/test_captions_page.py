"""The page of captions: read, corrected one by one and many at once, and undone."""

import re
import threading

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from searcher import Library, Photo, changes
from searcher.corrections import correct_caption, tag_photos
from webui import bulk, captions_page
from webui.replacing import Replacing


def photo(library: Library, image_id: int) -> Photo:
    found = library.photo(image_id)
    assert found is not None
    return found


def ids(html: str) -> list[int]:
    return [int(i) for i in re.findall(r'id="photo-(\d+)"', html)]


def test_the_least_sure_first_and_more_on_the_next_page(client: FlaskClient, demo_library: Library) -> None:
    first = client.get("/captions").text
    assert "44 captions" in first
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    second = client.get(following[1].replace("&amp;", "&")).text
    assert 'rel="next"' not in second
    shown = ids(first) + ids(second)
    assert len(set(shown)) == 44
    sure = [photo(demo_library, i).caption_confidence or 0 for i in shown]
    assert sure == sorted(sure)
    assert ids(client.get("/captions?order=surest").text) == shown[::-1][:30]


def test_narrowed_by_words_writer_run_and_day(own_client: FlaskClient, own_library: Library) -> None:
    correct_caption(own_library, 1, "Our Minka")
    assert ids(own_client.get("/captions?words=minka").text) == [1]
    assert ids(own_client.get("/captions?by=people").text) == [1]
    assert "43 captions" in own_client.get("/captions?by=machines").text
    run = re.search(r'/captions\?run=(\d+)"', own_client.get("/captions").text)
    assert run is not None
    assert "43 captions" in own_client.get(f"/captions?run={run[1]}").text
    assert own_client.get("/captions?run=99").status_code == 404
    assert "No captions here" in own_client.get("/captions?until=2001-01-01").text
    assert "44 captions" in own_client.get("/captions?since=2001-01-01").text
    for wrong in ("after=nowhere", "since=yesterday"):
        assert own_client.get(f"/captions?{wrong}").status_code == 400


def test_a_correction_and_its_undo(own_client: FlaskClient, own_library: Library) -> None:
    machine = photo(own_library, 1).caption
    saved = own_client.post("/captions/1?words=a", data={"caption": " Our  Minka "})
    assert saved.status_code == 303
    assert saved.location.startswith("/captions?words=a&did=")
    assert photo(own_library, 1).caption == "Our Minka"
    html = own_client.get(saved.location).text
    assert "<b>Caption corrected</b> · 1 photo" in html
    action = changes.latest(own_library)[0].id
    undone = own_client.post("/captions/undo?words=a", data={"action": action})
    assert undone.location == "/captions?words=a&undone=1"
    assert "Undone." in own_client.get(undone.location).text
    assert photo(own_library, 1).caption == machine
    assert own_client.post("/captions/undo", data={"action": action}).status_code == 400
    assert own_client.post("/captions/999", data={"caption": "x"}).status_code == 404
    own_client.post("/captions/1", data={"tags": "Minka, cat of ours"})
    assert photo(own_library, 1).tags[:2] == ["Minka", "cat of ours"]
    own_client.post("/captions/1", data={"untag": "Minka"})
    assert "Minka" not in photo(own_library, 1).tags


def test_a_row_is_sent_as_it_is_now(own_client: FlaskClient, own_library: Library) -> None:
    own_client.post("/captions/1", data={"caption": "Our Minka"})
    row = own_client.post("/captions/1", data={"caption": "", "fragment": "1"}).text
    assert photo(own_library, 1).caption in row
    assert "run of" in row and "<html" not in row
    assert "<b>The machine&#39;s caption taken back</b>" in row


def test_many_at_once(own_client: FlaskClient, own_library: Library) -> None:
    before = {i: photo(own_library, i) for i in (1, 2, 3)}
    done = own_client.post("/captions/change", data={"do": "tag", "tag": "mine", "photo": [1, 2]})
    assert "<b>Tag given: mine</b> · 2 photos" in own_client.get(done.location).text
    assert [photo(own_library, i).tags[0] == "mine" for i in (1, 2, 3)] == [True, True, False]
    own_client.post("/captions/change", data={"do": "untag", "tag": "MINE", "scope": "page", "on_page": [1, 3]})
    assert [photo(own_library, i).tags[0] == "mine" for i in (1, 2, 3)] == [False, True, False]
    own_client.post("/captions/change", data={"do": "accept", "photo": [1, 2]})
    assert [photo(own_library, i).captioner for i in (1, 2)] == ["people", "people"]
    assert photo(own_library, 1).caption == before[1].caption
    own_client.post("/captions/change", data={"do": "machine", "photo": [1, 2]})
    for action in changes.latest(own_library):
        changes.undo(own_library, action.id)
    for i, was in before.items():
        now = photo(own_library, i)
        assert (now.caption, now.captioner, now.tags) == (was.caption, was.captioner, was.tags)
    assert own_client.post("/captions/change", data={"do": "accept"}).status_code == 400
    assert own_client.post("/captions/change", data={"do": "nothing", "photo": [1]}).status_code == 400


def test_words_are_replaced_once_that_is_confirmed(own_client: FlaskClient, own_library: Library) -> None:
    wanted = {"do": "replace", "find": "dog", "put": "hound", "scope": "all"}
    dogs = [hit.photo for hit in own_library.browse('caption:"dog"', k=50)]
    changed = [dog for dog in dogs if re.search(r"\bdog\b", dog.caption or "", re.IGNORECASE)]
    preview = own_client.post("/captions/change", data=wanted).text
    assert f"This concerns {len(changed)} photos." in preview
    assert f"<del>{changed[0].caption}</del>" in preview
    assert changes.latest(own_library) == []
    done = own_client.post("/captions/change", data={**wanted, "sure": "1"})
    assert f"<b>“dog” replaced by “hound”</b> · {len(changed)} photos" in own_client.get(done.location).text
    expected = re.sub(r"\bdog\b", "hound", changed[0].caption or "")
    assert photo(own_library, changed[0].id).caption == expected
    chosen = own_client.post("/captions/change", data={**wanted, "scope": "chosen", "photo": [changed[0].id]}).text
    assert "There is nothing to change." in chosen
    assert own_client.post("/captions/change", data={**wanted, "find": "…"}).status_code == 400


@pytest.mark.parametrize(
    ("find", "put", "text", "changed"),
    [
        ("dog", "hound", "A dog and dogs; Dog", "A hound and dogs; Hound"),
        ("two  dogs", "a pack", "Two dogs\nplay", "A pack play"),
        ("a", "", "A dog on a sofa", "dog on sofa"),
        ("狗", "猫", "两只狗在草地上", "两只猫在草地上"),
        ("c++", r"\1", "c++ on paper", r"\1 on paper"),
        ("dog", "", "Dog", None),
        ("cat", "dog", "A caterpillar", None),
    ],
)
def test_what_is_replaced(find: str, put: str, text: str, changed: str | None) -> None:
    assert [new for _, new in Replacing(find, put).changed([(1, text)])] == ([] if changed is None else [changed])


def test_a_page_says_how_far_the_change_of_very_many_is(
    own_client: FlaskClient, own_library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    monkeypatch.setattr(bulk, "_EVERY_S", 0)
    form = {"do": "tag", "tag": "mine", "photo": [1, 2, 3]}
    page = own_client.post("/captions/change", data=form).text
    assert '<h1 id="about">Tag given: mine</h1>' in page
    assert re.search(r'<progress aria-labelledby="about" max="3" value="[0-3]">', page)
    leads = re.findall(r'http-equiv="refresh" content="0;url=([^"]+)"', page)
    assert "<b>Tag given: mine</b> · 3 photos" in own_client.get(leads[0]).text
    action = changes.latest(own_library)[0].id
    assert "undone=3" in own_client.post("/captions/undo", data={"action": action}).text
    assert "mine" not in photo(own_library, 1).tags
    refused = own_client.post("/captions/change", data={**form, "tag": ";"}).text
    assert "a tag has 1 to 200 characters and no semicolon" in refused
    assert "refresh" not in refused


def test_a_change_goes_on_when_nobody_listens(
    own_client: FlaskClient, own_library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    monkeypatch.setattr(bulk, "_EVERY_S", 0)
    written = threading.Event()
    monkeypatch.setattr(captions_page, "tag_photos", lambda *said: written.wait() and tag_photos(*said))
    answer = own_client.post("/captions/change", data={"do": "tag", "tag": "mine", "photo": [1, 2, 3]}, buffered=False)
    while b"<progress" not in next(answer.response):  # type: ignore[call-overload]
        pass
    answer.close()
    written.set()
    for thread in [one for one in threading.enumerate() if one.name.startswith("bulk")]:
        thread.join()
    assert photo(own_library, 3).tags[0] == "mine"


def test_another_site_cannot_change_captions(own_client: FlaskClient) -> None:
    for url in ("/captions/1", "/captions/change", "/captions/undo"):
        assert own_client.post(url, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_caption_is_corrected_in_place_and_undone(own_page: Page, own_library: Library, scripted: bool) -> None:
    own_page.goto("/captions")
    row = own_page.locator(".written").first
    number = row.get_attribute("id") or ""
    machine = photo(own_library, int(number.removeprefix("photo-"))).caption or ""
    caption = row.get_by_role("textbox", name=re.compile("Caption of"))
    expect(caption).to_have_value(machine)
    if scripted:
        expect(own_page.locator(".keys")).to_be_visible()  # the module is at work
    caption.fill("Our own words")
    if scripted:
        caption.press("Enter")
        expect(own_page.locator(f"#{number}")).to_contain_text("written by people")
        expect(own_page.locator(".say textarea").nth(1)).to_be_focused()
    else:
        row.get_by_role("button", name="Save").click()
    notice = own_page.locator(".notice")
    expect(notice).to_contain_text("Caption corrected")
    assert own_page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth") <= 0
    notice.get_by_role("button").click()
    expect(notice).to_contain_text("Undone")
    expect(own_page.locator(f"#{number} textarea")).to_have_value(machine)


@pytest.mark.parametrize("at_once", [2_000, 0], ids=["at once", "beside a page"])
def test_many_are_chosen_and_changed(own_page: Page, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", at_once)
    own_page.goto("/captions?words=dog")
    own_page.locator(".choose").nth(1).check()
    own_page.get_by_text("Change many at once").click()
    own_page.get_by_label("all that match").check()
    own_page.get_by_label("Find").fill("dog")
    own_page.get_by_label("Put in its place").fill("hound")
    assert own_page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth") <= 0
    own_page.get_by_role("button", name="See what changes").click()
    expect(own_page.locator("ins").first).to_contain_text(re.compile("hound", re.IGNORECASE))
    own_page.get_by_role("button", name=re.compile("Change .* photos")).click()
    expect(own_page.locator(".notice")).to_contain_text("“dog” replaced by “hound”")
    own_page.get_by_text("What was changed last").click()
    own_page.locator(".actions-done").get_by_role("button").click()
    expect(own_page.locator(".notice")).to_contain_text("Undone")
    expect(own_page.locator(".written").first).to_be_visible()


@pytest.mark.parametrize("device", ["phone", "without JavaScript"], indirect=True)
def test_how_far_a_change_is_can_be_seen(own_page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 0)
    seen = threading.Event()
    monkeypatch.setattr(captions_page, "tag_photos", lambda *said: seen.wait() and tag_photos(*said))
    own_page.goto("/captions")
    own_page.get_by_text("Change many at once").click()
    own_page.locator("input[value=page]").check()
    own_page.get_by_label("Tag", exact=True).fill("mine")
    own_page.get_by_role("button", name="Give it").click(no_wait_after=True)
    expect(own_page.get_by_role("progressbar").last).to_be_visible()
    seen.set()
    expect(own_page.locator(".notice").first).to_contain_text("Tag given: mine")


def test_tags_are_given_and_taken_away_in_place(own_desk: Page) -> None:
    own_desk.goto("/captions")
    expect(own_desk.locator(".keys")).to_be_visible()
    row = own_desk.locator(".written").first
    field = row.get_by_label("More tags")
    field.fill("mine")
    field.press("Enter")
    expect(row.get_by_role("button", name="Take away the tag mine")).to_be_visible()
    expect(field).to_be_focused()
    row.get_by_role("button", name="Take away the tag mine").click()
    expect(row.get_by_role("button", name="Take away the tag mine")).to_have_count(0)
    caption = row.get_by_role("textbox", name=re.compile("Caption of"))
    machine = caption.input_value()
    caption.fill("")
    caption.press("Escape")
    expect(caption).to_have_value(machine)
    own_desk.get_by_label("Tick all on this page").check()
    own_desk.get_by_text("Change many at once").click()
    expect(own_desk.get_by_label("those ticked (30)")).to_be_checked()
    own_desk.get_by_label("Tag", exact=True).fill("all of them")
    own_desk.get_by_label("Tag", exact=True).press("Enter")
    expect(own_desk.locator(".notice")).to_contain_text("Tag given: all of them")
