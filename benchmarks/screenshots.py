"""Remake the README's pictures of the page, in Debian's Chromium.

python -m benchmarks.screenshots
"""

import shutil
import tempfile
import threading
from pathlib import Path

import waitress
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.photographs import DEMO
from indexer.pipeline import IndexRun
from searcher import Library
from webui.app import create_app

OUT = Path(__file__).parent.parent / "docs"
QUERY = "a dog in the grass"


def main() -> None:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Library(Path(folder, "library"), create=True) as library:
        pictures = shutil.copytree(DEMO, Path(folder, "Pictures"))
        for _ in IndexRun(library, [pictures]):
            pass
        first = library.search(QUERY, k=1, min_confidence=0)[0].photo
        server = waitress.create_server(create_app(library), host="127.0.0.1", port=0)
        threading.Thread(target=server.run, daemon=True).start()
        address = f"http://127.0.0.1:{server.effective_port}"
        pages = {
            "search": (f"/?q={QUERY}", {"width": 1280, "height": 800}, "light"),
            "photo": (
                f"/image/{first.id}?q={QUERY}&question=what colour is the dog?",
                {"width": 1280, "height": 800},
                "light",
            ),
            "phone": (f"/?q={QUERY}", {"width": 390, "height": 800}, "dark"),
        }
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            for name, (url, viewport, scheme) in pages.items():
                page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()  # type: ignore[arg-type]
                page.goto(address + url)
                page.wait_for_load_state("networkidle")
                page.screenshot(path=OUT / f"{name}.png")
                with Image.open(OUT / f"{name}.png") as shot:
                    shot.convert("RGB").save(OUT / f"{name}.webp", quality=82)
                (OUT / f"{name}.png").unlink()
            browser.close()
        server.close()


if __name__ == "__main__":
    main()
