"""The command line is a contract: verbs, JSON lines, exit statuses."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from support import Askpix, records

VERBS = (
    "index search similar ask caption explain serve evaluate train doctor albums correct completion duplicates export "
    "import models prune runs mcp"
).split()


def test_help_names_every_verb_and_each_shows_an_example(askpix: Askpix) -> None:
    whole = askpix("--help").stdout
    for verb in VERBS:
        assert f"\n  {verb} " in whole
        assert "Example: askpix" in " ".join(askpix(verb, "--help").stdout.split())


def test_importing_the_front_door_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'faiss', 'onnxruntime', 'sqlalchemy', 'PIL', 'flask', 'torch', 'pydantic', 'tokenizers', 'tqdm'}"
    check = f"import sys, askpix; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_index_prints_captions_then_a_summary(askpix: Askpix, photos: Path, tmp_path: Path) -> None:
    some = sorted(photos.rglob("*.jpg"))[:2]
    done = askpix("index", *some, "--library", tmp_path)
    assert done.returncode == 0
    *captions, summary = done.stdout.splitlines()
    assert [line.split(": ")[0] for line in captions] == [str(path) for path in some]
    assert summary.startswith("2 files in ")
    (again,) = records(askpix("index", *some, "--library", tmp_path, "--json"))
    assert {"seen": 2, "added": 0, "unchanged": 2, "refused": 0}.items() <= again.items()
    assert again["seconds"] > 0


def test_search_json(askpix: Askpix, demo_folder: Path) -> None:
    done = askpix("search", "a cat", "-k", 3, "--library", demo_folder, "--min-confidence", 0, "--json")
    (record,) = records(done)
    assert record["query"] == "a cat"
    assert len(record["hits"]) == 3
    for hit in record["hits"]:
        assert set(hit) == {"id", "path", "score", "confidence", "caption", "why"}
        assert Path(hit["path"]).is_absolute()


def test_queries_come_from_a_file_one_a_line(askpix: Askpix, demo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.txt").write_text("a cat\n\nBerge und Seen\n")
    done = askpix("search", "--queries", tmp_path / "queries.txt", "-k", 1, "--library", demo_folder, "--json")
    assert done.returncode == 3  # the empty line was refused
    assert [record["query"] for record in records(done)] == ["a cat", "", "Berge und Seen"]
    assert "the query is empty" in done.stderr


def test_similar_json(askpix: Askpix, demo_folder: Path, photos: Path) -> None:
    photo = sorted(photos.rglob("*.jpg"))[0]
    (record,) = records(askpix("similar", photo, "-k", 2, "--library", demo_folder, "--json"))
    assert record["hits"][0]["path"] == str(photo.absolute())


def test_ask_about_a_file_needs_no_library(askpix: Askpix, photos: Path) -> None:
    photo = sorted(photos.rglob("*.jpg"))[0]
    (record,) = records(askpix("ask", "is there a person?", "--image", photo, "--json"))
    assert set(record) == {"image", "question", "answer", "confidence", "why"}
    assert record["image"] == str(photo.absolute())
    assert record["answer"] in {"yes", "no"}


def test_ask_about_the_hits_of_a_search(askpix: Askpix, demo_folder: Path) -> None:
    done = askpix("ask", "what animal is it?", "--search", "a cat", "-k", 2, "--library", demo_folder, "--json")
    assert 1 <= len(records(done)) <= 2
    assert all(record["answer"] for record in records(done))


def test_questions_from_a_csv_keep_their_order(askpix: Askpix, photos: Path, tmp_path: Path) -> None:
    first, second = sorted(photos.rglob("*.jpg"))[:2]
    rows = [(first, "is it indoors?"), (second, "is it indoors?"), ("gone.jpg", "what?"), (first, ""), (first, "why?")]
    with (tmp_path / "questions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "question"), *rows])
    done = askpix("ask", "--questions", tmp_path / "questions.csv", "--json")
    assert done.returncode == 3
    answered = records(done)
    assert [(Path(r["image"]).name, r["question"]) for r in answered] == [(Path(i).name, q) for i, q in rows]
    assert [r["answer"] is None for r in answered] == [False, False, True, True, False]
    assert answered[2]["why"] == {"refused": "cannot be opened: No such file or directory"}


def test_caption_json(askpix: Askpix, photos: Path, tmp_path: Path) -> None:
    photo = sorted(photos.rglob("*.jpg"))[0]
    (tmp_path / "bad.jpg").write_text("no picture")
    done = askpix("caption", photo, tmp_path / "bad.jpg", "--json")
    assert done.returncode == 3
    good, bad = records(done)
    assert set(good) == {"path", "caption", "tags"}
    assert good["path"] == str(photo.absolute())
    assert good["caption"]
    assert bad["caption"] is None


def test_doctor_finds_the_demo_library_whole(askpix: Askpix, demo_folder: Path) -> None:
    done = askpix("doctor", "--library", demo_folder, "--json")
    assert done.returncode == 0
    (findings,) = records(done)
    assert all(finding["ok"] for finding in findings.values())
    assert {"faiss", "gpu", "model", "library", "catalog", "vectors"} <= set(findings)


def test_lost_vectors_are_seen_and_made_again(askpix: Askpix, photos: Path, tmp_path: Path) -> None:
    some = sorted(photos.rglob("*.jpg"))[:2]
    askpix("index", *some, "--library", tmp_path)
    segment = next(tmp_path.glob("vectors/*/*.segment"))
    segment.write_bytes(segment.read_bytes()[:-10])
    ill = askpix("doctor", "--library", tmp_path, "--json")
    assert ill.returncode == 2
    (said,) = records(ill)
    assert not said["vectors"]["ok"]
    assert "are damaged, from row 0 on; mend it with: askpix doctor --repair" in said["vectors"]["value"]
    refused = askpix("index", *some, "--library", tmp_path)
    assert refused.returncode == 2
    assert "is damaged (a checksum fails); mend it with: askpix doctor --repair" in refused.stderr
    mended = askpix("doctor", "--repair", "--library", tmp_path)
    assert mended.returncode == 0
    assert "are forgotten; askpix index makes them again from the photos" in mended.stderr
    (summary,) = records(askpix("index", *some, "--library", tmp_path, "--json"))
    assert summary["added"] == 2
    assert askpix("doctor", "--library", tmp_path).returncode == 0


@pytest.mark.parametrize("verb", ["search", "similar", "ask"])
def test_two_commands_at_once_do_not_disturb_each_other(
    askpix: Askpix, demo_folder: Path, verb: str, photos: Path
) -> None:
    photo = str(sorted(photos.rglob("*.jpg"))[0])
    arguments = {"search": ["a cat"], "similar": [photo], "ask": ["is it indoors?", "--search", "a cat"]}[verb]
    command = [sys.executable, "-m", "askpix", verb, *arguments, "--library", str(demo_folder), "--json"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    printed = [run.communicate(timeout=120)[0] for run in runs]
    assert printed[0] == printed[1]
    assert [run.returncode for run in runs] == [0, 0]
