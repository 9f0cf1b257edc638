"""Editors that draw, from small checkpoints with random weights: real pipelines, folders and loading."""

import json
import shutil
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file, save_file

from askpix import cli
from diffusion_checkpoints import SIDE, klein, kontext, longcat, pix2pix, pix2pix_xl, qwen_edit
from support import records
from vlm.editing.diffusion import DiffusionEditor, load_diffusion_editor
from vlm.editing.pipelines import KINDS
from vlm.editing.plan import Operation
from vlm.errors import AskpixError
from vlm.picture import open_picture
from vlm.protocols import Floats
from vlm.runtime import Runtime

ONE_THREAD = Runtime(device="cpu", dtype="float32", threads=1)
SNOW = Operation("generate", 2, text="make it snow")
HAT = Operation("generate", 2, region="cat", text="give the cat a hat")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny InstructPix2Pix, with its safety checker."""
    return pix2pix(tmp_path_factory.mktemp("editors") / "pix2pix", safety=True)


@pytest.fixture(scope="module")
def editor(folder: Path) -> DiffusionEditor:
    return load_diffusion_editor(str(folder), ONE_THREAD)


@pytest.fixture(scope="module")
def cat(photos: Path) -> Image.Image:
    return open_picture(photos / "animals" / "cat.jpg", 512).image


def left(image: Image.Image, words: str) -> Floats:
    """A place with a soft edge, on the left of any picture."""
    across = np.clip(1.5 - 3 * np.arange(image.width) / image.width, 0, 1).astype(np.float32)
    return np.tile(across, (image.height, 1))


def changed(before: Image.Image, after: Image.Image) -> Any:
    """Which pixels are no longer the same: [h, w]."""
    assert before.size == after.size
    return (np.asarray(before) != np.asarray(after)).any(2)


def test_only_the_region_named_is_drawn_anew(
    editor: DiffusionEditor, cat: Image.Image, capfd: pytest.CaptureFixture[str]
) -> None:
    done = editor.edit(cat, [HAT], left)
    where = left(cat, "cat")
    assert done.mask is not None
    np.testing.assert_array_equal(done.mask, where)
    assert not changed(cat, done.image)[where == 0].any()
    assert changed(cat, done.image)[where == 1].mean() > 0.9
    assert done.notes == [
        f"drawn by {editor.name} in 2 steps from seed 0, at 64 x 42 pixels, then brought to {cat.width} x {cat.height}"
    ]
    told = capfd.readouterr()
    assert "drawing: 100%" in told.err
    assert not told.out


def test_everything_but_a_region_is_drawn_anew(editor: DiffusionEditor, cat: Image.Image) -> None:
    done = editor.edit(cat, [Operation("generate", 1, "cat", "a beach", outside=True)], left)
    where = left(cat, "cat")
    assert not changed(cat, done.image)[where == 1].any()
    assert changed(cat, done.image)[where == 0].mean() > 0.9


def test_the_same_words_draw_the_same_and_others_something_else(editor: DiffusionEditor, cat: Image.Image) -> None:
    one, again, other = (editor.edit(cat, [operation], left).image for operation in (SNOW, SNOW, HAT))
    assert not changed(one, again).any()
    assert changed(one, other).any()


def test_several_operations_follow_each_other(editor: DiffusionEditor, cat: Image.Image) -> None:
    done = editor.edit(cat, [HAT, Operation("generate", 1, "cat", "a red hat")], left)
    assert done.mask is not None
    assert len(done.notes) == 2
    assert not changed(cat, done.image)[done.mask == 0].any()
    assert editor.edit(cat, [HAT, SNOW], left).mask is None


@pytest.mark.parametrize("size", [(300, 20), (20, 300), (3, 2), (SIDE, SIDE)])
def test_a_picture_of_any_shape_keeps_its_size(editor: DiffusionEditor, size: tuple[int, int]) -> None:
    done = editor.edit(Image.new("RGB", size, "teal"), [Operation("generate", 1, text="a lake")], left)
    assert done.image.size == size
    assert done.image.mode == "RGB"
    assert done.mask is None


@pytest.mark.parametrize(
    ("instruction", "wanted"),
    [
        ("make the car  red", Operation("generate", region="car", text="make the car red")),
        ("blur everything but the dog", Operation("generate", None, "dog", "blur everything but the dog", True)),
        ("turn it into an oil painting", Operation("generate", text="turn it into an oil painting")),
        ("make the cat darker and the sofa red", Operation("generate", text="make the cat darker and the sofa red")),
        ("mach das Auto rot", Operation("generate", region="Auto", text="mach das Auto rot")),
    ],
)
def test_a_plan_keeps_to_the_thing_named_if_that_is_plain(
    editor: DiffusionEditor, instruction: str, wanted: Operation
) -> None:
    assert editor.plan(instruction) == (wanted,)


@pytest.mark.parametrize(("instruction", "line"), [(" \n", "say what to change"), ("snow " * 200, "1 to 500 char")])
def test_an_instruction_at_fault(editor: DiffusionEditor, instruction: str, line: str) -> None:
    with pytest.raises(AskpixError, match=line):
        editor.plan(instruction)


def test_other_operations_are_left_to_the_builtin_editor(editor: DiffusionEditor, cat: Image.Image) -> None:
    with pytest.raises(AskpixError, match='can only generate, not "blur": leave --editor away'):
        editor.edit(cat, [SNOW, Operation("blur", 50)], left)


def qwen_edit_plus(folder: Path) -> Path:
    return qwen_edit(folder, plus=True)


@pytest.mark.parametrize("make", [pix2pix_xl, kontext, klein, qwen_edit, qwen_edit_plus, longcat])
def test_each_kind_of_editor_draws(
    make: Callable[[Path], Path], tmp_path: Path, cat: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("qwenimage.pipeline_qwenimage_edit", "qwenimage.pipeline_qwenimage_edit_plus",
                 "longcat_image.pipeline_longcat_image_edit"):  # fmt: skip
        module = import_module(f"diffusers.pipelines.{name}")
        usual = module.calculate_dimensions  # a megapixel, which takes a processor long
        monkeypatch.setattr(module, "calculate_dimensions", lambda area, ratio, of=usual: of(area // 16, ratio))
    editor = load_diffusion_editor(str(make(tmp_path / "editor")), ONE_THREAD)
    done = editor.edit(cat, [Operation("generate", 1, "cat", "a tiger")], left)
    inside = left(cat, "cat") > 0
    assert not changed(cat, done.image)[~inside].any()
    assert changed(cat, done.image)[inside].mean() > 0.9


def test_the_command_line_edits_a_photo(folder: Path, photos: Path, tmp_path: Path) -> None:
    photo = photos / "animals" / "cat.jpg"
    plan, out, mask = (tmp_path / name for name in ("plan.json", "out.png", "mask.png"))
    settings = {"ASKPIX_DEVICE": "cpu", "ASKPIX_DTYPE": "float32", "ASKPIX_THREADS": "1"}

    def edit(*arguments: object) -> Any:
        command = ["edit", photo, "--editor", f"hf:{folder}", *arguments]
        return CliRunner().invoke(cli, list(map(str, command)), env=settings, catch_exceptions=False)

    (planned,) = json.loads(edit("make the cat red", "--dry-run").stdout)
    plan.write_text(json.dumps([planned | {"amount": 2}]))
    done = edit("--plan", plan, "-o", out, "--mask", mask, "--json")
    (record,) = records(done)
    assert record["operations"] == [{"name": "generate", "amount": 2, "region": "cat", "text": "make the cat red"}]
    assert record["why"]["outside_changed"] == 0
    assert record["why"]["editor"].startswith("hf:pix2pix#")
    where = np.asarray(Image.open(mask).convert("L"))
    moved = changed(Image.open(photo).convert("RGB"), Image.open(out).convert("RGB"))
    assert not moved[where == 0].any()
    assert moved[where > 128].mean() > 0.9
    assert "drawing" in done.stderr


def test_half_of_the_arithmetic_will_do(folder: Path, cat: Image.Image) -> None:
    half = load_diffusion_editor(str(folder), Runtime(device="cpu", dtype="bfloat16", threads=1))
    assert changed(cat, half.edit(cat, [Operation("generate", 1, text="a lake")], left).image).mean() > 0.9


def test_what_the_safety_checker_of_a_checkpoint_holds_back_is_not_shown(
    folder: Path, tmp_path: Path, cat: Image.Image
) -> None:
    shutil.copytree(folder, tmp_path / "strict")
    weights = tmp_path / "strict" / "safety_checker" / "model.safetensors"
    tensors = load_file(weights)
    save_file(tensors | {"concept_embeds_weights": tensors["concept_embeds_weights"] - 10}, weights, {"format": "pt"})
    strict = load_diffusion_editor(str(tmp_path / "strict"), ONE_THREAD)
    with pytest.raises(AskpixError, match=r"the safety check of hf:strict#.* held back what it drew"):
        strict.edit(cat, [SNOW], left)


# What is wrong is said in one line


def index(**values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "model_index.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def pickled(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()


def cut(folder: Path) -> None:
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-5000])


def lacking(folder: Path) -> None:
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    save_file(dict(sorted(load_file(path).items())[3:]), path, {"format": "pt"})


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda folder: (folder / "model_index.json").unlink(), r"holds no pipeline of diffusers \(it has no model_in"),
        (lambda folder: (folder / "model_index.json").write_text("{"), r"model_index\.json cannot be read"),
        (lambda folder: (folder / "model_index.json").write_text("[1]"), r"model_index\.json cannot be read"),
        (index(_class_name="StableDiffusionPipeline"), "a StableDiffusionPipeline, which does not edit by an instr"),
        (index(_class_name=["pipeline", "Own"]), "brings code of its own, which is not run"),
        (index(unet=["own", "UNet"]), "brings code of its own, which is not run"),
        (index(unet=["subprocess", "Popen"]), "brings code of its own, which is not run"),
        (index(unet=["diffusers", "NoSuchNet"]), r"cannot be loaded .*NoSuchNet"),
        (pickled, "weights of .*editor are pickles, which may hold code and are not read"),
        (cut, "cannot be loaded"),
        (lacking, "cannot be loaded"),
        (lambda folder: shutil.rmtree(folder / "unet"), "cannot be loaded"),
    ],
)
def test_a_folder_at_fault(
    change: Callable[[Path], None], line: str, folder: Path, tmp_path: Path, cat: Image.Image
) -> None:
    shutil.copytree(folder, tmp_path / "editor")
    change(tmp_path / "editor")
    with pytest.raises(AskpixError, match=line) as raised:
        load_diffusion_editor(str(tmp_path / "editor"), ONE_THREAD).edit(cat, [SNOW], left)
    assert "\n" not in str(raised.value)


def test_what_is_missing_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlm.extras.find_spec", lambda name: None if name == "diffusers" else find_spec(name))
    with pytest.raises(AskpixError, match=r'^diffusers is not installed: pip install "askpix\[edit\]"$'):
        load_diffusion_editor(str(folder), ONE_THREAD)


def test_too_little_memory_is_said(cat: Image.Image) -> None:
    class TooLarge:
        def __call__(self, num_inference_steps: int = 1, **more: Any) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

    editor = DiffusionEditor(Path(), "hf:large", "FluxKontextPipeline", ONE_THREAD)
    editor.parts.get("pipeline", TooLarge)
    with pytest.raises(AskpixError, match="memory does not hold the model and one picture"):
        editor.edit(cat, [SNOW], left)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of a hub that cannot be reached."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_what_was_fetched_before_is_used_offline_at_its_commit(cache: Path, folder: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    kept = cache / "models--some--editor"
    shutil.copytree(folder, kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)
    editor = load_diffusion_editor("some/editor", ONE_THREAD)
    assert editor.name == "hf:some/editor@0123456789ab"
    assert load_diffusion_editor(f"some/editor@{commit}", ONE_THREAD).folder == editor.folder
    for weights in editor.folder.glob("*/*.safetensors"):
        weights.unlink()
    with pytest.raises(AskpixError, match="some/editor is not on this machine and cannot be fetched"):
        load_diffusion_editor("some/editor", ONE_THREAD)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("timbrooks/instruct-pix2pix", "is not on this machine and cannot be fetched .*hf download timbrooks/instruct"),
        ("nowhere", 'there is no folder "nowhere", and an editor of the hub is named hf:ORG/NAME'),
        ("./some/where", 'there is no folder "./some/where"'),
    ],
)
def test_an_editor_that_is_not_here(cache: Path, name: str, line: str) -> None:
    with pytest.raises(AskpixError, match=line) as raised:
        load_diffusion_editor(name, ONE_THREAD)
    assert "\n" not in str(raised.value)


def test_every_kind_named_is_one_of_diffusers() -> None:
    import diffusers

    assert all(hasattr(diffusers, name) for name in KINDS)
