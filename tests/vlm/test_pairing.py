"""How likely a text belongs to a picture, by encoders that were not calibrated by us."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vlm.pairing import background_captions, pairing
from vlm.protocols import Floats


def unit(count: int, seed: int) -> Floats:
    made = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts were encoded, call by call, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return []


def test_the_background_is_encoded_once_for_each_model(encoded: list[int], tmp_path: Path) -> None:
    def encode(texts: Sequence[str]) -> Floats:
        encoded.append(len(texts))
        return unit(len(texts), 0)

    first, again = (pairing("a", 20.0, None, encode) for _ in range(2))
    np.testing.assert_array_equal(first.background, again.background)
    pairing("b", 20.0, None, encode)
    pairing("c", 20.0, -5.0, encode)  # whose bias says it all
    assert encoded == [len(background_captions())] * 2
    for kept in tmp_path.rglob("*.npy"):
        kept.write_bytes(b"damaged")
    np.testing.assert_array_equal(pairing("a", 20.0, None, encode).background, first.background)


def test_a_text_is_the_likelier_the_nearer_and_never_certain_of_nothing(encoded: list[int]) -> None:
    made = pairing("a", 20.0, None, lambda texts: unit(len(texts), 0))
    (query,) = unit(1, 1)
    pictures = np.linspace(-1, 1, 9, dtype=np.float32)[:, None] * query
    found = made.confidence(query, pictures, 9)
    assert (np.diff(found) >= 0).all()
    assert found[0] < 1e-6
    assert found[-1] > 0.5


def test_background_captions_are_a_hundred_different_ones() -> None:
    captions = background_captions()
    assert len(captions) == len(set(captions)) >= 100
    assert all(caption == caption.strip() and caption for caption in captions)
