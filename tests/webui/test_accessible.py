"""Every page under axe-core, light and dark: WCAG 2.2 AA, and nothing serious besides."""

import json
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser

from served import SLOW_MS

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# Every rule of axe's, which are WCAG's up to 2.1 AA and what is good practice, and the one of 2.2 besides.
OPTIONS = "{resultTypes: ['violations'], rules: {'target-size': {enabled: true}}}"
PAGES = (
    "/",
    "/?q=a+cat",
    "/?q=a+cat+tag:nothing",
    "/image/1",
    "/image/1?question=what+is+it",
    "/image/1/edit",
    "/image/1/edit?say=make+it+brighter",
    "/ask?q=an+animal&question=is+there+a+dog",
    "/albums",
    "/captions",
    "/index",
    "/models",
    "/accounts",
    "/past",
    "/no-such-page",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, address: str, theme: str) -> None:
    # So high that no bar that stays in sight lies over what scrolls below it.
    context = browser.new_context(base_url=address, color_scheme=theme, viewport={"width": 1280, "height": 9000})
    context.set_default_timeout(SLOW_MS)
    page = context.new_page()
    faults = {}
    for path in PAGES:
        page.goto(path)
        page.evaluate(AXE)
        found = page.evaluate(f"axe.run(document, {OPTIONS})")["violations"]
        if found:
            faults[path] = [(one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]]) for one in found]
    context.close()
    assert not faults, json.dumps(faults, indent=1, ensure_ascii=False)
