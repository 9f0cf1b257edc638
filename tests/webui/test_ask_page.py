"""A question to all that a search finds, or to some photos: answers as they come, counted, kept and narrowed down."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from searcher import Library, database
from searcher.accounts import ADMIN, VIEWER, make_account
from searcher.catalog import Answer
from searcher.columns import column
from webui.ask_page import MOST_IDS, citations

INDOORS = "question=how+many+of+these+are+indoors?"


def counts(html: str) -> dict[str, int]:
    """The rows of the tally that is shown: how many photos each has."""
    found = re.findall(r'<span class="label">([^<]+)</span>.*?<a class="count"[^>]*>([\d,]+)</a>', html, re.DOTALL)
    return {label: int(number.replace(",", "")) for label, number in found}


def shown(html: str) -> list[int]:
    return [int(i) for i in re.findall(r'<figure[^>]* data-id="(\d+)"', html)]


def sent(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The events that bear data."""
    for line in lines:
        if line.startswith(b"data: {") and len(line) > len("data: {}\n\n"):
            yield json.loads(line.removeprefix(b"data: "))


def answered(library: Library) -> int:
    with database.session(library.engine) as session:
        return session.scalar(select(func.count()).select_from(Answer)) or 0


def test_the_page_comes_before_its_answers(own_client: FlaskClient, own_library: Library) -> None:
    html = own_client.get(f"/ask?q=an+animal&all=1&{INDOORS}").text
    assert "Looking for the photos" in html
    assert '<noscript><meta http-equiv="refresh"' in html
    assert answered(own_library) == 0


def test_answers_come_as_events_and_are_kept(own_client: FlaskClient, own_library: Library) -> None:
    url = f"/ask/events?q=an+animal&all=1&{INDOORS}"
    steps = list(sent(iter(own_client.get(url, buffered=False).response)))  # type: ignore[call-overload]
    last, total = steps[-1], own_library.count_images()
    assert (last["asked"], last["meant"], last["finished"]) == (total, total, True)
    assert sum(counts(last["html"]).values()) == total
    assert "are indoors." in last["html"]
    assert sorted(shown("".join(step["figures"] for step in steps))) == sorted(
        hit.photo.id for hit in own_library.browse(k=total)
    )
    assert answered(own_library) == total


def test_who_no_longer_listens_stops_it_and_what_came_is_kept(own_client: FlaskClient, own_library: Library) -> None:
    answer = own_client.get(f"/ask/events?q=an+animal&all=1&{INDOORS}", buffered=False)
    first = next(sent(iter(answer.response)))  # type: ignore[call-overload]
    answer.close()
    kept = answered(own_library)
    assert 0 < first["asked"] <= kept < own_library.count_images()


def test_the_first_hits_are_answered_without_scripts(client: FlaskClient, demo_library: Library) -> None:
    html = client.get(f"/ask?q=an+animal&all=1&now=page&{INDOORS}").text
    rows = counts(html)
    assert sum(rows.values()) == len(shown(html)) == demo_library.count_images()
    assert "now=all" in html, "all can be asked"
    only = client.get(f"/ask?q=an+animal&all=1&now=page&only=indoors&{INDOORS}").text
    assert len(shown(only)) == rows["indoors"]
    assert counts(only) == rows
    named = ",".join(map(str, shown(only)))
    assert f'name="ids" value="{named}"' in only, "these can be asked further"
    further = client.get(f"/ask?ids={named}&now=page&question=is+there+a+dog?").text
    assert sum(counts(further).values()) == rows["indoors"]


def test_the_best_come_first(client: FlaskClient) -> None:
    html = client.get("/ask?q=an+animal&all=1&now=page&question=which+is+the+best+for+a+cover?").text
    ranked = [int(i) for i in re.findall(r'data-ids="(\d+)"', html)]
    assert len(ranked) > 3
    assert shown(html)[: len(ranked)] == ranked
    assert "sharpness" in html
    assert 'name="standing"' not in html


def test_the_catalog_answers_what_it_knows(client: FlaskClient, demo_library: Library) -> None:
    html = client.get("/ask?question=how+many+photos+do+I+have?").text
    assert f"There are {demo_library.count_images()} photos in the library." in html
    assert "From the catalog" in html
    asked = client.get("/ask?question=how+many+photos+do+I+have?&photos=1").text
    assert "From the catalog" not in asked
    rows = client.get("/ask?question=what+do+I+photograph+most?").text
    (query, number) = re.findall(r'<a class="count" href="/\?q=([^"]+)"[^>]*>(\d+)</a>', rows)[0]
    assert len(shown(client.get(f"/?q={query}").text.partition('<section class="near"')[0])) == int(number)


def test_answers_are_kept_as_a_column_and_searched_by(own_client: FlaskClient, own_library: Library) -> None:
    address = "?q=an+animal&all=1&now=page&question=which+have+a+dog?"
    number = counts(own_client.get(f"/ask{address}").text)["yes"]
    kept = own_client.post(f"/ask/keep{address}", data={"name": "has_dog", "standing": "on"})
    assert kept.status_code == 303
    html = own_client.get(kept.headers["Location"]).text
    assert "Kept as the column has_dog." in html
    assert "has_dog:yes" in html
    assert column(own_library, "has_dog").standing
    assert len(shown(own_client.get("/?q=has_dog:yes").text)) == number
    own_client.post(f"/ask/keep{address}", data={"name": "has_dog"})
    assert not column(own_library, "has_dog").standing
    bad = own_client.post(f"/ask/keep{address}", data={"name": "Has Dog"})
    assert (bad.status_code, "cannot name a column" in bad.text) == (400, True)


def test_a_viewer_asks_and_keeps_no_column(own_client: FlaskClient, own_library: Library) -> None:
    make_account(own_library, "Ada", "a good long password", ADMIN)
    make_account(own_library, "Vi", "a good long password", VIEWER)
    own_client.post("/sign-in", data={"name": "Vi", "password": "a good long password"})
    html = own_client.get(f"/ask?ids=1,2&now=page&{INDOORS}").text
    assert sum(counts(html).values()) == 2
    assert 'class="keep"' not in html
    assert own_client.post("/ask/keep?question=is+it+night?", data={"name": "night"}).status_code == 403


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("/ask?ids=1,x&question=what?", "ids does not say which photos are meant"),
        (f"/ask?question=what?&ids={','.join(map(str, range(1, MOST_IDS + 2)))}", "search for them instead"),
        ("/ask?question=", "the question is empty"),
    ],
)
def test_what_cannot_be_asked_is_told(client: FlaskClient, url: str, line: str) -> None:
    answer = client.get(url)
    assert (answer.status_code, line in answer.text) == (400, True)


def test_another_site_cannot_have_photos_asked(client: FlaskClient) -> None:
    answer = client.get("/ask/events?question=what?", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_nothing_found_is_nothing_to_ask(client: FlaskClient) -> None:
    assert "No photos to ask" in client.get("/ask?q=path:nowhere&now=page&question=what?").text
    (step,) = sent(iter(client.get("/ask/events?q=path:nowhere&question=what?", buffered=False).response))  # type: ignore[call-overload]
    assert "No photos to ask" in step["html"]


def test_cited_ids_become_links() -> None:
    assert citations("Two dogs [12][3].") == ["Two dogs ", "12", "", "3", "."]


def test_answers_stream_in_and_numbers_select_their_photos(page: Page, scripted: bool) -> None:
    page.goto("/?q=an+animal&all=1")
    page.get_by_label("Ask these photos").fill("how many of these are indoors?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".sentence")).to_contain_text("are indoors.")
    if scripted:
        expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    number = page.locator("tr", has_text="indoors").first.locator(".count")
    many = int(number.inner_text())
    number.click()
    expect(page.locator("figure:visible")).to_have_count(many)
    assert page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth") <= 0
    page.get_by_label("Ask only these photos").fill("is there a dog?")
    page.locator("#chosen").get_by_role("button", name="Ask").click()
    expect(page).to_have_url(re.compile("ids="))
    expect(page.locator(".sentence")).to_contain_text(f"{many} photo")


def test_all_photos_are_shown_again(desk: Page, demo_library: Library) -> None:
    desk.goto(f"/ask?q=an+animal&all=1&{INDOORS}")
    expect(desk.get_by_role("button", name="Stop")).to_be_hidden()
    expect(desk.locator(".answers [role=status]")).to_contain_text("are indoors.")
    desk.locator(".count").first.focus()
    desk.keyboard.press("Enter")
    expect(desk.locator(".count").first).to_have_attribute("aria-current", "true")
    desk.get_by_role("link", name="Show all photos").click()
    expect(desk.locator("figure:visible")).to_have_count(demo_library.count_images())
    expect(desk.locator(".count").first).to_be_focused()


def test_stopping_keeps_what_was_answered(large_desk: Page, large_library: Library) -> None:
    large_desk.goto("/ask?question=is+it+night?")
    progress = large_desk.get_by_text("photos asked")
    expect(progress).to_contain_text(re.compile(r"^\d+ of"))
    large_desk.get_by_role("button", name="Stop").click()
    expect(large_desk.locator(".halted")).to_be_visible()
    told = int(progress.inner_text().split()[0])
    assert 0 < told <= answered(large_library) < large_library.count_images()
    large_desk.get_by_role("button", name="Go on").click()
    expect(progress).not_to_have_text(re.compile(rf"^{told} of"))
    assert int(progress.inner_text().split()[0]) > told
