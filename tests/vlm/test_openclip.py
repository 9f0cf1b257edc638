"""open_clip models, from small checkpoints with random weights: real architectures, tokenizers and loading."""

from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

import vlm
from checkpoints import CLIP, COCA, CPU, SIGLIP, SIGLIP_PIXELS, checkpoint
from vlm.errors import AskpixError
from vlm.picture import open_picture
from vlm.runtime import Runtime


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("clip") / "clip", CLIP)


@pytest.fixture(scope="module")
def coca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("coca") / "coca", COCA)


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("siglip") / "siglip", SIGLIP, **SIGLIP_PIXELS)


@pytest.fixture(scope="module")
def images(photos: Path) -> list[Image.Image]:
    return [open_picture(path, 64).image for path in sorted(photos.rglob("*.jpg"))[:5]]


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_embeddings_are_those_of_open_clip(
    kind: str, images: list[Image.Image], request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    model = vlm.load(f"open_clip:tiny/{folder}", CPU)
    theirs, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}", pretrained_text=False)
    theirs.eval()
    texts = ["a dog on a beach", "two red cars"]
    with torch.inference_mode():
        wanted = theirs.encode_image(torch.stack([preprocess(image) for image in images]), normalize=True)
        read = theirs.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(texts), normalize=True)
    np.testing.assert_allclose(model.look(images).embeddings, wanted.numpy(), atol=1e-5)
    np.testing.assert_allclose(model.encode_texts(texts), read.numpy(), atol=1e-5)
    assert (model.dim, model.image_size, model.tasks) == (32, 64, {"encode"})


def test_siglip_takes_its_confidence_from_its_own_scale_and_bias(siglip: Path, images: list[Image.Image]) -> None:
    model = vlm.load(f"open_clip:tiny/{siglip}", CPU)
    embeddings, (query,) = model.look(images).embeddings, model.encode_texts(["a dog"])
    scale = np.exp(np.log(1 / 0.07))
    wanted = 1 / (1 + np.exp(-(scale * embeddings @ query - 10)))
    np.testing.assert_allclose(model.confidence(query, embeddings, 5), wanted, rtol=1e-3)


def test_coca_embeds_and_writes_out_of_one_pass_of_the_tower(coca: Path, images: list[Image.Image]) -> None:
    model = vlm.load(f"open_clip:tiny/{coca}", CPU, "caption")
    looked: list[int] = []
    model._network.visual.register_forward_hook(lambda _module, inputs, _output: looked.append(len(inputs[0])))
    seen = model.look(images)
    written = model.describe(seen)
    assert looked == [len(images)]
    assert len(written) == len(images)
    assert all(0 < one.confidence <= 1 and one.caption for one in written)
    alone = [model.describe(model.look([image]))[0].caption for image in images]
    assert [one.caption for one in written] == alone
    assert model.describe(seen.take([2, 0]))[0] == written[2]


@pytest.mark.parametrize("beams", [1, 3])
def test_coca_writes_what_its_whole_text_pass_finds_likeliest(
    beams: int, coca: Path, images: list[Image.Image]
) -> None:
    """Each written word has the probability that open_clip's own forward pass over the whole text gives."""
    from vlm.openclip import coca as decoding

    model = vlm.load(f"open_clip:tiny/{coca}", CPU)
    network, start, end = model._network, 49406, 49407
    with torch.inference_mode():
        (tokens,) = model.look(images).state
        for i, found in enumerate(decoding.captions(network, tokens, beams, start, end)):
            text = torch.tensor([[start, *found.tokens]])
            _, read = network._encode_text(text)
            logs = network.text_decoder(tokens[i : i + 1], read).log_softmax(-1)[0]
            ended = len(found.tokens) < decoding.LONGEST
            own = [logs[j, word] for j, word in enumerate([*found.tokens, end][: None if ended else -1])]
            np.testing.assert_allclose(float(sum(own)), found.log_probability, rtol=1e-3)
            if beams == 1:
                logs[:, [end, 0]] = -torch.inf
                for j, word in enumerate(found.tokens):
                    logs[j, text[0, j]] = -torch.inf
                    assert int(logs[j].argmax()) == word


def test_coca_ends_at_the_end_mark(tmp_path: Path, images: list[Image.Image]) -> None:
    folder = checkpoint(tmp_path / "coca", COCA)
    model = vlm.load(f"open_clip:tiny/{folder}", CPU)
    with torch.no_grad():  # whatever came before, the end is likely
        model._network.text_decoder.ln_final.bias.fill_(1)
        model._network.text_decoder.text_projection[:, 49407] = 3
    assert all(len(one.caption.split()) <= 3 for one in model.describe(model.look(images)))


def test_half_arithmetic_ranks_as_whole(clip: Path, images: list[Image.Image]) -> None:
    whole = vlm.load(f"open_clip:tiny/{clip}", CPU).look(images).embeddings
    half = vlm.load(f"open_clip:tiny/{clip}", Runtime(device="cpu", dtype="bfloat16")).look(images).embeddings
    assert (whole * half).sum(1).min() > 0.999


def test_a_checkpoint_file_of_a_known_architecture(tmp_path: Path, images: list[Image.Image]) -> None:
    torch.manual_seed(0)
    network = open_clip.create_model("ViT-S-32-alt")
    weights = {f"module.{name}": value.half() for name, value in network.state_dict().items()}
    torch.save({"state_dict": weights}, tmp_path / "a.pt")
    model = vlm.load(f"open_clip:ViT-S-32-alt/{tmp_path}/a.pt", CPU)
    assert model.look(images).embeddings.shape == (5, model.dim)
    again = vlm.load(f"open_clip:ViT-S-32-alt/{tmp_path}/a.pt", CPU)
    assert model.name == again.name
    assert model.name.startswith("open_clip:ViT-S-32-alt#")
    with pytest.raises(AskpixError, match=r"cannot be loaded as ViT-B-16 .*of that architecture"):
        vlm.load(f"open_clip:ViT-B-16/{tmp_path}/a.pt", CPU).look(images)
    whole = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AskpixError, match=r"cut\.pt cannot be loaded .*is it whole"):
        vlm.load(f"open_clip:ViT-S-32-alt/{tmp_path}/cut.pt", CPU).look(images)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, images: list[Image.Image]) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "owned",)

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(AskpixError, match="cannot be loaded"):
        vlm.load(f"open_clip:ViT-S-32-alt/{tmp_path}/evil.pt", CPU).look(images)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("open_clip:ViT-B32/openai", 'open_clip has no "ViT-B32"; the nearest are .*ViT-B-32'),
        ("open_clip:ViT-B-32/openia", 'ViT-B-32 has no weights "openia": its tags are openai'),
        ("open_clip:ViT-B-32", "which weights of ViT-B-32\\? its tags are openai"),
        ("open_clip:ViT-B-32//nowhere.pt", r"there is no checkpoint at .*nowhere\.pt"),
        ("openclip:ViT-B-32/openai", "There is no model called .* Did you mean open_clip:ARCH/TAG"),
    ],
)
def test_a_wrong_name_says_what_is_right(name: str, line: str) -> None:
    with pytest.raises(AskpixError, match=line):
        vlm.load(name, CPU)


def test_missing_weights_offline_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: list[Image.Image]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model = vlm.load("open_clip:ViT-B-32/laion2b_s34b_b79k", CPU)
    with pytest.raises(AskpixError, match="laion/CLIP-ViT-B-32-laion2B-s34B-b79K are not here and cannot be fetched"):
        model.look(images)


def test_what_a_model_does_not_do_is_said(clip: Path) -> None:
    with pytest.raises(AskpixError, match="cannot write captions, only put pictures and texts into one space"):
        vlm.load(f"open_clip:tiny/{clip}", CPU, "caption")


def test_no_gpu_where_one_is_asked_for(clip: Path, images: list[Image.Image]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(AskpixError, match="no cuda device is seen here; use --device cpu"):
        vlm.load(f"open_clip:tiny/{clip}", Runtime(device="cuda")).look(images)
