"""Embedding photographs from raw files: askpix beside clip-retrieval's clip_inference and rclip.

    python -m benchmarks.embedding [--large 128] [--small 384]

One and the same ViT-B-32-256 (the architecture that rclip is made for), with random weights of a fixed
seed, on the same photographs and processor, one program after the other, each as a user runs it: none of
their code is changed. clip_inference names the checkpoint as open_clip does (`open_clip:ARCH/FILE`, two
workers for decoding, the batch of 256 that it has by default). rclip takes it as the ONNX files that it
otherwise downloads. Each gets a folder of its own below .cache/peers, made on the first run (some 7 GB).

Photos a second leave out what starting takes: the time of all photographs less that of the first 16,
each a run of the whole program. Agreement is the share of the ten best among the photographs that
rankings by its vectors have in common with those by open_clip itself in 32 bits, every photograph decoded
whole, for a hundred texts and for each photograph. With random weights all embeddings lie close together
(cosines above 0.9), so that rankings hang on the last digits: trained weights agree better.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image

import vlm
from benchmarks.photographs import make_photographs
from searcher import Library
from searcher.catalog import File, session
from searcher.settings import load_settings
from vlm.export import export_to, top_overlap
from vlm.pairing import background_captions
from vlm.picture import Picture, open_ahead
from vlm.protocols import Encoder, Floats
from vlm.runtime import Runtime
from vlm.streams import batches

ARCH = "ViT-B-32-256"
PEERS = Path(__file__).parent.parent / ".cache" / "peers"
RCLIP_MODEL = "ViT-B-32-256-datacomp_s34b_b86k"  # the folder that rclip 3.3 looks for
FEW = 16
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Side:
    """A program: how it is run over a folder into a scratch folder, and how its vectors are read from there."""

    name: str
    run: Callable[[Path, Path], None]
    vectors: Callable[[Path, list[Path]], Floats]
    encoder: Encoder | None = None


def sh(*command: object, **environment: str) -> None:
    """Run a program, quietly unless it fails."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=os.environ | environment, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")


def installed(name: str, *packages: str) -> Path:
    """The programs of a peer, installed into a place of its own."""
    place = PEERS / name
    if not (place / "done").exists():
        print(f"installing {packages[0]}", file=sys.stderr)
        sh(sys.executable, "-m", "venv", place)
        sh(place / "bin" / "pip", "install", *packages)
        (place / "done").touch()
    return place / "bin"


def askpix(name: str) -> Side:
    """askpix with a model."""
    flags = ("--model", name)

    def vectors(scratch: Path, files: list[Path]) -> Floats:
        with Library(settings=load_settings(library=scratch, model=name)) as library:
            with session(library.engine) as opened:
                ids = {file.path: file.image_id for file in opened.query(File)}
            return library.vectors.get(np.array([ids[path] for path in files]), library.count_vectors())

    def run(photos: Path, scratch: Path) -> None:
        sh(BIN / "askpix", "index", photos, "--no-captions", "--library", scratch, *flags)

    kind = "ONNX, int8" if name.startswith("onnx") else "bfloat16" if _has_bfloat16() else "float32"
    return Side(f"askpix, {kind}", run, vectors, vlm.load(name))


def _has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def clip_retrieval(checkpoint: Path) -> Side:
    """clip_inference of clip-retrieval."""
    programs = installed("clip-retrieval", "clip-retrieval==2.45.0", "setuptools<81")

    def run(photos: Path, scratch: Path) -> None:
        model = f"open_clip:{ARCH}/{checkpoint}"
        options = ("--enable_text", "False", "--num_prepro_workers", "2", "--clip_model", model)
        sh(programs / "clip-retrieval", "inference", "--input_dataset", photos, "--output_folder", scratch, *options)

    def vectors(scratch: Path, files: list[Path]) -> Floats:
        code = "import sys, json, pandas; print(json.dumps(list(pandas.read_parquet(sys.argv[1])['image_path'])))"
        table = scratch / "metadata" / "metadata_0.parquet"
        told = subprocess.run([programs / "python", "-c", code, table], capture_output=True, text=True, check=True)
        place = {path: row for row, path in enumerate(json.loads(told.stdout))}
        found = np.load(scratch / "img_emb" / "img_emb_0.npy").astype(np.float32)
        return found[[place[str(path)] for path in files]]

    return Side("clip-retrieval 2.45.0, float32", run, vectors)


def rclip(network: torch.nn.Module, scratch: Path) -> Side:
    """rclip, which indexes as it searches."""
    programs = installed("rclip", "rclip==3.3.0")
    models = scratch / RCLIP_MODEL
    models.mkdir(parents=True)
    (scratch / "tokenizer").mkdir()
    bpe = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    (scratch / "tokenizer" / bpe.name).write_bytes(bpe.read_bytes())
    torch.backends.mha.set_fastpath_enabled(False)
    for name, tower, example in (
        ("visual", network.visual, torch.zeros(2, 3, 256, 256)),
        ("textual", _Text(network), open_clip.get_tokenizer(ARCH)(["a", "b"])),
    ):
        torch.onnx.export(
            tower,
            (example,),
            models / f"{name}.onnx",
            dynamo=False,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
        )
    torch.backends.mha.set_fastpath_enabled(True)

    def run(photos: Path, place: Path) -> None:
        place.mkdir()
        for name in (RCLIP_MODEL, "tokenizer"):
            (place / name).symlink_to(scratch / name)
        command = 'cd "$0" && "$1" --filepath-only "a dog"'
        sh("sh", "-c", command, photos, programs / "rclip", RCLIP_DATADIR=str(place), HF_HUB_OFFLINE="1")

    def vectors(place: Path, files: list[Path]) -> Floats:
        (database,) = place.glob("*.sqlite3")
        with sqlite3.connect(database) as opened:
            rows = dict(opened.execute("SELECT filepath, vector FROM images"))
        return np.stack([np.frombuffer(rows[str(path)], np.float32) for path in files])

    return Side("rclip 3.3.0, ONNX float32", run, vectors)


class _Text(torch.nn.Module):
    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.network.encode_text(tokens)


@torch.inference_mode()
def reference(checkpoint: Path, files: list[Path]) -> Floats:
    """Embeddings by open_clip itself: 32 bits, whole photographs."""
    network, _, preprocess = open_clip.create_model_and_transforms(ARCH, pretrained=str(checkpoint))
    network.eval()
    parts = [
        network.encode_image(torch.stack([preprocess(Image.open(path)) for path in batch]), normalize=True)
        for batch in batches(files, 32)
    ]
    return torch.cat(parts).numpy()


def alone(encoder: Encoder, files: list[Path]) -> float:
    """Photographs a second that the encoder alone looks at, decoded beforehand."""
    opened = open_ahead(files[:128], encoder.image_size)
    images = [picture.image for _, picture in opened if isinstance(picture, Picture)]
    encoder.look(images[:32])
    started = time.perf_counter()
    encoder.look(images)
    return len(images) / (time.perf_counter() - started)


def timed(side: Side, photos: Path, scratch: Path) -> float:
    """Seconds of a run of the whole program."""
    started = time.perf_counter()
    side.run(photos, scratch)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=int, default=128, help="how many photographs of 12 megapixels")
    parser.add_argument("--small", type=int, default=384, help="how many photographs of 640 x 480")
    args = parser.parse_args()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        checkpoint = scratch / "random.pt"
        network = open_clip.create_model(ARCH).eval()
        torch.save(network.state_dict(), checkpoint)
        original = f"open_clip:{ARCH}/{checkpoint}"
        export_to(vlm.load(original, Runtime(device="cpu", dtype="float32")), scratch / "int8", "int8")
        sides = [
            askpix(original),
            askpix(f"onnx:{scratch / 'int8'}"),
            clip_retrieval(checkpoint),
            rclip(network, scratch / "rclip"),
        ]
        queries = vlm.load(original, Runtime(device="cpu", dtype="float32")).encode_texts(background_captions())
        print("| photographs | program | photos/s | start, s | encoder alone | agreement: texts | photos |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for count, size in ((args.large, (4000, 3000)), (args.small, (640, 480))):
            folder = scratch / f"{size[0]}"
            files = make_photographs(folder / "all", count, size, distinct=True)
            make_photographs(folder / "few", FEW, size, distinct=True)
            wanted = reference(checkpoint, files)
            apart = np.where(np.eye(count, dtype=bool), -np.inf, 0)
            for i, side in enumerate(sides):
                few = timed(side, folder / "few", folder / f"few-{i}")
                whole = timed(side, folder / "all", folder / f"all-{i}")
                rate = (count - FEW) / (whole - few)
                got = side.vectors(folder / f"all-{i}", files)
                got /= np.linalg.norm(got, axis=1, keepdims=True)
                texts = top_overlap(queries @ got.T, queries @ wanted.T)
                photos = top_overlap(got @ got.T + apart, wanted @ wanted.T + apart)
                bound = alone(side.encoder, files) if side.encoder else None
                share = f"{bound:.1f} ({rate / bound:.2f} of it)" if bound else ""
                print(
                    f"| {count} of {size[0]} x {size[1]} | {side.name} | {rate:.1f} | {few - FEW / rate:.1f} "
                    f"| {share} | {texts:.3f} | {photos:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
