"""The verb search: plans that are told, changed and run again, and what a shell completes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import Askpix, records


def test_a_plan_is_told_changed_and_run_again(askpix: Askpix, demo_folder: Path, tmp_path: Path) -> None:
    place = ("--library", demo_folder, "--json")
    query = "(an animal)^2 grass -dog tag:dog"
    done = askpix("search", query, *place)
    (record,) = records(done)
    assert set(record) == {"query", "plan", "hits", "near"}
    assert [part["on"] for part in record["plan"]] == [True] * 4
    (tmp_path / "plan.json").write_text(done.stdout)
    changes = ("--off", 2, "--off", 3, "--weight", "1=0.5")
    (changed,) = records(askpix("search", query, *changes, *place))
    assert [(part["on"], part["weight"]) for part in changed["plan"]] == [
        (True, 2.0),
        (True, 0.5),
        (False, 1.0),
        (False, 1.0),
    ]
    (again,) = records(askpix("search", "--plan", tmp_path / "plan.json", *changes, *place))
    assert (again["plan"], again["hits"]) == (changed["plan"], changed["hits"])
    assert again["query"] == "(an animal)^2 (grass)^0.5"
    parts = askpix("search", "--plan", "-", *changes, *place, input=json.dumps(record["plan"]))
    assert records(parts) == [again]


def test_a_plan_is_told_in_parts_and_hits_alone_are_printed(askpix: Askpix, demo_folder: Path) -> None:
    done = askpix("search", "a dog -cat^2 tag:dog", "--off", 2, "-k", 2, "--library", demo_folder)
    assert done.stderr.splitlines() == [
        "0  text   a dog",
        "1  not    cat ^2  (from “-cat^2”)",
        "2  where  tag:dog  off",
    ]
    assert len(done.stdout.splitlines()) == 2
    alone = askpix("search", "a dog", "-k", 2, "--library", demo_folder)
    assert alone.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a dog", "--off", "3"], "the query has no part 3"),
        (["a dog", "--weight", "0:2"], "--weight 0:2 is to be a part and its weight"),
        (["a dog", "--weight", "0=nan"], "a weight is more than 0"),
        (["a dog", "--plan", "-"], "give one of QUERY, --plan and --queries"),
        (["--plan", "-"], "is no plan as --json prints it"),
        (["--queries", "-", "--off", "0"], "are for one QUERY"),
    ],
)
def test_what_is_no_plan_says_so_on_one_line(
    askpix: Askpix, demo_folder: Path, arguments: list[str], said: str
) -> None:
    done = askpix("search", *arguments, "--library", demo_folder, input="no json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


def test_shells_complete_verbs_and_fields(askpix: Askpix) -> None:
    program = str(Path(sys.executable).with_name("askpix"))

    def complete(*words: str) -> list[str]:
        asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1), "_ASKPIX_COMPLETE": "bash_complete"}
        done = subprocess.run([program], capture_output=True, text=True, check=True, env={**os.environ, **asked})
        return done.stdout.splitlines()

    assert complete("askpix", "alb") == ["plain,albums"]
    assert complete("askpix", "search", "--where", "da") == ["plain,date:"]
    assert complete("askpix", "search", "--library", "x") == ["dir,x"]
    for shell in ("bash", "zsh", "fish"):
        script = askpix("completion", shell).stdout
        assert f"_ASKPIX_COMPLETE={shell}_complete" in script
    assert askpix("completion", env={**os.environ, "SHELL": "/bin/zsh"}).stdout.startswith("#compdef askpix")


def test_a_question_about_the_library_goes_to_its_catalog(askpix: Askpix, demo_folder: Path) -> None:
    done = askpix("ask", "how many photos do I have?", "--library", demo_folder, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["rows"][0]["count"] == 44
    shown = askpix("ask", "how many photos do I have?", "--library", demo_folder)
    assert "44" in shown.stdout.splitlines()[0]
    unclear = askpix("ask", "is there a dog?", "--library", demo_folder)
    assert unclear.returncode == 2
    assert "which pictures?" in unclear.stderr
