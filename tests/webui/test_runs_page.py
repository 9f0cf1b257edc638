"""The page of indexing runs."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from indexer.pipeline import IndexRun
from searcher import Library, database
from searcher.catalog import Run


def test_past_runs_are_listed(client: FlaskClient) -> None:
    html = client.get("/runs").text
    assert "44 files, 44 added" in html
    assert "Indexing now" not in html
    assert "encode" in html
    run = client.get("/runs.json").get_json()["runs"][-1]
    assert run["outcome"] == "done"
    assert run["counts"]["added"] == 44
    assert run["rate"] is run["left"] is None


def test_a_run_at_work_shows_how_far_it_is(own_client: FlaskClient, own_library: Library, photos: Path) -> None:
    with closing(iter(IndexRun(own_library, [photos]))) as run:  # type: ignore[type-var]
        next(run)
        assert "Indexing now" in own_client.get("/runs").text
        own_client.get("/runs.json")
        with database.writing(own_library.engine) as session:
            now = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()
            now.phase, now.done, now.total = "captions", 100, 1_300
        assert own_client.get("/runs.json").get_json()["runs"][0]["rate"] is None
        with database.writing(own_library.engine) as session:
            now = session.get_one(Run, now.id)
            now.done, now.updated_at = 300, now.updated_at + timedelta(seconds=10)
        told = own_client.get("/runs.json").get_json()["runs"][0]
        assert (told["phase"], told["rate"], told["left"]) == ("captions", 20, 50)
        html = own_client.get("/runs").text
        assert '<progress aria-labelledby="live" max="1300" value="300">' in html
        assert "20.0</span> a second" in html
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in html
    html = own_client.get("/runs").text
    assert "interrupted" in html
    assert "http-equiv" not in html


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
    html = own_client.get("/runs").text.partition("Files that were refused")[2]
    first, second = html.split("</details>")[:2]
    assert "not a picture in a format that can be read" in first and "3 files" in first
    assert str(pictures / "no photo 0.jpg") in first and "and 1 more" in first
    assert "the file is cut short" in second and "1 file" in second
