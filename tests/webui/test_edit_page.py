"""The page on which a photo is edited: the plan, where and what it changes, kept or not."""

import hashlib
import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image as Pillow
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from searcher import Library, Photo, database
from searcher.catalog import Edit
from vlm.editing.plan import Operation
from webui.edit_preview import Previews

NO_TEXT = {"region": "", "text": "", "outside": ""}
BRIGHTER = {"say": "make it brighter", "name": "brightness", "amount": "40", **NO_TEXT}


def cat_of(library: Library) -> Photo:
    return library.search("path:cat.jpg", k=1)[0].photo


def edits(library: Library) -> int:
    with database.session(library.engine) as session:
        return session.scalar(select(func.count()).select_from(Edit)) or 0


def test_what_is_said_becomes_a_plan_that_can_be_changed(client: FlaskClient, demo_library: Library) -> None:
    cat = cat_of(demo_library)
    html = client.get(f"/image/{cat.id}/edit").text
    assert "say=make+it+brighter" in html and 'class="plan"' not in html
    html = client.get(f"/image/{cat.id}/edit", query_string={"say": "make it brighter and mirror it"}).text
    assert 'name="amount" min="-100" max="100" step="any" value="30"' in html
    assert "It is what was asked for" in html and "The whole picture was changed" in html
    assert html.count("<fieldset") == 2
    (address,) = (found.replace("&amp;", "&") for found in re.findall(r'src="(/image/[^"]+after\.webp[^"]+)"', html))
    shown = client.get(address)
    assert shown.mimetype == "image/webp" and shown.cache_control.private
    with Pillow.open(io.BytesIO(shown.data)) as opened:
        assert max(opened.size) <= 1600
    less = client.get(f"/image/{cat.id}/edit?{address.partition('?')[2]}&remove=0").text
    assert less.count("<fieldset") == 1 and "Mirror" in less and "Brightness" not in less


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"say": "make the dog fly"}, "not understood|generative"),
        ({"say": ""}, "the plan is empty"),
        ({"say": "x" * 5_000}, "at most 500"),
        ({**BRIGHTER, "amount": "9e9"}, "must be from -100 to 100"),
        ({**BRIGHTER, "amount": "nan"}, "must be from -100 to 100"),
        ({**BRIGHTER, "amount": "<script>"}, "must be a number"),
        ({**BRIGHTER, "name": "<script>"}, "no operation"),
        ({name: [value] * 21 for name, value in BRIGHTER.items()} | {"say": "x"}, "at most 20"),
        ({"say": "x", "name": "brightness"}, "do not belong together"),
        ({**BRIGHTER, "name": "crop", "amount": "", "text": "../../etc"}, "no aspect"),
        ({**BRIGHTER, "name": "resize", "amount": "", "text": "99999x99999"}, "megapixels"),
        ({**BRIGHTER, "name": "caption", "amount": "", "text": "x" * 600}, "1 to 500 characters"),
        ({**BRIGHTER, "name": "generate", "amount": "", "text": "a hat"}, "generative editor"),
    ],
)
def test_hostile_fields_are_refused_in_one_sentence(
    client: FlaskClient, demo_library: Library, form: dict[str, Any], told: str
) -> None:
    cat = cat_of(demo_library)
    answer = client.post(f"/image/{cat.id}/edit", data=form)
    assert answer.status_code == 400
    (wrong,) = re.findall(r'class="wrong" lang="en">(.*?)</p>', answer.text)
    assert re.search(told, wrong)
    assert "<script>" not in wrong
    assert f'value="{form["say"]}"' in answer.text
    assert edits(demo_library) == 0


def test_an_edit_is_kept_told_and_deleted(own_client: FlaskClient, own_library: Library) -> None:
    cat = cat_of(own_library)
    content = hashlib.sha256(cat.path.read_bytes()).digest()
    answer = own_client.post(f"/image/{cat.id}/edit", data=BRIGHTER)
    assert answer.status_code == 303
    made = own_library.photo(int(answer.location.rpartition("/")[2]))
    assert made and (made.width, made.height) == (cat.width, cat.height)
    html = own_client.get(answer.location).text
    assert "“make it brighter” from" in html and f'href="/image/{cat.id}">cat.jpg' in html
    assert f'href="/image/{made.id}">make it brighter' in own_client.get(f"/image/{cat.id}").text
    assert own_client.post(f"/image/{cat.id}/edit/delete").status_code == 400
    assert own_client.get(f"/image/{made.id}/edit").status_code == 200
    gone = own_client.post(f"/image/{made.id}/edit/delete")
    assert (gone.status_code, gone.location) == (303, f"/image/{cat.id}")
    assert own_client.get(f"/image/{made.id}").status_code == 404
    assert not made.path.exists() and edits(own_library) == 0
    assert hashlib.sha256(cat.path.read_bytes()).digest() == content


def test_no_other_site_edits_and_nothing_is_served_of_what_is_not_there(client: FlaskClient) -> None:
    for address in ("/image/1/edit", "/image/1/edit/delete"):
        assert client.post(address, data=BRIGHTER, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    for address in ("/image/999999/edit", "/image/1/edit/0000/after.webp", "/image/1/edit/0000/where.webp?region=cat"):
        assert client.get(address).status_code == 404
    assert client.post("/image/999999/edit/delete").status_code == 400


def test_a_picture_is_looked_at_once_however_often_its_plan_changes(demo_library: Library) -> None:
    cat, previews = cat_of(demo_library), Previews(demo_library)
    blurred = previews.edit(cat, (Operation("blur", 50, "background"),))
    assert blurred.inside and blurred.same_shape and blurred.verdict.outside_changed == 0
    seen = previews._encoder._seen  # type: ignore[union-attr]
    assert len(seen) == 1
    assert previews.edit(cat, (Operation("blur", 80, "background"),)).webp != blurred.webp
    assert previews.where(cat, "background")[8:12] == b"WEBP"
    assert len(seen) == 1
    assert previews.edit(cat, (Operation("blur", 50, "background"),)) is blurred


def test_say_it_see_it_and_keep_it(own_page: Page, own_library: Library, scripted: bool) -> None:
    cat, page = cat_of(own_library), own_page
    page.goto(f"/image/{cat.id}")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Say what to change").fill("make it brighter")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="It is what was asked for")).to_be_visible()
    after = page.locator(".after img")
    expect(after).to_have_js_property("complete", True)
    assert after.evaluate("image => image.naturalWidth") > 0
    wipe = page.get_by_role("slider", name="How much of the photo is shown as it was")
    if scripted:
        wipe.fill("100")
        assert "100%" in page.locator(".after").evaluate("figure => getComputedStyle(figure).clipPath")
        before = after.get_attribute("src") or ""
        page.get_by_label("Amount").fill("60")
        page.get_by_label("Amount").press("Tab")
        expect(after).not_to_have_attribute("src", before)
        expect(page).to_have_url(re.compile("amount=60"))
        expect(wipe).to_have_value("100")
    else:
        expect(wipe).to_be_hidden()
        page.get_by_label("Amount").fill("60")
        page.get_by_role("button", name="Try it").click()
        page.wait_for_url("**amount=60**")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Keep").click()
    page.wait_for_url(re.compile(r"/image/\d+$"))
    expect(page.get_by_text("“make it brighter” from")).to_be_visible()
    with database.session(own_library.engine) as session:
        (made,) = session.scalars(select(Edit)).all()
    assert made.plan == [{"name": "brightness", "amount": 60}]
    page.get_by_text("Delete this edit").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url(f"**/image/{cat.id}")
    assert edits(own_library) == 0
