"""Several models over one library: listed, measured, compared, side by side."""

from pathlib import Path

import open_clip
import pytest

from checkpoints import CLIP, COCA, checkpoint
from indexer.pipeline import IndexRun
from searcher import Library
from searcher.compare import KS, agreement, compare, own_sample, sample
from searcher.settings import load_settings
from support import Askpix, records
from vlm.errors import AskpixError
from vlm.known import known
from vlm.runtime import Runtime


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"open_clip:tiny/{checkpoint(tmp_path_factory.mktemp('clip') / 'clip', CLIP)}"


@pytest.fixture(scope="module")
def coca(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"open_clip:tiny/{checkpoint(tmp_path_factory.mktemp('coca') / 'coca', COCA)}"


def index(folder: Path, photos: Path, **flags: str) -> IndexRun:
    with Library(settings=load_settings(library=folder, device="cpu", **flags), create=True) as library:
        run = IndexRun(library, [photos])
        for _ in run:
            pass
    return run


def test_models_index_one_library_side_by_side(clip: str, coca: str, tmp_path: Path, photos: Path) -> None:
    animals = photos / "animals"
    first = index(tmp_path, animals)
    assert index(tmp_path, animals, model=clip).summary.added == first.summary.added
    again = index(tmp_path, animals, model=clip)
    assert (again.summary.added, again.summary.unchanged) == (0, first.summary.added)
    index(tmp_path, animals, model=coca)
    captions = {}
    for name in ("builtin", clip, coca):
        with Library(settings=load_settings(library=tmp_path, model=name, device="cpu")) as library:
            hits = library.search("a cat", min_confidence=0)
            assert len(hits) == first.summary.added
            captions[name] = hits[0].photo.caption
            assert library.captioner.name == (library.encoder.name if name != clip else captions_of_builtin())
    with Library(settings=load_settings(library=tmp_path)) as library:
        assert "cat" in (library.search("a cat")[0].photo.caption or "").lower()


def captions_of_builtin() -> str:
    import vlm

    return str(vlm.load().name)


def test_an_encoder_that_writes_nothing_leaves_captions_to_the_built_in_one(
    clip: str, tmp_path: Path, photos: Path
) -> None:
    index(tmp_path, photos / "animals", model=clip)
    with Library(settings=load_settings(library=tmp_path, model=clip, device="cpu")) as library:
        assert all(hit.photo.caption and hit.photo.tags for hit in library.browse())


def test_comparing_measures_recall_agreement_speed_and_memory(clip: str, demo_library: Library) -> None:
    given = sample(demo_library, 20, seed=0)
    assert given == sample(demo_library, 20, seed=0)
    assert given.source.startswith("written by builtin")
    one, other = compare(["builtin", clip], given, Runtime(device="cpu"), 10**9)
    assert one.recall[10] > other.recall[1]
    assert one.recall[1] >= 40
    assert one.seconds > 0
    assert 100 < one.megabytes < 4000
    assert 0 <= agreement(one, other) <= 1
    assert agreement(one, one) == 1


def test_captions_of_one_s_own_are_the_better_judge(tmp_path: Path, photos: Path) -> None:
    files = sorted(photos.rglob("*.jpg"))[: max(KS)]
    lines = [f"{path.relative_to(photos)},{path.stem.replace('_', ' ')}" for path in files]
    (tmp_path / "own.csv").write_text("image,caption\n" + "\n".join(lines))
    given = own_sample(tmp_path / "own.csv", photos, 200, seed=0)
    assert sorted(given.paths) == files
    assert given.source == "of your own"
    (tmp_path / "few.csv").write_text("image,caption\n" + lines[0])
    with pytest.raises(AskpixError, match="captions 1 pictures, 10 are the least"):
        own_sample(tmp_path / "few.csv", photos, 200, seed=0)


def test_the_verb_lists_measures_and_compares(askpix: Askpix, clip: str, demo_folder: Path) -> None:
    (measured,) = records(askpix("models", "measure", clip, "--device", "cpu", "--json"))
    assert measured["seconds"] > 0
    compared = records(askpix("models", "compare", "builtin", clip, "--library", demo_folder, "--photos", 12, "--json"))
    assert [line.get("model") for line in compared] == ["builtin", clip, None]
    listed = {line["model"]: line for line in records(askpix("models", "--library", demo_folder, "--json"))}
    assert set(listed["builtin"]["tasks"]) == {"encode", "caption", "answer"}
    assert listed[clip]["seconds"] == pytest.approx(next(o["seconds"] for o in compared if o.get("model") == clip))
    assert any(line.get("photos") for line in listed.values())
    alone = askpix("models", "compare", "builtin", "--library", demo_folder)
    assert (alone.returncode, "name at least two models" in alone.stderr) == (2, True)


def test_the_list_names_models_that_there_are() -> None:
    tags = set(open_clip.list_pretrained())
    for model in known():
        kind, _, rest = model.name.partition(":")
        if kind == "open_clip":
            arch, _, tag = rest.partition("/")
            assert (arch, tag) in tags
            assert open_clip.get_pretrained_cfg(arch, tag)["hf_hub"].strip("/") == model.repository
        elif kind == "hf":
            assert rest == model.repository


def test_doctor_says_which_faiss_and_which_device_serve(askpix: Askpix, tmp_path: Path) -> None:
    (found,) = records(askpix("doctor", "--library", tmp_path, "--device", "cpu", "--json"))
    assert "searches on the processor" in found["faiss"]["value"]
    assert "models run on cpu" in found["torch"]["value"]
    wrong = askpix("doctor", "--library", tmp_path, "--device", "cuda:9")
    assert wrong.returncode in (0, 2)
