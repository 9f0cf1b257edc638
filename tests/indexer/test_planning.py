"""What it takes to index many photos: the arithmetic with given rates, and the rates measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexer import rates as measuring
from indexer.planning import EXAMPLES, Planned, Rates, plan, read_count, read_prices
from searcher import Library
from support import Askpix
from vlm.errors import AskpixError
from webui.plan_commands import plan as verb

# Numbers by which the results can be worked out in one's head.
GIVEN = Rates(
    photos=64,
    cores=4,
    device="cpu",
    gpu=False,
    decode=40,
    encode=20,
    caption=40,
    efficiency=0.5,
    original=2_000_000,
    catalog=2_000,
    vectors=1_000,
    index=1_500,
    thumbnails=50_000,
)
PRICES = """
as_of = 2030-01-31
currency = "EUR"
hour = {core = 0.25, gpu = 3, memory = 0.01}
month = {disk = 0.5, object = 0.1}
assumed = {cluster = 0.8}
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return path


def worked_out(table: Path, rates: Rates = GIVEN, photos: int = 3_600_000, **more: float) -> Planned:
    return plan(photos, rates, read_prices(table), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "count"),
    [("100M", 10**8), ("2.5k", 2_500), ("1_000_000", 10**6), ("1,000,000", 10**6), ("7", 7), ("0.5G", 5 * 10**8)],
)
def test_numbers_as_people_write_them(said: str, count: int) -> None:
    assert read_count(said) == count


@pytest.mark.parametrize("said", ["", "0", "-1", "1.5", "many", "10 M", "1e6", "1,00", "9999G", "1_", "²"])
def test_what_is_no_number_of_photos(said: str) -> None:
    with pytest.raises(AskpixError, match="is no number of photos"):
        read_count(said)


def test_one_machine(table: Path) -> None:
    found = worked_out(table, machines=1)
    # 1 / (1/40 + 1/20 + 1/40) = 10, of which a run does half
    assert found.photos_per_second == pytest.approx(5)
    assert found.hours == pytest.approx(200)
    assert found.machine_hours == pytest.approx(200)
    assert found.cost["indexing"] == pytest.approx(200 * 4 * 0.25)
    assert found.gigabytes == pytest.approx(
        {"originals": 7_200, "catalog": 7.2, "vectors": 3.6, "index in memory": 5.4, "thumbnails": 180}
    )
    assert found.cost["disk a month"] == pytest.approx((7.2 + 3.6) * 0.5)
    assert found.cost["thumbnails a month"] == pytest.approx(18)
    assert found.cost["memory a month"] == pytest.approx(5.4 * 0.01 * 730)


def test_as_many_machines_as_the_hours_need(table: Path) -> None:
    found = worked_out(table, hours=100)
    # 200 machine-hours / 0.8 / 100 h = 2.5
    assert (found.machines, found.hours) == (3, pytest.approx(200 / 0.8 / 3))
    assert found.photos_per_second == pytest.approx(3 * 5 * 0.8)
    assert found.cost["indexing"] == pytest.approx(250 * 4 * 0.25)
    assert worked_out(table, hours=200).machines == 1, "one machine waits for no other"
    assert worked_out(table, machines=2).hours == pytest.approx(125)


def test_a_gpu_works_while_the_cores_decode(table: Path) -> None:
    by_models = worked_out(table, replace(GIVEN, gpu=True, decode=1_000), machines=1)
    assert by_models.photos_per_second == pytest.approx(0.5 / (1 / 20 + 1 / 40))
    by_cores = worked_out(table, replace(GIVEN, gpu=True, decode=8), machines=1)
    assert by_cores.photos_per_second == pytest.approx(4)
    assert by_cores.cost["indexing"] == pytest.approx(250 * (4 * 0.25 + 3))
    alone = worked_out(table, replace(GIVEN, caption=None), machines=1)
    assert alone.photos_per_second == pytest.approx(0.5 / (1 / 40 + 1 / 20))


def test_the_arithmetic_is_shown(table: Path) -> None:
    shown = "\n".join(map(str, worked_out(table, hours=100).lines))
    for line in (
        "1 / (1/40.0 + 1/20.0 + 1/40.0) x 0.50 = 5.00 photos/s",
        "3,600,000 / 5.00 / 3600 = 200.0 machine-hours",
        "200.0 / 0.8 / 100 h, rounded up = 3",
        "200.0 / 0.8 / 3 = 83.3 h (3.47 days)",
        "3,600,000 x 2,000 bytes = 7.2 GB",
        "12 photos/s x 2,000,000 bytes = 24 MB/s",
        "3 x 83.3 h x (4 cores x 0.25) = 250.00 EUR",
    ):
        assert line in shown


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("core = 0.25", "wrong at hour.core"),
        ("cluster = 0.8", "wrong at assumed.cluster"),
        ("EUR", None),
        ("as_of", "wrong at as_of"),
    ],
)
def test_a_table_that_is_wrong(table: Path, said: str, told: str | None) -> None:
    table.write_text(PRICES.replace(said, "" if told is None else said.replace("0.", "-0.").replace("as_of", "as_if")))
    if told is None:
        assert read_prices(table).currency == ""
        return
    with pytest.raises(AskpixError, match=told):
        read_prices(table)


def test_the_table_of_examples_says_what_it_is() -> None:
    assert read_prices(EXAMPLES).as_of
    assert "EXAMPLES" in EXAMPLES.read_text(encoding="utf-8").splitlines()[0]


def test_measured_here_and_now(
    monkeypatch: pytest.MonkeyPatch, photos: Path, table: Path, tmp_path: Path, demo_library: Library
) -> None:
    monkeypatch.setattr(measuring, "_AT_LEAST_S", 0.1)
    some = sorted((photos / "food").glob("*.jpg"))[:3]
    flags = ["--photos", "2k", "--prices", str(table), "--machines", "2", "--json", "--library", str(tmp_path / "none")]
    told = json.loads(CliRunner().invoke(verb, [*map(str, some), *flags], catch_exceptions=False).stdout)
    rates = told["rates"]
    assert rates["photos"] == 3
    assert min(rates["decode"], rates["encode"], rates["caption"]) > 0
    assert 0 < rates["efficiency"] <= 1
    assert rates["original"] == pytest.approx(sum(path.stat().st_size for path in some) / 3)
    assert rates["vectors"] == 2 * demo_library.encoder.dim + 8
    assert rates["thumbnails"] > 1_000
    assert told["machines"] == 2
    assert told["hours"] == pytest.approx(2_000 / told["photos_per_second"] / 3600)
    assert any("EUR" in line for line in told["lines"])
    assert not (tmp_path / "none").exists()
    assert set(measuring.files_of(demo_library)) <= set(photos.rglob("*.jpg"))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--photos", "lots"], "'lots' is no number of photos; give --photos as in 100M, 2.5k or 1_000_000"),
        (["--photos", "1M", "--hours", "1", "--machines", "1"], "give --hours or --machines, not both"),
        (["--photos", "1M", "--hours", "0"], "are numbers above 0"),
        (["--photos", "1M", "--machines", "-1"], "are numbers above 0"),
        (["--photos", "1M", "--prices", "/nowhere.toml"], "the prices in /nowhere.toml cannot be read"),
        (["--photos", "1M", "/nowhere"], "there is nothing at /nowhere"),
        (["--photos", "1M", "--library", "/nowhere"], "there is no library in /nowhere"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(flags: list[str], told: str) -> None:
    done = CliRunner().invoke(verb, flags)
    assert isinstance(done.exception, AskpixError)
    assert told in str(done.exception)


def test_the_verb_is_there(askpix: Askpix) -> None:
    done = askpix("plan", "--photos", "12x")
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
