"""The page of models."""

import re

from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from searcher import Library
from searcher.corrections import correct_caption


def test_what_each_did_and_which_serves(own_client: FlaskClient, own_library: Library) -> None:
    correct_caption(own_library, 1, "Our Minka")
    html = own_client.get("/models").text
    used, _, listed = html.partition("To choose from")
    assert own_library.encoder.name in used
    assert "people" not in used
    for what in ("search", "captions", "answers"):
        assert f'<span class="mark">{what}</span>' in used
    assert "<dt>photos encoded</dt><dd>44</dd>" in used
    assert re.search(r"<dt>vectors on disk</dt><dd>0\.\d MB</dd>", used)
    assert "open_clip:ViT-B-32/laion2b_s34b_b79k" in listed
    assert "605 MB to download" in listed


def test_only_what_is_here_is_measured(own_client: FlaskClient) -> None:
    for name in ("", "open_clip:ViT-B-32/laion2b_s34b_b79k", "hf:somebody/something"):
        assert own_client.post("/models/measure", data={"name": name}).status_code == 400


def test_sizes_are_shown_on_every_screen(page: Page) -> None:
    page.goto("/models")
    expect(page.get_by_text("69 MB")).to_be_visible()
    expect(page.get_by_text("chosen", exact=True)).to_be_visible()
    assert page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth") <= 0


def test_a_speed_is_measured_and_shown(own_desk: Page) -> None:
    own_desk.goto("/models")
    own_desk.get_by_role("button", name="Measure the speed of builtin").click()
    expect(own_desk.get_by_text(re.compile(r"[\d.]+ ms a picture here")).first).to_be_visible()
