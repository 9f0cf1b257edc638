"""The page in other languages: every text is translated, and each request gets the language it asks for."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask.testing import FlaskClient

from webui.languages import ENGLISH, NAMES, TRANSLATIONS

WEBUI = Path(__file__).parents[2] / "webui"
FOUND_IN = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "later": None}
PLACES = re.compile(r"%\(\w+\)[sd]|%[sd]")


def _texts() -> set[str | tuple[str, ...]]:
    found = extract_from_dir(WEBUI, FOUND_IN, keywords=KEYWORDS, options_map={"templates/**.html": {"silent": "false"}})
    return {message for _, _, message, _, _ in found if message}


def _catalog(language: str) -> Catalog:
    with (TRANSLATIONS / f"{language}.po").open("rb") as file:
        return read_po(file, language)


@pytest.mark.parametrize("language", sorted(NAMES.keys() - {ENGLISH}))
def test_every_text_is_translated_and_keeps_its_places(language: str) -> None:
    catalog = _catalog(language)
    for text in _texts():
        message = catalog.get(text if isinstance(text, str) else text[0])
        assert message is not None, f"run pybabel update: {text!r} is not in {language}.po"
        assert message.string and not message.fuzzy, f"{text!r} is not translated"
        translations = [message.string] if isinstance(message.string, str) else message.string
        wanted = set(PLACES.findall(text if isinstance(text, str) else text[1]))
        for translated in translations:
            assert translated and set(PLACES.findall(translated)) <= wanted, f"{text!r} becomes {translated!r}"


@pytest.mark.parametrize("language", sorted(NAMES.keys() - {ENGLISH}))
def test_no_translation_is_of_a_text_that_is_gone(language: str) -> None:
    known = {text if isinstance(text, str) else text[0] for text in _texts()}
    there = {m.id if isinstance(m.id, str) else m.id[0] for m in _catalog(language) if m.id}
    assert there <= known


def test_a_language_is_asked_for_kept_and_preferred(client: FlaskClient) -> None:
    assert '<html lang="en"' in client.get("/albums").text
    assert '<html lang="zh"' in client.get("/albums", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}).text
    answer = client.get("/albums?lang=zh")
    assert "还没有相册" in answer.text
    assert '<html lang="zh"' in client.get("/albums").text  # the cookie keeps it
    assert '<html lang="en"' in client.get("/albums?lang=en").text
    assert '<html lang="en"' in client.get("/albums?lang=klingon").text
