"""Indexing runs as data, and the address that people knew their page by."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import select

from indexer.pipeline import IndexRun
from searcher import Library, database
from searcher.catalog import Run


def test_past_runs_are_told(client: FlaskClient) -> None:
    run = client.get("/runs.json").get_json()["runs"][-1]
    assert run["outcome"] == "done"
    assert run["counts"]["added"] == 44
    assert run["rate"] is run["left"] is None


def test_a_run_at_work_tells_its_pace(own_client: FlaskClient, own_library: Library, photos: Path) -> None:
    with closing(iter(IndexRun(own_library, [photos]))) as run:  # type: ignore[type-var]
        next(run)
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
        html = own_client.get("/index").text
        assert '<progress aria-labelledby="live" max="1300" value="300">' in html
        assert "20.0 a second" in html
    assert own_client.get("/runs.json").get_json()["runs"][0]["outcome"] == "interrupted"


def test_the_older_address_leads_to_the_page_of_indexing(client: FlaskClient) -> None:
    assert client.get("/runs").location == "/index"
