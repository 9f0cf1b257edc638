"""The first page, and a scroll through all photos, in Debian's Chromium.

    python -m benchmarks.page [--photos 100000] [--folder FOLDER]

First a library of real photographs, its first page with 60 thumbnails: what it weighs beside the pictures and with
them, when it can be used (its modules have run) and is painted, and how much its layout shifts; each the median of
several fresh browsers, on a desk and on a phone. Then a library of many photographs that do not exist, whose pictures
are grey: the time from one frame to the next while it is scrolled, by a third of a screen a frame and from top to
bottom, how many figures are in the page at most, and how long a jump to the other end takes; and the server's times
for what the box and the scroll ask for.
"""

import argparse
import logging
import shutil
import statistics
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import waitress
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.library import fill
from benchmarks.photographs import make_photographs
from indexer.pipeline import IndexRun
from searcher import Library
from webui.app import create_app

SHOWN, ROUNDS, FRAMES = 60, 5, 300
GREY = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"><rect width="4" height="3" fill="#888"/></svg>'
DEVICES: dict[str, dict[str, Any]] = {
    "desk, 1440 × 900": {"viewport": {"width": 1440, "height": 900}},
    "phone, 375 × 812 at 3": {"viewport": {"width": 375, "height": 812}, "device_scale_factor": 3, "has_touch": True},
}
SHIFTS = """
globalThis.shifts = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) globalThis.shifts += one.value; })
  .observe({ type: "layout-shift", buffered: true });
"""
TIMES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return [page.domContentLoadedEventEnd, paint.startTime, globalThis.shifts];
}"""
SCROLL = """([frames, pixels]) => new Promise((resolve) => {
  const step = pixels ?? (document.documentElement.scrollHeight - innerHeight) / frames;
  const between = [];
  let last = 0;
  let most = 0;
  const next = (now) => {
    if (last) between.push(now - last);
    last = now;
    most = Math.max(most, document.querySelectorAll("figure").length);
    if (between.length >= frames) return resolve([between, most]);
    scrollBy(0, step);
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""


@contextmanager
def served(library: Library) -> Iterator[str]:
    """The address of a server of a library, as `askpix serve` starts it."""
    server = waitress.create_server(create_app(library), host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(timeout=10)


def first_page(browser: Browser, address: str, device: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is measured of the first page, and its figure."""
    rows = []
    for _ in range(ROUNDS + 1):
        context = browser.new_context(**device)
        page = context.new_page()
        sizes: dict[bool, list[int]] = {True: [], False: []}
        page.on("response", lambda answer, sizes=sizes: sizes["/picture/" in answer.url].append(len(answer.body())))
        page.add_init_script(SHIFTS)
        page.goto(address)
        page.wait_for_load_state("networkidle")
        rows.append((*page.evaluate(TIMES), sum(sizes[False]) / 1000, sum(sizes[True]) / 1000, len(sizes[True])))
        context.close()
    ready, painted, shifts, own, pictures, count = (statistics.median(column) for column in zip(*rows[1:], strict=True))
    yield "beside the pictures, kB", f"{own:.0f}"
    yield "pictures of the first screens, kB", f"{pictures:.0f} in {count:.0f}"
    yield "can be used after, ms", f"{ready:.0f}"
    yield "first paint after, ms", f"{painted:.0f}"
    yield "layout shift", f"{shifts:.4f}"


def scrolled(page: Page, address: str) -> Iterator[tuple[str, str]]:
    """What is measured of a scroll through all photos, and its figure."""
    page.route("**/picture/**", lambda route: route.fulfill(body=GREY, content_type="image/svg+xml"))
    page.goto(address)
    started = time.perf_counter()
    page.locator(".windowed").wait_for()
    page.wait_for_load_state("networkidle")
    yield "whole list laid out after, s", f"{time.perf_counter() - started:.2f}"
    for told, pixels in (("by 300 pixels a frame", 300), (f"from top to bottom in {FRAMES} frames", None)):
        page.evaluate("scrollTo(0, 0)")
        between, most = page.evaluate(SCROLL, [FRAMES, pixels])
        p50, p95, worst = np.percentile(between, 50), np.percentile(between, 95), max(between)
        yield f"from frame to frame, {told}, p50 / p95 / longest ms", f"{p50:.0f} / {p95:.0f} / {worst:.0f}"
        yield "figures in the page at most", str(most)
    slider = page.get_by_role("slider")
    for key in ("Home", "End"):
        slider.press(key)
        page.wait_for_timeout(500)
    started = time.perf_counter()
    slider.press("Home")
    page.locator(".waiting").first.wait_for(state="detached")
    yield "jump from the last photo to the first, ms", f"{1000 * (time.perf_counter() - started):.0f}"


def answered(address: str) -> Iterator[tuple[str, str]]:
    """How long the server takes for what pages ask for."""
    paths = ["/", "/list.json", "/list.json?after=60000", "/dates.json", "/facets", "/figures?ids=1,2,3,4,5,6"]
    begun = "", "d", "do", "a dog on a be", "tag:d", "camera:"
    for path in [*paths, *(f"/suggest?q={urllib.parse.quote(q)}" for q in begun)]:
        spent = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            with urllib.request.urlopen(address + path, timeout=60) as answer:
                size = len(answer.read())
            spent.append(1000 * (time.perf_counter() - started))
        yield f"`{path}`, ms", f"{statistics.median(spent):.0f} for {size / 1000:.0f} kB"


def table(title: str, rows: Iterator[tuple[str, str]]) -> None:
    print(f"| {title} | |\n| --- | --- |")
    for name, figure in rows:
        print(f"| {name} | {figure} |", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="keep the library of many photos here, and take it from here")
    args = parser.parse_args()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        with Library(Path(scratch, "real"), create=True) as library:
            made = make_photographs(Path(scratch, "photographs"), SHOWN + 10, (1600, 1200), distinct=True)
            for _ in IndexRun(library, made, captions=False):
                pass
            with served(library) as address:
                for name, device in DEVICES.items():
                    table(f"first page of {len(made)} photographs, {name}", first_page(browser, address, device))
        with Library(args.folder or Path(scratch, "many"), create=True) as library:
            if not library.count_images():
                dice = np.random.default_rng(0)
                fill(library, args.photos, dice.standard_normal((500, library.encoder.dim), np.float32))
            with served(library) as address:
                page = browser.new_context(**DEVICES["desk, 1440 × 900"]).new_page()
                table(f"{args.photos:,} photos", scrolled(page, address))
                table("the server's times", answered(address))
        browser.close()


if __name__ == "__main__":
    main()
