"""What is loaded never runs: arrays, records and archives, from wherever they come."""

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vlm
from searcher import Library
from searcher.export import Record, read_export, write_records, write_sidecars
from vlm.errors import AskpixError

ROOMS = ("vlm", "searcher", "indexer", "webui", "migrations")
# Each reads what the same run wrote, to a file or in messages that nobody else can write to.
OWN_PICKLES = {"indexer/looks.py", "indexer/cluster/streams.py"}
ROOT = Path(vlm.__file__).parent.parent


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, owned: Path) -> None:
        self.owned = owned

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.owned,)


def test_arrays_of_a_model_that_would_run_code_are_refused(tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    folder = tmp_path / "model"
    folder.mkdir()
    for file in (ROOT / "vlm" / "builtin").iterdir():
        (folder / file.name).symlink_to(file)
    arrays = list(folder.glob("*.npy"))
    assert arrays
    for path in arrays:
        path.unlink()
        np.save(path, np.array([Evil(owned)], object), allow_pickle=True)
    model: Any = vlm.load(str(folder))
    with pytest.raises(AskpixError, match="cannot be read"):
        model.background  # noqa: B018
    assert not owned.exists()


def test_nothing_unpickles_but_its_own() -> None:
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            of = getattr(getattr(call.func, "value", None), "id", "")
            switched_on = {word.arg for word in call.keywords if getattr(word.value, "value", None) is True}
            where = name, call.lineno
            assert (of, called) not in {("pickle", "load"), ("pickle", "loads")} or name in OWN_PICKLES, where
            assert (of, called) not in {("marshal", "loads"), ("yaml", "load"), ("os", "system")}, where
            assert not isinstance(call.func, ast.Name) or called not in {"eval", "exec"}, where
            assert called not in {"extractall", "unpack_archive", "read_pickle"}, where
            assert (of, called) != ("torch", "load") or "weights_only" in switched_on, where
            assert not {"allow_pickle", "shell"} & switched_on, where


# Back into a library


HOSTILE_RECORDS = {
    "a.csv": "image,caption\n../../../../etc/passwd,\"=cmd|' /C calc'!A0\"\n/etc/passwd,x\nhttp://127.0.0.1:9/a.jpg,x\n",
    "a.jsonl": '{"image": "../../../etc/passwd", "caption": "x"}\n{"image": "/dev/zero", "caption": "x"}\n',
    "a.json": '{"images": [{"id": 1, "file_name": "../../etc/passwd"}],'
    ' "annotations": [{"image_id": 1, "caption": "x"}]}',
    "deep.jsonl": "[" * 100_000,
    "a.xmp": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
}


@pytest.mark.parametrize("name", HOSTILE_RECORDS)
def test_records_that_lead_elsewhere_touch_nothing(hostile_library: Library, tmp_path: Path, name: str) -> None:
    (tmp_path / "records").mkdir()
    path = tmp_path / "records" / name
    path.write_text(HOSTILE_RECORDS[name], encoding="utf-8")
    before = [(hit.photo.path, hit.photo.caption) for hit in hostile_library.browse()]
    try:
        assert not any(there for _, there in write_records(hostile_library, read_export(path)))
    except AskpixError as error:
        assert "root:" not in str(error)
    assert [(hit.photo.path, hit.photo.caption) for hit in hostile_library.browse()] == before
    assert list((tmp_path / "records").iterdir()) == [path]


def test_sidecars_are_written_below_the_folder_and_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "in" / "photos").mkdir(parents=True)
    photo = tmp_path / "in" / "photos" / "a.jpg"
    (photo.parent / ".a.jpg.xmp.part").symlink_to(tmp_path / "victim")
    (photo.parent / "a.jpg.xmp").symlink_to(tmp_path / "made")
    list(write_sidecars([Record(str(photo), "a cat")], None))
    assert (tmp_path / "victim").read_text() == "kept"
    assert not (tmp_path / "made").exists()
    out = tmp_path / "below" / "out"
    for path in ("/../../../escaped.jpg", f"{tmp_path}/in/../../../../../../escaped.jpg", "/a/../../../escaped.jpg"):
        ((written, refused),) = write_sidecars([Record(path, "a cat")], out)
        assert refused is None
        assert written.resolve().is_relative_to(out.resolve())
