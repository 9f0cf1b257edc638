"""Milvus beside FAISS: the same hits, whatever is in it yet, and nothing lost when it is away."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, delete, insert, select

from askpix import cli
from indexer.prune import prune
from milvus_servers import LiteServer, cluster
from searcher import Library, database
from searcher.catalog import Embedding, File, Image, now
from searcher.duplicates import group_new
from searcher.milvus import filling
from searcher.milvus import vectors as module
from searcher.milvus.collection import Collection
from searcher.milvus.restoring import restore
from searcher.milvus.server import Milvus, check_address
from searcher.milvus.status import status
from searcher.milvus.vectors import MilvusVectors
from searcher.settings import Settings, load_settings
from searcher.vectors import Vectors
from servers import free_port, reply, serving
from support import Askpix, records
from vlm.errors import AskpixError

DIM, MANY = 32, 20_000


def heaps(count: int) -> np.ndarray:
    """Rows of unit length in heaps, in 16 bits as they are stored."""
    dice = np.random.default_rng(9)
    near = dice.normal(size=(100, DIM))[dice.integers(0, 100, count)] + 0.7 * dice.normal(size=(count, DIM))
    return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


STORED = heaps(MANY)
QUERIES = STORED[::997] + 0.2 * np.random.default_rng(4).normal(size=STORED[::997].shape).astype(np.float32)


def catalog(folder: Path, count: int) -> Engine:
    """A catalog with so many images, ids from 1, each with a row."""
    folder.mkdir(exist_ok=True)
    engine = database.open_catalog(folder / "catalog.sqlite")
    shape = {"width": 1, "height": 1, "format": "JPEG"}
    with database.writing(engine) as session:
        session.execute(insert(Image), [{"id": i, "hash": f"{i:064x}", **shape} for i in range(1, count + 1)])
        rows = [{"image_id": i, "model": "test/model", "position": i - 1} for i in range(1, count + 1)]
        session.execute(insert(Embedding), rows)
    return engine


def opened(folder: Path, engine: Engine, server: Milvus) -> MilvusVectors:
    """The vectors as another process sees them."""
    return MilvusVectors(folder / "vectors", "test/model", DIM, server, engine)


def made(folder: Path, count: int, address: str) -> MilvusVectors:
    vectors = opened(folder, catalog(folder, count), Milvus(address))
    vectors.append(np.arange(1, count + 1), STORED[:count])
    return vectors


def close(vectors: MilvusVectors) -> None:
    vectors.server.close()
    vectors.engine.dispose()


def filled(vectors: MilvusVectors, count: int, **how: bool) -> list[int]:
    return list(filling.fill(vectors, count, **how))


def best(query: np.ndarray, count: int, k: int = 10, allowed: np.ndarray | None = None) -> list[int]:
    """Ids of the k best of the first rows, by comparing all that are allowed."""
    ids = np.arange(1, count + 1) if allowed is None else allowed
    return ids[np.argsort(-(STORED[ids - 1] @ query), kind="stable")[:k]].tolist()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusVectors]:
    """Twenty thousand rows in Milvus Lite."""
    folder = tmp_path_factory.mktemp("many")
    vectors = made(folder, MANY, str(folder / "many.db"))
    assert filled(vectors, MANY)[-1] == MANY
    yield vectors
    close(vectors)


@pytest.fixture
def few(tmp_path: Path) -> Iterator[MilvusVectors]:
    """Three hundred rows, of which none is in Milvus Lite yet."""
    vectors = made(tmp_path, 300, str(tmp_path / "few.db"))
    yield vectors
    close(vectors)


def test_the_best_ten_are_those_of_an_exact_search(many: MilvusVectors) -> None:
    for query in QUERIES:
        scores, ids = many.search(query, 10, MANY)
        assert ids.tolist() == best(query, MANY)
        np.testing.assert_allclose(scores, STORED[ids - 1] @ query, atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 900, 1_500, 19_990])
def test_a_filter_is_exact_however_few_it_lets_through(
    many: MilvusVectors, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4_000)
    monkeypatch.setattr("searcher.milvus.collection.CHUNK", 4_000)
    allowed = np.sort(np.random.default_rng(size).permutation(MANY)[:size]) + 1
    for query in QUERIES[:2]:
        unknown = np.append(allowed, [-7, MANY + 1, 10**12])
        assert many.search(query, 10, MANY, unknown)[1].tolist() == best(query, MANY, 10, allowed)
    assert many.search(QUERIES[0], 10, MANY, np.array([], np.int64))[1].tolist() == []


def test_more_hits_than_milvus_gives_are_found_too(many: MilvusVectors) -> None:
    scores, ids = many.search(QUERIES[0], 17_000, MANY)
    assert len(set(ids.tolist())) == 17_000
    np.testing.assert_allclose(scores, np.sort(STORED @ QUERIES[0])[::-1][:17_000], atol=1e-5)


def test_many_queries_find_what_each_finds_alone(many: MilvusVectors) -> None:
    scores, ids = many.search_many(QUERIES[:3], 4, MANY)
    for query, score, found in zip(QUERIES, scores, ids, strict=False):
        assert found.tolist() == many.search(query, 4, MANY)[1].tolist()
        assert (np.diff(score) <= 0).all()


def test_embeddings_come_back_as_they_were_stored(many: MilvusVectors) -> None:
    np.testing.assert_array_equal(many.get(np.array([MANY, 3, 3]), MANY), STORED[[MANY - 1, 2, 2]])
    assert many.get(np.array([], np.int64), MANY).shape == (0, DIM)
    with pytest.raises(KeyError, match="20001"):
        many.get(np.array([5, MANY + 1]), MANY)


@pytest.mark.parametrize("inside", [0, 120, 300])
def test_what_milvus_lacks_is_searched_beside_it(few: MilvusVectors, inside: int) -> None:
    if inside:
        filled(few, inside)
    allowed = np.arange(100, 200)
    for query in QUERIES[:5]:
        assert few.search(query, 10, 300)[1].tolist() == best(query, 300)
        assert few.search(query, 10, 300, allowed)[1].tolist() == best(query, 300, 10, allowed)
    np.testing.assert_array_equal(few.get(np.array([1, 300, 121]), 300), STORED[[0, 299, 120]])


def test_rows_that_are_in_milvus_before_it_is_noted_are_found_once(few: MilvusVectors) -> None:
    filled(few, 300)
    collection = few.collection()
    assert collection is not None
    few.mark(collection, 100)
    assert few.search(QUERIES[0], 300, 300)[1].tolist() == best(QUERIES[0], 300, 300)
    assert filled(few, 300) == [100, 300]
    assert collection.count() == 300


def test_a_run_fills_once_enough_is_lacking_and_waits_while_milvus_is_away(
    few: MilvusVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    few.follow(300)
    assert few.filled() == 0
    monkeypatch.setattr(module, "LAG", 200)
    few.follow(300)
    assert few.filled() == 300
    away = MilvusVectors(few.folder.parent, few.model, DIM, Milvus(f"http://127.0.0.1:{free_port()}"), few.engine)
    away.follow(300)
    assert time.monotonic() < away._wait_until


def test_what_is_written_again_or_forgotten_is_put_right(few: MilvusVectors) -> None:
    filled(few, 300)
    collection = few.collection()
    assert collection is not None
    with database.writing(few.engine) as session:  # as after a run that forgot photos while Milvus was away
        session.execute(delete(Embedding).where(Embedding.image_id <= 20))
    assert filled(few, 300) == [300]
    assert collection.count() == 280
    collection.delete(np.arange(100, 110))  # as when the server was restored from an older copy
    assert filled(few, 300) == [0, 300]
    assert collection.count() == 280
    assert filled(few, 300, anew=True) == [0, 300]
    few.truncate(150)
    assert few.filled() == 150


def test_a_collection_that_was_dropped_is_done_without_and_then_made_anew(few: MilvusVectors) -> None:
    filled(few, 300)
    collection = few.collection()
    assert collection is not None
    few.server.ask(lambda milvus: milvus.client.drop_collection(collection.name))
    assert few.search(QUERIES[0], 10, 300)[1].tolist() == best(QUERIES[0], 300)
    np.testing.assert_array_equal(few.get(np.array([5]), 300), STORED[[4]])
    assert "fill it: askpix vectors fill" in few.about_index
    assert filled(few, 300) == [0, 300]
    assert few.search(QUERIES[0], 10, 300)[1].tolist() == best(QUERIES[0], 300)


def test_another_programs_collection_is_refused(few: MilvusVectors) -> None:
    filled(few, 300)
    collection = few.collection()
    assert collection is not None
    with pytest.raises(AskpixError, match=r"was not made by askpix for vectors of 64 numbers; rename or drop it there"):
        Collection(few.server, collection.name, 64).open()


def test_two_libraries_have_collections_of_their_own(few: MilvusVectors, tmp_path: Path) -> None:
    other = made(tmp_path / "other", 50, few.server.address)
    filled(few, 300)
    filled(other, 50)
    assert [one.collection().count() for one in (few, other)] == [300, 50]  # type: ignore[union-attr]
    close(other)
    assert few.search(QUERIES[0], 10, 300)[1].tolist() == best(QUERIES[0], 300)


def test_lost_segments_come_back_from_milvus(few: MilvusVectors, tmp_path: Path) -> None:
    filled(few, 290)
    with pytest.raises(AskpixError, match="holds all 300 rows; there is nothing to restore"):
        list(restore(few, 300))
    with database.writing(few.engine) as session:
        session.execute(delete(Embedding).where(Embedding.image_id.in_([3, 4])))
        session.execute(delete(Image).where(Image.id.in_([3, 4])))
    shutil.rmtree(tmp_path / "vectors")
    assert list(restore(few, 300)) == [288]
    with database.session(few.engine) as session:
        places = {row.image_id: row.position for row in session.execute(select(Embedding.image_id, Embedding.position))}
    assert places == {image: row for row, image in enumerate(i for i in range(1, 291) if i not in {3, 4})}
    for vectors in (opened(tmp_path, few.engine, few.server), Vectors(tmp_path / "vectors", "test/model", DIM)):
        there = np.array(sorted(places))
        assert vectors.search(QUERIES[0], 10, 288)[1].tolist() == best(QUERIES[0], 290, 10, there)
        np.testing.assert_array_equal(vectors.get(there, 288), STORED[there - 1])
    assert filled(few, 288) == [288]


def test_a_library_that_lost_its_name_is_told_which_collections_there_are(few: MilvusVectors, tmp_path: Path) -> None:
    filled(few, 300)
    name = few.collection().name  # type: ignore[union-attr]
    (tmp_path / "library.id").unlink()
    shutil.rmtree(tmp_path / "vectors")
    vectors = opened(tmp_path, few.engine, few.server)
    with pytest.raises(AskpixError, match=rf"name it with --collection .*{name}"):
        list(restore(vectors, 300))
    assert list(restore(vectors, 300, name)) == [300]
    assert filled(opened(tmp_path, few.engine, few.server), 300) == [300]


def test_a_cluster_is_spoken_to_in_16_bits_and_made_as_the_docs_say(tmp_path: Path) -> None:
    with cluster(tmp_path / "engine", token="root:secret") as served, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASKPIX_MILVUS_TOKEN", "root:secret")
        vectors = made(tmp_path, 1_500, served.url)
        assert filled(vectors, 1_500) == [0, 1_500]
        collection, index = served.made
        assert collection == {
            "shards": 2,
            "consistency": "Bounded",
            "fields": {"id": "INT64", "vector": "FLOAT16_VECTOR"},
        }
        assert (index["index_type"], index["metric_type"]) == ("HNSW", "IP")
        found = [vectors.search(query, 10, 1_500)[1].tolist() for query in QUERIES]
        wanted = [best(query, 1_500) for query in QUERIES]
        assert np.mean([len({*a} & {*b}) / 10 for a, b in zip(found, wanted, strict=True)]) >= 0.98
        allowed = np.arange(1, 1_400)
        for some in (allowed, allowed[:10]):
            assert vectors.search(QUERIES[1], 10, 1_500, some)[1].tolist() == best(QUERIES[1], 1_500, 10, some)
        np.testing.assert_array_equal(vectors.get(np.array([7, 1_500]), 1_500), STORED[[6, 1_499]])
        shutil.rmtree(tmp_path / "vectors")
        assert list(restore(vectors, 1_500)) == [1_500]
        close(vectors)


def test_whoever_is_not_let_in_is_told_so_without_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cluster(tmp_path / "engine", token="root:secret") as served:
        with pytest.raises(AskpixError, match="wants a token: set ASKPIX_MILVUS_TOKEN to user:password"):
            Milvus(served.url).ask(lambda milvus: milvus.version)
        monkeypatch.setenv("ASKPIX_MILVUS_TOKEN", "root:wrong")
        with pytest.raises(AskpixError, match="does not let this token in") as error:
            Milvus(served.url).ask(lambda milvus: milvus.version)
        assert "wrong" not in str(error.value)


def test_an_older_server_is_refused(tmp_path: Path) -> None:
    with (
        cluster(tmp_path / "engine", version="v2.3.5") as served,
        pytest.raises(AskpixError, match=r"is v2\.3\.5, but 2\.5 is the oldest that serves: update it"),
    ):
        Milvus(served.url).ask(lambda milvus: milvus.version)


def test_a_server_that_is_away_or_another_program_is_told_in_a_line_and_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searcher.milvus.server.CONNECT_S", 1.0)
    with serving(reply(200, b"hello")) as (url, _), socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for address in (f"http://127.0.0.1:{free_port()}", url, f"http://127.0.0.1:{silent.getsockname()[1]}"):
            with pytest.raises(AskpixError, match=r"Milvus at http://127\.0\.0\.1:\d+\S* \w+") as error:
                Milvus(address).ask(lambda milvus: milvus.version)
            assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("nonsense", "nonsense is no address of Milvus: it is to be a server such as http://localhost:19530"),
        ("ftp://host:1", "ftp://host:1 is no address of Milvus"),
        ("http://host:port", "the address of Milvus is no URL"),
        ("http://root:secret@host:19530", "leave the password out .*ASKPIX_MILVUS_TOKEN"),
    ],
)
def test_a_wrong_address_is_refused_before_anything_is_asked(address: str, line: str) -> None:
    with pytest.raises(AskpixError, match=line) as error:
        load_settings(milvus=address)
    assert "secret" not in str(error.value)
    assert check_address("photos.db") == str(Path("photos.db").absolute())


def test_a_file_that_is_not_of_milvus_lite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database")
    with pytest.raises(AskpixError, match=r"notes\.db cannot be opened as a file of Milvus Lite"):
        Milvus(str(tmp_path / "notes.db")).ask(lambda milvus: milvus.version)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiteServer]:
    """Milvus Lite's server as a process of its own."""
    made_here = LiteServer(tmp_path / "server.db")
    made_here.start()
    yield made_here
    made_here.kill()


def test_a_server_that_dies_loses_nothing_and_is_gone_on_with_when_it_is_back(
    server: LiteServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "STEP", 100)
    vectors = made(tmp_path, 300, server.url)
    steps = filling.fill(vectors, 300)
    assert [next(steps), next(steps)] == [0, 100]
    server.kill()  # in the middle of writing
    with pytest.raises(AskpixError, match="cannot be reached"):
        next(steps)
    with pytest.raises(AskpixError, match=r"cannot be reached; .* Nothing is lost meanwhile"):
        vectors.search(QUERIES[0], 10, 300)
    server.start()
    assert vectors.search(QUERIES[0], 10, 300)[1].tolist() == best(QUERIES[0], 300)
    assert filled(vectors, 300) == [100, 200, 300]
    monkeypatch.setattr("searcher.milvus.server.ANSWER_S", 0.5)
    server.pause()
    with pytest.raises(AskpixError, match="does not answer in time"):
        vectors.search(QUERIES[0], 10, 300)
    server.go_on()
    monkeypatch.undo()
    assert vectors.search(QUERIES[0], 10, 300)[1].tolist() == best(QUERIES[0], 300)
    with pytest.raises(AskpixError, match=r"another process has .*server\.db open"):
        Milvus(str(server.folder)).ask(lambda milvus: milvus.version)
    close(vectors)


def test_filling_that_is_killed_goes_on_where_it_was(server: LiteServer, tmp_path: Path) -> None:
    vectors = made(tmp_path, 300, server.url)
    script = f"""
        from pathlib import Path
        from searcher import database
        from searcher.milvus import filling
        from searcher.milvus.server import Milvus
        from searcher.milvus.vectors import MilvusVectors
        filling.STEP = 20
        folder = Path({str(tmp_path)!r})
        engine = database.open_catalog(folder / "catalog.sqlite")
        vectors = MilvusVectors(folder / "vectors", "test/model", {DIM}, Milvus({server.url!r}), engine)
        for done in filling.fill(vectors, 300):
            print(done, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 60:
            pass
        process.send_signal(signal.SIGKILL)
    before = vectors.filled()
    assert 60 <= before < 300
    assert vectors.search(QUERIES[0], 10, 300)[1].tolist() == best(QUERIES[0], 300)
    assert filled(vectors, 300)[0] == before
    assert vectors.collection().count() == 300  # type: ignore[union-attr]
    close(vectors)


@pytest.fixture
def copies(untouched_demo_folder: Path, tmp_path: Path) -> Iterator[tuple[Library, Library]]:
    """The demo's library twice: by FAISS, and by Milvus Lite, which is filled."""
    folders = [shutil.copytree(untouched_demo_folder, tmp_path / name) for name in ("plain", "milvus")]
    with (
        Library(folders[0]) as plain,
        Library(settings=Settings(library=folders[1], milvus=str(tmp_path / "demo.db"))) as other,
    ):
        other.save_index()
        yield plain, other


def test_the_demo_library_finds_the_same_by_milvus(copies: tuple[Library, Library]) -> None:
    plain, other = copies
    assert isinstance(other.vectors, MilvusVectors)
    assert other.vectors.filled() == plain.count_vectors() == status(other, other.vectors).held
    first = plain.browse()[0].photo
    queries = ["a dog on a beach", "mountains -snow", f"like:{first.id}", f"water -like:{first.id}", "city type:jpeg"]
    for query in queries:
        for k in (5, 50):
            one, two = (library.find(query, k=k, min_confidence=0).hits for library in copies)
            assert [hit.photo.hash for hit in one] == [hit.photo.hash for hit in two]
            np.testing.assert_allclose([hit.score for hit in one], [hit.score for hit in two], atol=1e-4)
    one, two = (library.similar(first.path, k=5) for library in copies)
    assert [hit.photo.hash for hit in one] == [hit.photo.hash for hit in two]
    for library in copies:
        group_new(library)
    one, two = ([*_duplicates(library)] for library in copies)
    assert one == two


def _duplicates(library: Library) -> list[tuple[str, int | None]]:
    with database.session(library.engine) as session:
        return [(row.hash, row.duplicate_of) for row in session.execute(select(Image.hash, Image.duplicate_of))]


def test_photos_that_are_forgotten_leave_milvus(copies: tuple[Library, Library]) -> None:
    _, library = copies
    assert isinstance(library.vectors, MilvusVectors)
    photo = library.search("a dog", k=1, min_confidence=0)[0].photo
    with database.writing(library.engine) as session:
        for file in session.scalars(select(File).where(File.image_id == photo.id)):
            file.missing_since = now()
    before = library.vectors.collection().count()  # type: ignore[union-attr]
    assert prune(library).images == 1
    assert library.vectors.collection().count() == before - 1  # type: ignore[union-attr]
    assert photo.id not in [hit.photo.id for hit in library.search("a dog", k=50, min_confidence=0)]
    assert status(library, library.vectors).whole


def test_the_command_line_fills_tells_and_restores(askpix: Askpix, untouched_demo_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(untouched_demo_folder, tmp_path / "library")
    library = ("--library", str(folder), "--json")
    milvus = ("--milvus", str(tmp_path / "vectors.db"))
    done = askpix("vectors", "fill", *library, *milvus)
    assert done.returncode == 0, done.stderr
    (told,) = records(done)
    assert told["added"] == told["rows"] > 0
    shutil.rmtree(folder / "vectors")
    (folder / "vectors").mkdir()
    run = CliRunner().invoke
    assert json.loads(run(cli, ["vectors", "restore", *library, *milvus]).stdout) == {"rows": told["rows"]}
    assert json.loads(run(cli, ["vectors", "status", *library, *milvus]).stdout)["whole"] is True
    assert "give --milvus http://HOST:19530" in str(run(cli, ["vectors", "status", *library]).exception)
    away = f"http://127.0.0.1:{free_port()}"
    done = askpix("search", "a dog", "--milvus", away, *library)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"Milvus at {away} cannot be reached" in done.stderr
