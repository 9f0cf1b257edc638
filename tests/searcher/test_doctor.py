"""What damages a library is noticed, told, and mended from what is whole."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text

from indexer.pipeline import IndexRun
from indexer.repair import repair
from searcher import Library, checkup, database, segments
from searcher.catalog import Embedding
from searcher.checkup import Checkup, known_faults
from searcher.corrections import correct_caption
from searcher.doctor import examine
from searcher.marks import Marks
from searcher.segments import Segments
from searcher.settings import load_settings
from support import Askpix, flip, records
from vlm.errors import AskpixError

DIM = 4
ROW = 8 + 2 * DIM  # bytes


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Segments:
    """Ten rows over three files of four, appended two by two; their ids are from 100."""
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 4)
    made = Segments(tmp_path, DIM)
    for start in range(0, 10, 2):
        made.append(np.arange(100 + start, 102 + start), np.full((2, DIM), start, np.float32))
    return made


def ids(made: Segments, count: int = 10) -> list[int]:
    return [int(i) for _, some in made.ids(0, count) for i in some]


# Checksums


def test_a_flipped_bit_is_known_to_within_one_append(stored: Segments, tmp_path: Path) -> None:
    assert list(stored.damaged(0, 10)) == []
    flip(tmp_path / "000001.segment", 3 * ROW)
    assert list(stored.damaged(0, 10)) == [range(6, 8)]
    flip(tmp_path / "000002.segment", 0)
    assert list(stored.damaged(0, 10)) == [range(6, 8), range(8, 10)]
    assert list(stored.damaged(8, 10)) == [range(8, 10)]


def test_a_damaged_checksum_is_passed_over(stored: Segments, tmp_path: Path) -> None:
    flip(tmp_path / "000000.marks", 4)
    assert list(stored.damaged(0, 10)) == []
    flip(tmp_path / "000000.segment", 0)
    assert list(stored.damaged(0, 10)) == [range(0, 4)]  # up to the next one


def test_a_checksum_that_was_cut_off_is_added_again(stored: Segments, tmp_path: Path) -> None:
    marks = tmp_path / "000002.marks"
    marks.write_bytes(marks.read_bytes()[:-5])
    assert stored.unmarked(10) == 2
    stored.append(np.array([110]), np.ones((1, DIM), np.float32))
    assert stored.unmarked(11) == 0
    assert list(stored.damaged(0, 11)) == []
    assert marks.stat().st_size % 12 == 0


def test_rows_of_an_older_askpix_get_checksums(stored: Segments, tmp_path: Path) -> None:
    for marks in tmp_path.glob("*.marks"):
        marks.unlink()
    assert stored.unmarked(10) == 10
    assert list(stored.damaged(0, 10)) == []
    assert (stored.mark(10), stored.mark(10)) == (10, 0)
    flip(tmp_path / "000001.segment", 0)
    assert list(stored.damaged(0, 10)) == [range(4, 8)]


def test_rows_that_are_dropped_take_their_checksums_along(stored: Segments, tmp_path: Path) -> None:
    stored.truncate(5)  # between two checksums
    assert (len(stored), stored.unmarked(5), list(stored.damaged(0, 5))) == (5, 0, [])
    assert not (tmp_path / "000002.marks").exists()
    stored.append(np.arange(300, 306), np.ones((6, DIM), np.float32))
    assert list(stored.damaged(0, 11)) == []
    flip(tmp_path / "000001.segment", 2 * ROW)
    with pytest.raises(AskpixError, match=r"a checksum fails\); mend it with: askpix doctor --repair"):
        stored.truncate(6)  # of which it could not be told any more


# Rows that are lost


@pytest.mark.parametrize("keep", [0, ROW, 2 * ROW + 3])
def test_a_short_file_shifts_nothing(stored: Segments, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "000001.segment"
    path.write_bytes(path.read_bytes()[:keep])
    assert len(stored) == 10
    lost = 4 + keep // ROW
    assert ids(stored) == [*range(100, 100 + lost), 108, 109]
    assert [i for some in stored.damaged(0, 10) for i in some][-1] == 7
    for use in (lambda: stored.map(10), lambda: stored.truncate(10)):
        with pytest.raises(AskpixError, match=r"000001.segment is damaged \(. of 4 rows are there\); mend it with"):
            use()
    assert len(stored.map(4)) == 1
    stored.blank(list(stored.damaged(0, 10)), 10)
    assert list(stored.damaged(0, 10)) == []
    assert ids(stored)[:4] == [100, 101, 102, 103]
    assert ids(stored)[8:] == [108, 109]
    assert ids(stored)[7] == 0


def test_a_file_that_is_gone(stored: Segments, tmp_path: Path) -> None:
    (tmp_path / "000000.segment").unlink()
    assert [i for some in stored.damaged(0, 10) for i in some] == [0, 1, 2, 3]
    stored.blank([range(4)], 10)
    assert ids(stored) == [0, 0, 0, 0, *range(104, 110)]


# A library


def wrong(library: Library) -> list[str]:
    return [f"{one.name}: {one.value}" for one in examine(load_settings(library=library.folder)) if not one.ok]


def mended(library: Library) -> str:
    return "\n".join(repair(load_settings(library=library.folder)))


def embedded(library: Library) -> int:
    with database.session(library.engine) as session:
        return len(session.scalars(select(Embedding.image_id)).all())


def test_only_what_is_damaged_is_encoded_again(demo_copy: Library, photos: Path) -> None:
    whole = [(hit.photo.id, hit.score) for hit in demo_copy.search("a dog", min_confidence=0)]
    count = demo_copy.count_vectors()
    segment = next(demo_copy.folder.glob("vectors/*/*.segment"))
    marks = Marks(segment, segment.stat().st_size // count).read()
    flip(segment, segment.stat().st_size - 1)
    (said,) = wrong(demo_copy)
    lost = count - marks[-2][0]
    assert said.startswith(f"vectors: {lost} of {count} vectors of builtin")
    assert said.endswith("are damaged, from row 32 on; mend it with: askpix doctor --repair")
    assert f"{lost} of {count} vectors" in mended(demo_copy)
    assert wrong(demo_copy) == []
    assert embedded(demo_copy) == count - lost
    # Who has had it open all the time sees what is and what is not there.
    assert len(demo_copy.search("a dog", k=100, min_confidence=0)) == count - lost
    run = IndexRun(demo_copy, [photos])
    for _ in run:
        pass
    assert run.summary.added == lost
    assert [(hit.photo.id, hit.score) for hit in demo_copy.search("a dog", min_confidence=0)] == whole


def test_a_damaged_page_loses_no_more_than_what_was_on_it(demo_copy: Library, photos: Path) -> None:
    for number in range(1, 41):
        correct_caption(demo_copy, number, f"what somebody said of it, number {number}" + " and more" * 30)
    with database.session(demo_copy.engine) as session:
        page = session.execute(
            text(
                "SELECT pageno FROM dbstat WHERE name = 'captions' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 2"
            )
        ).scalar_one()
    demo_copy.close()
    path = demo_copy.folder / "catalog.sqlite"
    with closing(sqlite3.connect(path)) as catalog:
        catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(np.random.default_rng(0).bytes(4096))
    assert wrong(demo_copy)[0].startswith("catalog: ")
    with pytest.raises(AskpixError, match=r"^the catalog is damaged .*; mend it with: askpix doctor --repair$"):
        demo_copy.browse(k=100)
    demo_copy.close()
    said = mended(demo_copy)
    assert "of captions; the damaged one is kept as catalog.damaged-" in said
    assert len(list(demo_copy.folder.glob("catalog.damaged-*.sqlite"))) == 1
    assert wrong(demo_copy) == []
    people = [demo_copy.photo(number).caption.startswith("what somebody") for number in range(1, 41)]  # type: ignore[union-attr]
    assert 25 <= sum(people) < 40
    assert demo_copy.count_images() == demo_copy.count_vectors() == embedded(demo_copy)


def test_the_index_of_words_is_made_anew(demo_copy: Library) -> None:
    correct_caption(demo_copy, 3, "Grandmother's birthday")
    with database.writing(demo_copy.engine) as session:
        session.execute(text("DELETE FROM words WHERE rowid = 3"))
    assert wrong(demo_copy) == ["words: the words of 1 images are not in it; mend it with: askpix doctor --repair"]
    assert "the index of words was damaged" in mended(demo_copy)
    assert wrong(demo_copy) == []
    assert [hit.photo.id for hit in demo_copy.search('"grandmother\'s birthday"', k=1)] == [3]


def test_a_whole_library_is_left_alone(demo_copy: Library) -> None:
    before = {path: path.read_bytes() for path in demo_copy.folder.rglob("*.segment")}
    assert mended(demo_copy) == ""
    assert {path: path.read_bytes() for path in demo_copy.folder.rglob("*.segment")} == before
    assert not list(demo_copy.folder.glob("catalog.damaged*"))


# Beside other work


@pytest.fixture
def damaged(demo_copy: Library) -> Iterator[Library]:
    """A library with a flipped bit."""
    checkup.forget(demo_copy.folder)
    flip(next(demo_copy.folder.glob("vectors/*/*.segment")), 1000)
    yield demo_copy


def test_damage_is_found_beside_other_work_and_told_once(damaged: Library, askpix: Askpix) -> None:
    told: list[str] = []
    for _ in range(2):
        with Checkup(damaged, told.append) as looked:
            looked.wait()
    (said,) = told
    assert said.endswith("are damaged, from row 0 on; mend it with: askpix doctor --repair")
    assert known_faults(damaged.folder) == [said]
    search = askpix("search", "a dog", "--library", damaged.folder, "--json")
    assert search.stderr == f"{said}\n"
    assert records(search)
    mended(damaged)
    assert known_faults(damaged.folder) == []


def test_a_run_tells_of_damage(damaged: Library, photos: Path) -> None:
    run = IndexRun(damaged, [photos])
    for _ in run:
        pass
    (said,) = [reason for reason in run.summary.reasons if "askpix doctor --repair" in reason]
    assert "vectors of" in said
