"""A run: its recipe, its material, its tools, and what they see and read, kept in the work folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from vlm.protocols import Floats
from vlm.training import features, minilm, retrieval, sentences
from vlm.training.answerer import Answerer
from vlm.training.captions import SeenView
from vlm.training.decoder import Decoder
from vlm.training.features import Base, CachedView
from vlm.training.languages import Student
from vlm.training.loop import placed
from vlm.training.material import Material
from vlm.training.minilm import TextEncoder
from vlm.training.names import class_names
from vlm.training.recipe import Recipe
from vlm.training.retrieval import TextSide, Tower

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """All that a folder of weights is written from."""

    tower: Tower
    text: TextSide
    tags: list[str]
    student: Student
    pieces: Tokenizer
    decoder: Decoder
    vocabulary: list[str]
    answerer: Answerer
    answers: list[str]
    before: Path | None = None  # the folder of the model that it goes on from


@dataclass(frozen=True)
class Tools:
    """The base models, loaded once, and what the text encoder makes of class names: `known`, every name
    of every class, with `names` unit [k, 384], and `classes` [1000, 384], one vector a class."""

    base: Base
    encoder: TextEncoder
    tokens: Tokenizer
    known: list[str]
    names: Floats
    classes: Floats


@dataclass(frozen=True)
class Run:
    """One run; `work` keeps what is done, and `start` is the model that it goes on from, if any."""

    recipe: Recipe
    material: Material
    tools: Tools
    work: Path
    say: Say
    start: Trained | None = None

    def view(self, name: str, images: Sequence[Path], number: int) -> CachedView:
        """View `number` of a set of pictures."""
        return features.cached(self.tools.base, images, number, self.work, name)

    def seen(self, tower: Tower, name: str, images: Sequence[Path], number: int) -> SeenView:
        """What the finished tower sees in a view."""
        view = self.view(name, images, number)
        grid, embedding, word_logits = retrieval.look(tower, view)
        grids = np.concatenate([grid, retrieval.plain_grids(self.tools.base.branch, view)], 1)
        tuned, classes = torch.from_numpy(embedding), torch.from_numpy(view.classes)
        words = torch.from_numpy(word_logits).sigmoid()
        names = torch.from_numpy(self.tools.classes)
        said = tower.said(on_device(words)).cpu()
        joint = self.recipe.naming.of_pictures(tuned, classes, names, said)
        return SeenView(
            grids.reshape(*grids.shape[:2], -1).transpose(0, 2, 1),
            classes.softmax(1).numpy(),
            words.numpy(),
            joint.numpy(),
        )

    def whole(self) -> range:
        """The views that show the whole picture: as it is, and mirrored."""
        return range(min(2, self.recipe.vision.views))

    def whole_views(self, tower: Tower, name: str, images: Sequence[Path]) -> list[SeenView]:
        """What the finished tower sees in those."""
        return [self.seen(tower, name, images, number) for number in self.whole()]

    def sentences(self, name: str, texts: Sequence[str]) -> Floats:
        """Sentence embeddings [n, 384] of English texts, read once."""
        tools = self.tools
        return kept(
            self.work / f"{name}.sentences.npy", lambda: sentences.sentences(tools.encoder, tools.tokens, texts, name)
        )

    def english(self) -> Floats:
        """The sentence embeddings of the captioned pictures: [n, captions, 384]."""
        captions = self.material.captioned.captions
        read = self.sentences("captions", [text for texts in captions for text in texts])
        return read.reshape(len(captions), -1, retrieval.SENTENCE)


def tools(recipe: Recipe, work: Path) -> Tools:
    """Load the base models."""
    vision = recipe.vision
    base = features.base(vision.network, vision.size, vision.cut, work)
    encoder, tokens = minilm.pretrained(), minilm.tokenizer()
    names = class_names()
    known = sorted({name for each in names for name in each})
    return Tools(
        base,
        encoder,
        tokens,
        known,
        kept(work / "names.npy", lambda: sentences.sentences(encoder, tokens, known, "class names")),
        kept(work / "classes.npy", lambda: sentences.class_embeddings(encoder, tokens, names).numpy()),
    )


def kept(path: Path, make: Callable[[], Floats]) -> Floats:
    """An array from the work folder, or made and left there."""
    if not path.exists():
        unfinished = path.with_name("unfinished-" + path.name)
        np.save(unfinished, make())
        unfinished.replace(path)
    found: Floats = np.load(path)
    return found


def on_device(values: Floats | torch.Tensor) -> torch.Tensor:
    """An array as a tensor where the models are."""
    return placed(values)[0]
