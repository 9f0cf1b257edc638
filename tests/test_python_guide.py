"""The examples of docs/python.md run as they stand, one after another."""

import re
import shutil
from pathlib import Path

import pytest

import searcher

GUIDE = Path(__file__).parent.parent / "docs" / "python.md"


def test_the_examples_run(
    untouched_demo_folder: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(untouched_demo_folder, tmp_path / "photos.askpix")
    (tmp_path / "pictures").mkdir()
    for name in ("holiday.jpg", "pictures/new.jpg"):
        shutil.copy(sorted(photos.rglob("*.jpg"))[0], tmp_path / name)
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    try:
        for example in examples:
            exec(example, names)
    finally:
        library = names["library"]
        assert isinstance(library, searcher.Library)
        library.close()
    printed = capsys.readouterr().out
    for said in ("44 photos", "['text', 'not', 'where']", "Dogs 2", "there is no library in"):
        assert said in printed
