"""Models of transformers, from small checkpoints with random weights: real architectures, processors and loading."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import vlm
from checkpoints import CPU
from hub_checkpoints import blip2_model, blip_model, chat_model, clip_model, florence, qwen_vl, smolvlm
from support import Askpix, records
from vlm.errors import AskpixError
from vlm.export import agreement, export_to
from vlm.pairing import background_captions
from vlm.picture import open_picture
from vlm.runtime import Runtime

TEXTS = ["a dog on a beach", "two red cars", "A CAT"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    clip_model(root / "clip")
    clip_model(root / "siglip", "siglip")
    blip_model(root / "blip", answers=False)
    blip_model(root / "vqa", answers=True)
    chat_model(root / "chat")
    return root


@pytest.fixture(scope="module")
def images(photos: Path) -> list[Image.Image]:
    return [open_picture(path, 64).image for path in sorted(photos.rglob("*.jpg"))[:5]]


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_embeddings_are_those_of_transformers(kind: str, folders: Path, images: list[Image.Image]) -> None:
    model = vlm.load(f"hf:{folders / kind}", CPU, "encode")
    theirs = transformers.AutoModel.from_pretrained(folders / kind).eval()
    processor = transformers.AutoProcessor.from_pretrained(folders / kind)
    texts = [text.lower() for text in TEXTS] if kind == "siglip" else TEXTS
    read = processor.tokenizer(texts, padding="max_length", max_length=24, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        seen = theirs.get_image_features(**processor.image_processor(images, return_tensors="pt")).pooler_output
        said = theirs.get_text_features(input_ids=read["input_ids"]).pooler_output
    unit = torch.nn.functional.normalize
    np.testing.assert_allclose(model.look(images).embeddings, unit(seen, dim=-1).numpy(), atol=1e-5)
    np.testing.assert_allclose(model.encode_texts(TEXTS), unit(said, dim=-1).numpy(), atol=1e-5)
    assert model.dim == seen.shape[1]
    assert model.image_size == 32


def test_clip_says_how_likely_a_text_is_among_others_and_siglip_by_its_bias(
    folders: Path, images: list[Image.Image]
) -> None:
    clip, siglip = (vlm.load(f"hf:{folders / kind}", CPU) for kind in ("clip", "siglip"))
    seen, (query,) = siglip.look(images).embeddings, siglip.encode_texts(["a dog"])
    wanted = 1 / (1 + np.exp(-(np.exp(2.0) * seen @ query - 5)))
    np.testing.assert_allclose(siglip.confidence(query, seen, 5), wanted, rtol=1e-4)
    seen, (query,) = clip.look(images).embeddings, clip.encode_texts(["a dog"])
    others = clip.encode_texts(background_captions())
    scale = clip._network.logit_scale.exp().item()
    odds = np.exp(scale * seen @ query) / np.exp(scale * seen @ others.T).sum(1)
    np.testing.assert_allclose(clip.confidence(query, seen, 5), odds / (1 + odds), rtol=1e-3)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_encoders_are_exported(kind: str, folders: Path, tmp_path: Path, images: list[Image.Image]) -> None:
    model = vlm.load(f"hf:{folders / kind}", CPU)
    exported = export_to(model, tmp_path / "out", "fp32")
    np.testing.assert_allclose(exported.encode_texts(TEXTS), model.encode_texts(TEXTS), atol=1e-4)
    assert agreement(model, exported, images, background_captions()).texts > 0.9


def test_blip_writes_the_same_alone_and_in_a_batch(folders: Path, images: list[Image.Image]) -> None:
    model = vlm.load(f"hf:{folders / 'blip'}", CPU, "caption")
    written = model.describe(model.look(images))
    assert len(written) == len(images)
    assert written == [model.describe(model.look([image]))[0] for image in images]
    assert all(one.caption and 0 < one.confidence <= 1 for one in written)
    with pytest.raises(AskpixError, match='writes no "zh": use en'):
        model.describe(model.look(images), "zh")


QUESTIONS = ["what is it?", "what colour is the dog on the beach?", "is it?", "two or one or three?", "what is it?"]


@pytest.mark.parametrize("kind", ["vqa", "chat"])
def test_answers_are_the_same_alone_and_in_a_batch(kind: str, folders: Path, images: list[Image.Image]) -> None:
    model = vlm.load(f"hf:{folders / kind}", CPU, "answer")
    seen = model.look(images)
    together = model.answer(seen, QUESTIONS)
    alone = [model.answer(seen.take([i]), [question])[0] for i, question in enumerate(QUESTIONS)]
    assert [one.text for one in together] == [one.text for one in alone]
    np.testing.assert_allclose([one.confidence for one in together], [one.confidence for one in alone], atol=2e-3)


@pytest.mark.parametrize("make", [smolvlm, qwen_vl, blip2_model, florence])
def test_each_family_writes_the_same_alone_and_in_a_batch(make: Callable[[Path], Path], tmp_path: Path) -> None:
    model = vlm.load(f"hf:{make(tmp_path / 'model')}", CPU, "caption")
    seen = model.look([Image.new("RGB", size, "red") for size in ((300, 200), (90, 200), (64, 64))])
    alone = [model.describe(seen.take([i]))[0] for i in range(3)]
    assert [one.caption for one in model.describe(seen)] == [one.caption for one in alone]
    if "answer" in model.tasks:
        answers = model.answer(seen, QUESTIONS[:3])
        assert [one.text for one in answers] == [model.answer(seen.take([i]), [QUESTIONS[i]])[0].text for i in range(3)]


def test_a_chat_model_is_asked_by_the_prompts_that_are_set(folders: Path, images: list[Image.Image]) -> None:
    plain, other = (
        vlm.load(f"hf:{folders / 'chat'}", runtime)
        for runtime in (CPU, CPU.model_copy(update={"caption_prompt": "a cat sleeps in {language}"}))
    )
    asked: list[str] = []
    for model in (plain, other):
        inputs = model._inputs
        model.__dict__["_inputs"] = lambda pictures, prompts, of=inputs: asked.extend(prompts) or of(pictures, prompts)
        model.describe(model.look(images[:1]), "de")
    assert "in German" in asked[0]
    assert asked[1] == "a cat sleeps in German"


def test_a_chat_model_stops_at_its_end(folders: Path, tmp_path: Path, images: list[Image.Image]) -> None:
    network = transformers.LlavaForConditionalGeneration.from_pretrained(folders / "chat")
    shutil.copytree(folders / "chat", tmp_path / "chat")
    with torch.no_grad():  # whatever came before, the end is likeliest
        network.model.language_model.norm.weight.zero_()
        network.lm_head.weight.zero_()
    network.generation_config.eos_token_id = [5, 0]
    network.save_pretrained(tmp_path / "chat")
    model = vlm.load(f"hf:{tmp_path / 'chat'}", CPU)
    (answer,) = model.answer(model.look(images[:1]), ["what?"])
    assert answer.text == ""
    assert answer.confidence == pytest.approx(1 / network.config.text_config.vocab_size, abs=1e-4)


def test_the_arithmetic_can_be_halved(folders: Path, images: list[Image.Image]) -> None:
    half = Runtime(device="cpu", dtype="bfloat16")
    for kind in ("blip", "vqa", "chat"):
        model = vlm.load(f"hf:{folders / kind}", half)
        seen = model.look(images[:2])
        assert len(model.describe(seen) if kind == "blip" else model.answer(seen, ["what?"] * 2)) == 2
    whole, other = (vlm.load(f"hf:{folders / 'clip'}", runtime).look(images).embeddings for runtime in (CPU, half))
    assert (whole * other).sum(1).min() > 0.999


def test_the_command_line_captions_asks_and_indexes(
    askpix: Askpix, folders: Path, photos: Path, tmp_path: Path
) -> None:
    cat = photos / "animals" / "cat.jpg"
    (written,) = records(askpix("caption", cat, "--model", f"hf:{folders / 'blip'}", "--json"))
    assert written["caption"]
    (answer,) = records(askpix("ask", "what?", "--image", cat, "--answerer", f"hf:{folders / 'vqa'}", "--json"))
    assert answer["answer"]
    models = ("--model", f"hf:{folders / 'siglip'}", "--captioner", f"hf:{folders / 'blip'}")
    done = askpix("index", photos / "animals", "--library", tmp_path, *models, "--device", "cpu", "--json")
    assert records(done)[-1]["refused"] == 0, done.stderr
    found = askpix("search", "a cat", *models[:2], "--library", tmp_path, "--min-confidence", 0, "--json")
    assert len(records(found)[0]["hits"]) > 5


# What is wrong is said in one line


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5000])


def changed(**values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (cut, r"the weights in .* cannot be loaded .*are they whole, and of that model"),
        (changed(vision_config={"hidden_size": 48, "num_attention_heads": 2}), "cannot be loaded|lack"),
        (
            changed(text_config={"num_hidden_layers": 3, "hidden_size": 32, "num_attention_heads": 2}),
            "cannot be loaded|lack",
        ),
        (
            changed(model_type="bert", architectures=["BertModel"]),
            r"is a bert model \(BertModel\), of which askpix knows no",
        ),
        (changed(model_type="nonsense"), r"config\.json cannot be used"),
        (changed(model_type="nonsense", auto_map={"AutoConfig": "own.Config"}), "add --trust-remote-code"),
        (lambda folder: (folder / "config.json").unlink(), "it has no config.json"),
    ],
)
def test_a_folder_at_fault(
    change: Callable[[Path], None], line: str, folders: Path, tmp_path: Path, images: list[Image.Image]
) -> None:
    shutil.copytree(folders / "clip", tmp_path / "clip")
    change(tmp_path / "clip")
    with pytest.raises(AskpixError, match=line) as raised:
        vlm.load(f"hf:{tmp_path / 'clip'}", CPU).look(images)
    assert "\n" not in str(raised.value)


def test_weights_that_would_run_code_are_refused(folders: Path, tmp_path: Path, images: list[Image.Image]) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "owned",)

    shutil.copytree(folders / "clip", tmp_path / "clip")
    (tmp_path / "clip" / "model.safetensors").unlink()
    torch.save({"logit_scale": Evil()}, tmp_path / "clip" / "pytorch_model.bin")
    with pytest.raises(AskpixError, match="cannot be loaded"):
        vlm.load(f"hf:{tmp_path / 'clip'}", CPU).look(images)
    assert not (tmp_path / "owned").exists()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of a hub that cannot be reached."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_what_was_fetched_before_is_used_offline_at_its_commit(
    cache: Path, folders: Path, images: list[Image.Image]
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    kept = cache / "models--some--clip"
    shutil.copytree(folders / "clip", kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)
    model = vlm.load("hf:some/clip", CPU)
    assert model.name == "hf:some/clip@0123456789ab"
    assert vlm.load(f"hf:some/clip@{commit}", CPU).name == model.name
    assert model.look(images).embeddings.shape == (5, 16)
    (kept / "snapshots" / commit / "model.safetensors").unlink()
    with pytest.raises(AskpixError, match="some/clip is not on this machine and cannot be fetched"):
        vlm.load("hf:some/clip", CPU)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "hf:google/siglip2-base-patch16-224",
            "is not on this machine .*hf download google/siglip2",
        ),
        ("hf:nowhere", 'there is no folder "nowhere", and a model of the hub is named hf:ORG/NAME'),
        ("hf:Salesforce/blip/vqa", r"did you mean Salesforce/blip-vqa-base"),
    ],
)
def test_a_model_that_is_not_here(cache: Path, name: str, line: str) -> None:
    with pytest.raises(AskpixError, match=line):
        vlm.load(name, CPU)


def test_two_trainings_never_share_a_name(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "clip", tmp_path / "clip")
    network = transformers.CLIPModel.from_pretrained(tmp_path / "clip")
    with torch.no_grad():
        network.visual_projection.weight += 0.1
    network.save_pretrained(tmp_path / "clip")
    one, other = (vlm.load(f"hf:{folder}", CPU).name for folder in (folders / "clip", tmp_path / "clip"))
    assert one != other
    assert one.startswith("hf:clip#")
