"""The page of indexing: folders chosen, a run started, followed, stopped and gone on with, and what was refused."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect

from indexer.pipeline import IndexRun
from indexer.runs import latest_runs
from searcher import Library
from searcher.accounts import ADMIN, EDITOR, make_account
from searcher.checkup import Checkup
from support import HEED_CTRL_C, flip
from vlm.errors import AskpixError
from webui.indexing import Order, start, stop, stoppable

MANY, FEW = 160, 48


@pytest.fixture(scope="module")
def pictures(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many pictures that a run has not ended before it can be stopped, a few of them in a folder of their own."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "few").mkdir()
    with Image.open(photos / "animals" / "cat.jpg") as opened:
        small = ImageOps.fit(opened.convert("RGB"), (320, 240))
    for i in range(MANY):
        small.resize((321 + i, 240)).save(folder / ("few" if i < FEW else "") / f"{i:03d}.jpg", quality=50)
    return folder


@contextmanager
def at_work(library: Library, folder: Path) -> Iterator[None]:
    """A run that was started elsewhere."""
    run = iter(IndexRun(library, [folder]))
    next(run)
    with closing(run):  # type: ignore[type-var]
        yield


def ended(library: Library) -> str:
    """How the run ends that was started on the page."""
    while stoppable(library):
        time.sleep(0.01)
    return latest_runs(library, 1)[0].outcome


def test_folders_are_chosen_by_going_through_them(own_client: FlaskClient, own_library: Library, photos: Path) -> None:
    first = own_client.get("/index").text
    assert f'name="folder" value="{photos}"' in first, "what was indexed last is what is offered"
    assert f'<b class="path">{Path.home()}</b>' in first
    opened = own_client.get("/index", query_string={"here": "/", "at": str(photos), "captions": "on"}).text
    assert 'name="folder"' not in opened
    assert f'name="at" value="{photos / "animals"}"' in opened
    chosen = {"here": str(photos), "folder": [str(photos / "food")], "add": str(photos / "animals")}
    added = own_client.get("/index", query_string=chosen).text
    assert re.findall('name="folder" value="([^"]+)"', added) == [str(photos / "food"), str(photos / "animals")]
    assert 'name="captions" >' in added, "and captions stay off"
    dropped = own_client.get("/index", query_string={**chosen, "drop": str(photos / "food")}).text
    assert re.findall('name="folder" value="([^"]+)"', dropped) == [str(photos / "animals")]
    wrong = own_client.get("/index", query_string={"here": "/", "typed": "/nowhere at all"}).text
    assert "/nowhere at all cannot be looked into (No such file or directory)" in wrong
    assert own_client.get("/index?here=/&typed=%00").status_code == 200
    inside = own_client.get("/index", query_string={"here": "/", "at": str(own_library.folder.parent)}).text
    assert f'value="{own_library.folder}"' not in inside, "a library is not indexed"
    animals = own_client.get("/index", query_string={"here": "/", "at": str(photos / "animals")}).text
    assert f"{len(list((photos / 'animals').glob('*.jpg')))} pictures here" in animals


def test_what_a_run_would_do_is_foretold(own_client: FlaskClient, own_library: Library, pictures: Path) -> None:
    before = len(latest_runs(own_library, 10))
    asked = {"here": "/", "folder": str(pictures), "captions": "on", "language": "zh"}
    told = own_client.post("/index/estimate", data=asked).text
    assert re.search(r"About \d:\d\d", told)
    assert re.search(rf"<dt>to caption</dt><dd>{MANY}</dd>", told)
    assert "Measured on 16 photos" in told
    assert '<option value="zh" selected>' in told
    assert len(latest_runs(own_library, 10)) == before
    nothing = own_client.post("/index/estimate", data={"here": "/"})
    assert (nothing.status_code, "no folder is chosen" in nothing.text) == (400, True)


def test_a_run_is_a_process_that_is_stopped_and_goes_on(own_library: Library, pictures: Path) -> None:
    order = Order([str(pictures / "few")], captions=False)
    start(own_library, order)
    assert latest_runs(own_library, 1)[0].outcome == "running"
    assert stoppable(own_library)
    with pytest.raises(AskpixError, match="already; wait until"):
        start(own_library, order)
    with Library(own_library.folder) as seen_by_another_server:
        stop(seen_by_another_server)
    assert ended(own_library) == "interrupted"
    with pytest.raises(AskpixError, match="no run that was started on this page"):
        stop(own_library)
    start(own_library, order)
    assert ended(own_library) == "done"
    last = latest_runs(own_library, 1)[0]
    assert (last.captioner, last.counts["added"] + last.counts["unchanged"]) == (None, FEW)


def test_what_cannot_be_started_is_told(own_library: Library, tmp_path: Path) -> None:
    runs = len(latest_runs(own_library, 10))
    with pytest.raises(AskpixError, match="there is nothing at /nowhere"):
        start(own_library, Order(["/nowhere"]))
    with pytest.raises(AskpixError, match="klingon"):
        start(own_library, Order([str(tmp_path)], language="klingon"))
    assert not stoppable(own_library)
    assert len(latest_runs(own_library, 10)) == runs


def test_a_run_in_a_terminal_is_shown_and_not_stopped(
    own_client: FlaskClient, own_library: Library, pictures: Path
) -> None:
    command = [*HEED_CTRL_C, sys.executable, "-m", "askpix", "index", str(pictures), "--library"]
    run = subprocess.Popen([*command, str(own_library.folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while latest_runs(own_library, 1)[0].roots != [str(pictures)]:
        assert run.poll() is None
        time.sleep(0.01)
    html = own_client.get("/index").text
    assert "started in a terminal" in html
    assert own_client.post("/index/stop").status_code == 400
    assert own_client.post("/index/start", data={"here": "/", "folder": str(pictures)}).status_code == 400
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 130


def test_refused_files_are_listed_by_reason(
    own_client: FlaskClient, own_library: Library, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(3):
        (pictures / f"no photo {number}.jpg").write_text("no photo")
    (pictures / "cut short.jpg").write_bytes((photos / "animals" / "cat.jpg").read_bytes()[:2000])
    for _ in IndexRun(own_library, [pictures]):
        pass
    monkeypatch.setattr("webui.refused._FILES", 2)
    monkeypatch.setattr("webui.refused._PAGE", 2)
    html = own_client.get("/index").text.partition("Files that were refused")[2]
    first, second = html.split("</details>")[:2]
    assert "not a picture in a format that can be read" in first and "3 files" in first
    assert str(pictures / "no photo 0.jpg") in first and "and 1 more" in first
    assert "the file is cut short" in second and "1 file" in second
    rest = re.search(r'href="(/index/refused[^"]+)"', first)
    assert rest is not None
    page = own_client.get(rest[1].replace("&amp;", "&")).text
    assert str(pictures / "no photo 1.jpg") in page
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    assert str(pictures / "no photo 2.jpg") in own_client.get(following[1].replace("&amp;", "&")).text


def test_damage_that_was_found_is_told(own_client: FlaskClient, own_library: Library) -> None:
    (segment,) = own_library.folder.glob("vectors/*/*.segment")
    flip(segment, 1000)
    assert "Damage that was found" not in own_client.get("/index").text
    with Checkup(own_library, lambda _: None) as looked:
        looked.wait()
    html = own_client.get("/index").text.partition("Damage that was found")[2]
    assert "are damaged, from row 0 on; mend it with: askpix doctor --repair" in html


def test_only_an_admin_chooses_folders_and_starts(own_library: Library, own_client: FlaskClient) -> None:
    make_account(own_library, "Ada", "a good long password", ADMIN)
    make_account(own_library, "Eve", "a good long password", EDITOR)
    own_client.post("/sign-in", data={"name": "Eve", "password": "a good long password"})
    html = own_client.get("/index").text
    assert "Runs before" in html
    assert "Folders of this machine" not in html
    for action in ("start", "stop", "estimate"):
        assert own_client.post(f"/index/{action}", data={"here": "/", "folder": "/"}).status_code == 403


def test_a_run_is_told_to_a_page_until_it_ends(own_client: FlaskClient, own_library: Library, photos: Path) -> None:
    with at_work(own_library, photos):
        lines = own_client.get("/index/events", buffered=False).response
        assert b"retry:" in next(lines)  # type: ignore[call-overload]
        assert b'"html"' in next(lines)  # type: ignore[call-overload]
    assert b"event: end" in b"".join(lines)  # type: ignore[arg-type]


def test_a_run_is_started_seen_and_stopped(
    own_page: Page, own_library: Library, pictures: Path, scripted: bool
) -> None:
    own_page.goto("/index")
    own_page.get_by_role("button", name="Leave out").click()
    own_page.get_by_label("Open the folder").fill(str(pictures.parent))
    own_page.get_by_role("button", name="Open", exact=True).click()
    own_page.get_by_role("button", name=f"Add {pictures.name}", exact=True).click()
    expect(own_page.locator(".chosen .path")).to_have_text(str(pictures))
    assert own_page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth") <= 0
    own_page.get_by_role("button", name="Start indexing").click()
    expect(own_page.get_by_role("heading", name="Indexing now")).to_be_visible()
    expect(own_page.get_by_role("progressbar")).to_be_visible()
    assert own_page.locator("html").evaluate("(html) => html.scrollWidth - html.clientWidth") <= 0
    own_page.get_by_role("button", name="Stop").click()
    if not scripted:
        ended(own_library)
        own_page.goto("/index")
    expect(own_page.get_by_role("button", name="Go on")).to_be_visible()
    expect(own_page.locator(".run").first).to_contain_text("interrupted")
