"""Encoders exported to ONNX: the same rankings without torch, in fewer bytes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlm
from checkpoints import CLIP, CPU, SIGLIP, SIGLIP_PIXELS, checkpoint
from support import Askpix, records
from vlm.errors import AskpixError
from vlm.export import agreement, export_to
from vlm.pairing import background_captions
from vlm.picture import open_picture


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("clip") / "clip", CLIP)


@pytest.fixture(scope="module")
def images(photos: Path) -> list[Image.Image]:
    return [open_picture(path, 64).image for path in sorted(photos.rglob("*.jpg"))]


@pytest.mark.parametrize(("precision", "shared"), [("fp32", 1.0), ("fp16", 0.97), ("int8", 0.85)])
def test_an_export_ranks_as_its_original(
    clip: Path, tmp_path: Path, images: list[Image.Image], precision: str, shared: float
) -> None:
    model = vlm.load(f"open_clip:tiny/{clip}", CPU)
    export_to(model, tmp_path / "out", precision)  # type: ignore[arg-type]
    exported = vlm.load(f"onnx:{tmp_path / 'out'}")
    found = agreement(model, exported, images, background_captions())
    assert found.photos == len(images)
    assert min(found.texts, found.pictures) >= shared
    assert exported.name == f"onnx:{model.name}:{precision}"
    assert (exported.dim, exported.image_size, exported.tasks) == (32, 64, {"encode"})
    query, seen = exported.encode_texts(["a dog"])[0], exported.look(images[:3]).embeddings
    np.testing.assert_allclose(exported.confidence(query, seen, 3), model.confidence(query, seen, 3), atol=0.1)


def test_precision_makes_files_smaller(clip: Path, tmp_path: Path) -> None:
    model = vlm.load(f"open_clip:tiny/{clip}", CPU)
    for precision in ("fp32", "fp16", "int8"):
        export_to(model, tmp_path / precision, precision)  # type: ignore[arg-type]
    fp32, fp16, int8 = ((tmp_path / name / "vision.onnx").stat().st_size for name in ("fp32", "fp16", "int8"))
    assert int8 < fp16 < 0.6 * fp32


def test_siglip_keeps_its_bias_and_its_pixels(tmp_path: Path, images: list[Image.Image]) -> None:
    folder = checkpoint(tmp_path / "siglip", SIGLIP, **SIGLIP_PIXELS)
    model = vlm.load(f"open_clip:tiny/{folder}", CPU)
    exported = export_to(model, tmp_path / "out", "fp32")
    np.testing.assert_allclose(exported.look(images[:4]).embeddings, model.look(images[:4]).embeddings, atol=1e-5)
    assert exported.config.bias == -10
    assert exported.cutoff == model.cutoff


def test_an_export_is_served_without_torch(clip: Path, tmp_path: Path, photos: Path) -> None:
    export_to(vlm.load(f"open_clip:tiny/{clip}", CPU), tmp_path / "out", "fp32")
    code = f"""
import sys, vlm
from PIL import Image
model = vlm.load("onnx:{tmp_path / "out"}")
seen = model.look([Image.open("{photos / "animals" / "cat.jpg"}")])
print(model.confidence(model.encode_texts(["a cat"])[0], seen.embeddings, 1), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")


def test_the_verb_exports_indexes_and_says_how_far_it_agrees(
    askpix: Askpix, clip: Path, tmp_path: Path, photos: Path
) -> None:
    (done,) = records(
        askpix("models", "export", f"open_clip:tiny/{clip}", "-o", tmp_path / "out", "--photos", photos, "--json")
    )
    assert done["top10_agreement"]["texts"] > 0.9
    model = f"onnx:{tmp_path / 'out'}"
    own = ("--model", model, "--library", tmp_path / "lib", "--json")
    assert records(askpix("index", photos / "animals", "--no-captions", *own))[-1]["added"] > 5
    found = askpix("search", "a cat", "--min-confidence", 0, *own)
    assert len(records(found)[0]["hits"]) > 5
    again = askpix("models", "export", f"open_clip:tiny/{clip}", "-o", tmp_path / "out")
    assert (again.returncode, again.stderr.splitlines()[-1]) == (
        2,
        f"askpix: {tmp_path / 'out'} is not empty: name a new folder",
    )


def test_a_folder_that_is_no_export_says_so(tmp_path: Path) -> None:
    with pytest.raises(AskpixError, match="holds no exported encoder; make one with: askpix models export"):
        vlm.load(f"onnx:{tmp_path}")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(AskpixError, match=r"config\.json cannot be read .*export the model again"):
        vlm.load(f"onnx:{tmp_path}")
