"""Captions, file names, EXIF, XMP, albums and questions full of markup: shown as what they are, never obeyed."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Error, Page

from payloads import MARKUP, NAME
from people import PASSWORD, add_people
from searcher import Library
from served import SLOW_MS, chromium, served
from webui.app import create_app

# What is asked for on each page besides the page itself; pages that are not named here are asked for as they are.
ASKED = {
    "search.search": [
        "",
        "q={}",
        "q=a+cat",
        "q=text:{}",
        "by={}",
        "picture={}",
        "off={}",
        "facets=1&q=a+cat",
        "did={}",
    ],
    "ask.show": ["question={}", "question=is+there+a+dog&all=1"],
    "photo.show": ["", "question={}", "q={}", "question={}&asked={}"],
    "edit.show": ["say={}", "name=blur&amount={}&region={}&text=&outside="],
    "index.show": ["", "here=1&at={}&folder={}", "typed={}&here=1"],
    "index.list_refused": ["reason={}", "reason=not a picture in a format that can be read"],
    "captions.show": ["", "q={}", "find={}&replace={}"],
    "suggestions.show": ["q={}"],
}
_WATCH = """
window.broken = [];
addEventListener("securitypolicyviolation", event => broken.push(event.violatedDirective + " " + event.blockedURI));
"""
_PLANTED = """() => ({
  elements: document.querySelectorAll("pwned, [onerror], [onload]").length,
  links: [...document.querySelectorAll("a[href]")].filter(a => a.protocol === "javascript:").length,
  pwned: typeof window.pwned === "undefined" ? 0 : 1,
  broken: window.broken,
  computed: document.documentElement.outerHTML.includes("1337"),
})"""
_NOTHING = {"elements": 0, "links": 0, "pwned": 0, "broken": [], "computed": False}


def addresses(client: FlaskClient) -> Iterator[str]:
    """Every page of the application, each with what may be asked for there."""
    adapter = client.application.url_map.bind("localhost")
    for rule in client.application.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint.startswith("api_") or rule.endpoint == "static":
            continue
        if "events" in rule.rule:  # a stream has no end to wait for
            continue
        arguments: dict[str, Any] = {
            name: 1 if "Integer" in type(kind).__name__ else "x" for name, kind in rule._converters.items()
        }
        here = adapter.build(rule.endpoint, arguments)
        for asked in ASKED.get(rule.endpoint, ["", "q={}"]):
            yield f"{here}?{asked.replace('{}', quote(MARKUP))}".rstrip("?")


def test_no_page_runs_or_builds_what_a_photo_or_an_address_says(hostile_library: Library, client: FlaskClient) -> None:
    with served(hostile_library) as address, chromium() as browser:
        context = browser.new_context(base_url=address)
        context.add_init_script(_WATCH)
        context.set_default_timeout(SLOW_MS)
        page = context.new_page()
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        seen = 0
        for here in addresses(client):
            if not _is_page(page, here):
                continue
            assert page.evaluate(_PLANTED) == _NOTHING, here
            seen += 1
        assert seen > 40
        assert dialogs == []
        # What a page draws only when somebody looks for it.
        page.goto(f"/?q={quote('a cat')}")
        page.get_by_label("Describe a photo").fill("tag:")
        page.get_by_role("option").first.wait_for()
        assert page.evaluate(_PLANTED) == _NOTHING
        context.close()


def _is_page(page: Page, here: str) -> bool:
    """Whether there is a page at an address, which is then shown."""
    try:
        answer = page.goto(here, wait_until="load")
    except Error:  # it is a file to be saved
        return False
    return answer is not None and answer.headers.get("content-type", "").startswith("text/html")


def test_the_payloads_are_where_they_are_looked_for(client: FlaskClient) -> None:
    html = client.get("/image/1").text
    assert html.count("&lt;pwned&gt;") > 5
    assert "<pwned>" not in html
    known = client.get("/api/v1/photos/1").get_json()
    told = known["details"]
    assert known["caption"] == told["title"] == told["description"] == told["city"] == MARKUP
    assert told["lens"] == MARKUP
    assert known["text"] == MARKUP
    assert NAME in known["path"]


def test_accounts_with_names_of_markup(hostile_library: Library) -> None:
    people = add_people(hostile_library)
    app = create_app(hostile_library, {"TESTING": True})
    client = app.test_client()
    assert client.post("/sign-in", data={"name": "Anna", "password": PASSWORD}).status_code == 303
    client.post("/accounts", data={"name": NAME, "password": PASSWORD, "role": "viewer"})
    client.post("/account/keys", data={"name": NAME})
    for here in ("/accounts", "/account", "/"):
        assert "<pwned>" not in client.get(here, headers={"User-Agent": NAME}).text
    assert "&lt;pwned&gt;" in client.get("/accounts").text
    wrong = client.post("/sign-in", data={"name": NAME, "password": "no", "next": MARKUP})
    assert "<pwned>" not in wrong.text
    assert people


@pytest.mark.parametrize("where", ["/nowhere", "/image/999999", "/api/v1/nowhere", "/original/x"])
def test_errors_repeat_nothing_as_markup(client: FlaskClient, where: str) -> None:
    answer = client.get(f"{where}/{quote(MARKUP, safe='')}?{quote(MARKUP)}")
    assert answer.status_code == 404
    assert not re.search(r"<pwned|<script>pwned", answer.text)
