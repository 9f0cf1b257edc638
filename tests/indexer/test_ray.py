"""Indexing spread over a Ray cluster of this machine ends as a plain run does, whatever happens meanwhile."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image as Pillow
from sqlalchemy import select

from cameras import video
from indexer.cluster.joining import Cluster, join
from indexer.cluster.spreading import Waiting, _told_here
from indexer.cluster.workers import Arrival
from indexer.pipeline import IndexRun
from indexer.progress import Summary
from indexer.scan import Found
from indexer.store import Job
from searcher import Library, database
from searcher.answers import open_column
from searcher.catalog import Answer, Caption, Details, File, Image, Keyword, Reading, Tag
from searcher.columns import set_standing
from servers import serving
from support import HEED_CTRL_C, Askpix, records
from vlm.errors import AskpixError

MARK = "ASKPIX_TESTS_CLUSTER"  # in the environment of every process that a cluster has
COUNT = 48


def marked(mark: str, title: str = "") -> list[psutil.Process]:
    """The processes of a cluster, or those of them that call themselves something."""
    found = []
    for process in psutil.process_iter():
        try:
            of_it = process.pid != os.getpid() and process.environ().get(MARK) == mark
            if of_it and title in " ".join(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def none_left(mark: str) -> bool:
    """Whether all processes of a cluster end soon."""
    _, alive = psutil.wait_procs(marked(mark), timeout=60)
    return not alive and not marked(mark)


@pytest.fixture(scope="module")
def mark() -> Iterator[str]:
    os.environ[MARK] = str(uuid.uuid4())
    yield os.environ[MARK]
    del os.environ[MARK]


@pytest.fixture(scope="module")
def cluster(mark: str) -> Iterator[Cluster]:
    with join("local", cpus=2, objects=200 << 20) as made:
        yield made
    assert none_left(mark)


@pytest.fixture(scope="module")
def folder(photos: Path, pictures: Callable[..., list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures enough for several batches, copies of some, a video and its copy, and files that cannot be read."""
    folder = tmp_path_factory.mktemp("photos")
    for path in pictures(folder, COUNT)[::9]:
        shutil.copy(path, path.with_name(f"copy-of-{path.name}"))
    scenes = [Pillow.open(photos / name).resize((480, 320)) for name in ("animals/cat.jpg", "food/coffee.jpg")]
    video(folder / "trip.mp4", scenes, creation_time="2022-03-04T05:06:07.000000Z")
    shutil.copy(folder / "trip.mp4", folder / "trip-again.mp4")
    (folder / "empty.jpg").touch()
    (folder / "cut.jpg").write_bytes((folder / "000.jpg").read_bytes()[:2000])
    shutil.copy(folder / "cut.jpg", folder / "cut-again.jpg")
    (folder / "cut.mp4").write_bytes((folder / "trip.mp4").read_bytes()[:200])
    return folder


def run(library: Library, *paths: Path, **how: Any) -> Summary:
    made = IndexRun(library, paths, **how)
    for _ in made:
        pass
    return made.summary


@pytest.fixture(scope="module")
def plain(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, dict[str, Any]]:
    with Library(tmp_path_factory.mktemp("plain"), create=True) as library:
        return run(library, folder), contents(library)


@pytest.fixture(scope="module")
def disturbed(
    cluster: Cluster, mark: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[IndexRun, Library]]:
    """A run by the cluster in the middle of which a process with the model is killed."""
    with Library(tmp_path_factory.mktemp("disturbed"), create=True) as library:
        made = IndexRun(library, [folder], cluster=cluster)
        killed = False
        for done in made:
            if done and not killed:
                assert made.progress.done < COUNT
                marked(mark, "ray::MapWorker")[0].kill()
                killed = True
        yield made, library


def contents(library: Library) -> dict[str, Any]:
    """What a library holds, by what pictures and files are rather than by numbers that the order of writing gives."""
    tables = (Details, Keyword, Caption, Tag, Answer, Reading)
    with database.session(library.engine) as session:
        images = {image.id: image for image in session.scalars(select(Image))}
        vectors = library.vectors.get(np.array(list(images)), library.count_vectors())
        held: dict[str, Any] = {}
        for table in tables:
            rows = session.execute(select(*(c for c in table.__table__.columns if c.key not in {"id", "created_at"})))
            held[table.__name__] = sorted((images[row.image_id].hash, repr(row[1:])) for row in rows)
        held["files"] = {
            f.path: (f.size, f.image_id and images[f.image_id].hash, f.reason, f.missing_since)
            for f in session.scalars(select(File))
        }
    held["vectors"] = {image.hash: row.tobytes() for image, row in zip(images.values(), vectors, strict=True)}
    held["images"] = {i.hash: (i.width, i.height, i.format, i.likeness) for i in images.values()}
    groups = [frozenset({i.hash, images[i.duplicate_of].hash}) for i in images.values() if i.duplicate_of]
    return held | {"alike": set(groups)}


def test_a_lost_worker_changes_nothing(
    plain: tuple[Summary, dict[str, Any]], disturbed: tuple[IndexRun, Library]
) -> None:
    made, library = disturbed
    for part, expected in plain[1].items():
        assert contents(library)[part] == expected, part
    counts = [
        {k: v for k, v in s.as_json().items() if k not in {"seconds", "stages"}} for s in (plain[0], made.summary)
    ]
    assert counts[0] == counts[1]
    assert len(library.vectors) == library.count_images()
    assert {"hash", "look up", "details", "decode", "encode", "captions", "store"} <= made.summary.stages.keys()


def test_a_second_run_finds_nothing_to_do(disturbed: tuple[IndexRun, Library], cluster: Cluster, folder: Path) -> None:
    done = run(disturbed[1], folder, cluster=cluster)
    assert (done.added, done.captioned, done.unchanged + done.refused) == (0, 0, done.seen)
    assert "encode" not in done.stages


def test_nothing_of_it_listens_beyond_this_machine(cluster: Cluster, mark: str) -> None:
    inet = [c for process in marked(mark) for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert {c.laddr.ip for c in inet} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert inet


def test_what_older_photos_lack_is_filled_in(cluster: Cluster, photos: Path, tmp_path: Path) -> None:
    """Captions, answers to a standing question, and text."""
    held = []
    for by in (None, cluster):
        with Library(tmp_path / f"by-{by is None}", create=True) as library:
            some = [photos / "animals" / "cat.jpg", photos / "food" / "coffee.jpg"]
            run(library, *some, captions=False)
            open_column(library.engine, "is there a cat?", "has_cat")
            set_standing(library, "has_cat", standing=True)
            done = run(library, *some, photos / "animals" / "horses.jpg", text=True, cluster=by)
            assert done.answered == done.read == done.captioned == 3
            held.append(contents(library))
    assert held[0] == held[1]


def test_a_run_that_is_interrupted_leaves_no_process_and_goes_on(
    cluster: Cluster, folder: Path, plain: tuple[Summary, dict[str, Any]], askpix: Askpix, tmp_path: Path
) -> None:
    import ray

    mark = str(uuid.uuid4())
    command = [*HEED_CTRL_C, sys.executable, "-m", "askpix", "index", folder, "--library", tmp_path, "--ray"]
    first = subprocess.Popen(
        [*command, "local"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {MARK: mark},
        start_new_session=True,
    )
    assert first.stdout
    said = []
    for line in first.stdout:
        said.append(line)
        if "000.jpg: " in line or len(said) > 15:
            break
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does, to Ray's processes too
    rest = first.stdout.read()
    assert first.wait(timeout=60) == 130, rest
    first.stdout.close()
    assert none_left(mark)
    address = ray.get_runtime_context().gcs_address
    # It asks for the token when the cluster wants one.
    env = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"}
    done = askpix("index", folder, "--library", tmp_path, "--ray", address, "--json", env=env)
    assert done.returncode == 3, done.stderr
    assert records(done)[-1]["added"] < plain[0].added
    assert not re.search(r"\d{4}-\d\d-\d\d|pid=|[Ww]arning|ray\.|Ray Data", "".join(said) + rest + done.stderr)
    with Library(tmp_path) as library:
        assert contents(library) == plain[1]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("head", "no address of a Ray cluster"),
        ("ray://127.0.0.1:10001", "no address of a Ray cluster"),
        ("127.0.0.1:1", "nobody listens at 127.0.0.1:1 .*ray start --head --port=1"),
    ],
)
def test_an_address_at_which_no_cluster_is(address: str, why: str) -> None:
    with pytest.raises(AskpixError, match=why), join(address):
        pass


def test_something_else_listens_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.cluster.joining._ANSWERS_S", 5)
    with (
        serving(lambda request, _: request.send_error(404)) as (url, _),
        pytest.raises(AskpixError, match=r"does not answer as Ray .* does"),
        join(url.removeprefix("http://").removesuffix("/v1")),
    ):
        pass


def test_a_cluster_of_another_version(cluster: Cluster, photos: Path, askpix: Askpix, tmp_path: Path) -> None:
    import ray
    from ray.experimental import internal_kv

    where = {"key": b"CLUSTER_METADATA", "namespace": b"cluster"}
    told = internal_kv._internal_kv_get(**where)
    other = json.dumps(json.loads(told) | {"ray_version": "2.9.0"}).encode()
    internal_kv._internal_kv_put(value=other, **where)
    try:
        address = ray.get_runtime_context().gcs_address
        done = askpix("index", photos, "--library", tmp_path / "library", "--ray", address, env=os.environ)
    finally:
        internal_kv._internal_kv_put(value=told, **where)
    assert done.returncode == 2
    assert re.fullmatch(r"askpix: the cluster at .* is of another version: .*2\.9\.0.*\n", done.stderr)
    assert not (tmp_path / "library").exists()


def test_photos_that_a_machine_does_not_see(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(AskpixError, match=r"nothing at .*/away on the machine 127\.0\.0\.1; mount it there"):
        cluster.check([tmp_path, tmp_path / "away"])


def test_one_that_only_this_machine_sees_is_refused_for_that(tmp_path: Path) -> None:
    (tmp_path / "here.jpg").touch()
    job = Job(Found(str(tmp_path), "here.jpg", 0, 0), reason="cannot be opened: No such file or directory", again=True)
    (told,) = Waiting().ready([_told_here(Arrival(job, host="worker-7"))], _NoStore())
    assert told.job.reason == (
        "cannot be opened: No such file or directory on the machine worker-7, only here; mount its folder there at "
        "the same place"
    )
    assert told.job.again


class _NoStore:
    def lacking(self, jobs: list[Job]) -> list[Job]:
        return jobs


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlm.extras.find_spec", lambda name: None if name == "ray" else find_spec(name))
    with pytest.raises(AskpixError, match=r'^ray is not installed: pip install "askpix\[cluster\]"$'), join("local"):
        pass


@pytest.mark.parametrize("flag", ["--watch", "--dry-run"])
def test_flags_that_do_not_go_together(flag: str, photos: Path, askpix: Askpix, tmp_path: Path) -> None:
    done = askpix("index", photos, "--library", tmp_path, "--ray", "local", flag)
    assert (done.returncode, f"--ray does not go with {flag}" in done.stderr) == (2, True)
