"""Flags, then the environment, then askpix.toml."""

from pathlib import Path

import pytest

from searcher.settings import load_settings
from vlm.errors import AskpixError


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASKPIX_LIBRARY", str(tmp_path))
    (tmp_path / "askpix.toml").write_text('model = "from-toml"\nmin_confidence = 0.5\n')
    return tmp_path


def test_each_source_gives_way_to_the_one_before(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load_settings().library, load_settings().model) == (library, "from-toml")
    monkeypatch.setenv("ASKPIX_MODEL", "from-environment")
    assert (load_settings().model, load_settings().min_confidence) == ("from-environment", 0.5)
    assert load_settings(model="from-flag", captioner=None).model == "from-flag"


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("min_confidence = 7", "the setting min_confidence is wrong: Input should be less than or equal to 1"),
        ("modell = 'x'", "the setting modell is wrong: Extra inputs are not permitted"),
        ("model = ", "askpix.toml cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(library: Path, toml: str, line: str) -> None:
    (library / "askpix.toml").write_text(toml)
    with pytest.raises(AskpixError, match=line):
        load_settings()
