"""The stages of a training run, each leaving its result in the work folder and skipped when it is there."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from vlm.protocols import Floats
from vlm.training import answers, captions, evaluate, features, minilm, retrieval, sentences
from vlm.training.answerer import Answerer, AnswererShape
from vlm.training.answers import Questions
from vlm.training.captions import SeenView
from vlm.training.data import Asked, Captioned, read_asked, read_captioned
from vlm.training.decoder import Decoder, DecoderShape
from vlm.training.efficientnet import channels_last
from vlm.training.features import Base, CachedView
from vlm.training.minilm import TextEncoder
from vlm.training.questions import Made, make
from vlm.training.recipe import Recipe
from vlm.training.retrieval import TextSide, Tower
from vlm.training.vocabulary import known_words, tag_words, words

Say = Callable[[str], None]


@dataclass(frozen=True)
class Material:
    """What a run learns from and is measured on."""

    captioned: Captioned
    captioned_dev: Captioned
    asked: Asked
    asked_dev: Asked


@dataclass(frozen=True)
class Tools:
    """The base models, loaded once."""

    base: Base
    encoder: TextEncoder
    tokens: Tokenizer


@dataclass(frozen=True)
class Trained:
    """All that a folder of weights is written from."""

    tower: Tower
    text: TextSide
    tags: list[str]
    decoder: Decoder
    vocabulary: list[str]
    answerer: Answerer
    answers: list[str]


@dataclass(frozen=True)
class Run:
    """One run: its recipe, its material, its tools, and the folder that keeps what is done."""

    recipe: Recipe
    material: Material
    tools: Tools
    work: Path
    say: Say


def material(recipe: Recipe, data: Path) -> Material:
    """Read the CSVs that the recipe names."""
    settings = recipe.data
    captioned, asked = (
        (data / settings.captions, data / settings.caption_images),
        (data / settings.questions, data / settings.question_images),
    )
    return Material(
        read_captioned(*captioned, "train", settings.limit),
        read_captioned(*captioned, "dev", settings.limit),
        read_asked(*asked, "train", settings.limit),
        read_asked(*asked, "dev", settings.limit),
    )


def tools(recipe: Recipe, work: Path) -> Tools:
    """Load the base models."""
    vision = recipe.vision
    base = features.base(vision.network, vision.size, vision.cut, work)
    return Tools(base, minilm.pretrained(), minilm.tokenizer())


def trained(run: Run) -> Trained:
    """All stages, in order."""
    tower, text, tags = retrieval_stage(run)
    decoder, vocabulary = captions_stage(run, tower)
    answerer, known = answers_stage(run, tower)
    return Trained(tower, text, tags, decoder, vocabulary, answerer, known)


def retrieval_stage(run: Run) -> tuple[Tower, TextSide, list[str]]:
    """Tune the upper network; the tower, the text side and the words that make tags."""
    settings, train = run.recipe.retrieval, run.material.captioned
    tags = tag_words((text for texts in train.captions for text in texts), run.recipe.vision.tag_at_least)
    branch = run.tools.base.branch
    path = run.work / "retrieval.pt"
    if not path.exists():
        views = [_view(run, "captioned", train.images, number) for number in range(run.recipe.vision.views)]
        read = _sentences(run, "captions", [text for texts in train.captions for text in texts])
        mentioned = _mentioned(train.captions, tags)
        read = read.reshape(len(train.images), -1, retrieval.SENTENCE)
        tower, text = retrieval.fit(
            copy.deepcopy(branch), views, read, mentioned, settings, run.recipe.seed, _recall_on_dev(run)
        )
        _save(path, {"tower": tower.state_dict(), "text": text.state_dict()})
    saved = torch.load(path, weights_only=True)
    tower, text = Tower(copy.deepcopy(branch), len(tags), settings), TextSide(settings.dim)
    tower.load_state_dict(saved["tower"])
    text.load_state_dict(saved["text"])
    return channels_last(tower).eval(), text.eval(), tags


def captions_stage(run: Run, tower: Tower) -> tuple[Decoder, list[str]]:
    """Teach the decoder; it and its vocabulary."""
    settings, train = run.recipe.captions, run.material.captioned
    vocabulary = known_words((text for texts in train.captions for text in texts), settings.at_least)
    path = run.work / "captions.pt"
    if not path.exists():
        views = [_seen(run, tower, "captioned", train.images, number) for number in range(_whole_views(run))]
        shape = DecoderShape(
            len(vocabulary),
            **_shape(views[0]),
            width=settings.width,
            heads=settings.heads,
            layers=settings.layers,
            dropout=settings.dropout,
        )
        table = captions.token_table(train.captions, vocabulary, shape.longest)
        decoder = captions.fit(Decoder(shape), views, table, settings, run.recipe.seed)
        _save(path, {"shape": asdict(shape), "decoder": decoder.state_dict()})
    saved = torch.load(path, weights_only=True)
    decoder = Decoder(DecoderShape(**saved["shape"]))
    decoder.load_state_dict(saved["decoder"])
    return decoder.eval(), vocabulary


def answers_stage(run: Run, tower: Tower) -> tuple[Answerer, list[str]]:
    """Teach the answerer; it and the answers it knows, most frequent first."""
    settings, train = run.recipe.answers, run.material.asked
    made = make(run.material.captioned.captions, run.recipe.seed)
    known = answers.known_answers([*train.answers, *(one.answer for one in made)])
    path = run.work / "answers.pt"
    if not path.exists():
        views = range(_whole_views(run))
        asked = _asked(run, train, known, [_seen(run, tower, "asked", train.images, n) for n in views])
        pictures = run.material.captioned.images
        about = _made(run, made, known, [_seen(run, tower, "captioned", pictures, n) for n in views])
        shape = AnswererShape(
            len(known),
            **_shape(asked.views[0]),
            width=settings.width,
            layers=settings.layers,
            dropout=settings.dropout,
        )
        shares = (1 - settings.made_share, settings.made_share)
        answerer = answers.fit(Answerer(shape), (asked, about), shares, settings, run.recipe.seed)
        _save(path, {"shape": asdict(shape), "answerer": answerer.state_dict()})
    saved = torch.load(path, weights_only=True)
    answerer = Answerer(AnswererShape(**saved["shape"]))
    answerer.load_state_dict(saved["answerer"])
    return answerer.eval(), known


def _whole_views(run: Run) -> int:
    """Of the views, those that show the whole picture: as it is, and mirrored."""
    return min(2, run.recipe.vision.views)


def _view(run: Run, name: str, images: Sequence[Path], number: int) -> CachedView:
    return features.cached(run.tools.base, images, number, run.work, name)


def _seen(run: Run, tower: Tower, name: str, images: Sequence[Path], number: int) -> SeenView:
    """What the finished tower sees in a view."""
    view = _view(run, name, images, number)
    grid, embedding, word_logits = retrieval.look(tower, view)
    classes = torch.from_numpy(view.classes).softmax(1).numpy()
    cells = grid.reshape(*grid.shape[:2], -1).transpose(0, 2, 1)
    return SeenView(cells, classes, torch.from_numpy(word_logits).sigmoid().numpy(), embedding)


def _sentences(run: Run, name: str, texts: Sequence[str]) -> Floats:
    """Sentence embeddings, from the work folder or computed and left there."""
    path = run.work / f"{name}.sentences.npy"
    if not path.exists():
        np.save(path, sentences.sentences(run.tools.encoder, run.tools.tokens, texts, name))
    found: Floats = np.load(path)
    return found


def _mentioned(texts: Sequence[Sequence[str]], tags: Sequence[str]) -> Floats:
    """[n, tags]: 1 where any caption of the picture has the word."""
    number = {tag: i for i, tag in enumerate(tags)}
    table = np.zeros((len(texts), len(tags)), np.float32)
    for row, each in enumerate(texts):
        for word in {word for text in each for word in words(text)} & number.keys():
            table[row, number[word]] = 1
    return table


def _recall_on_dev(run: Run) -> Callable[[int, Tower, TextSide], None]:
    """Says after each epoch how well dev captions find their pictures."""
    dev = run.material.captioned_dev
    view = _view(run, "captioned-dev", dev.images, 0)
    read = _sentences(run, "captions-dev", [text for texts in dev.captions for text in texts])
    owner = np.repeat(np.arange(len(dev.images)), [len(texts) for texts in dev.captions])

    @torch.inference_mode()
    def measure(epoch: int, tower: Tower, text: TextSide) -> None:
        _, embedding, _ = retrieval.look(tower, view)
        found = evaluate.retrieval(embedding, text(torch.from_numpy(read)).numpy(), owner).text_to_image
        run.say(f"epoch {epoch + 1}: dev recall@1/5/10 {found.at_1:.1f} / {found.at_5:.1f} / {found.at_10:.1f}")

    return measure


def _asked(run: Run, asked: Asked, known: Sequence[str], views: Sequence[SeenView]) -> Questions:
    """People's questions; the mirrored picture is asked about in mirrored words."""
    number = {answer: i for i, answer in enumerate(known)}
    texts = [asked.questions, [answers.mirrored(question) for question in asked.questions]]
    wordings = [sentences.questions(run.tools.encoder, run.tools.tokens, each, "questions") for each in texts]
    right = np.array([number[answer] for answer in asked.answers], np.int64)
    return Questions(views, np.array(asked.picture, np.int64), right, wordings)


def _made(run: Run, made: Sequence[Made], known: Sequence[str], views: Sequence[SeenView]) -> Questions:
    """Questions made from captions, which know no left and right."""
    number = {answer: i for i, answer in enumerate(known)}
    read = sentences.questions(run.tools.encoder, run.tools.tokens, [one.question for one in made], "made questions")
    right = np.array([number[one.answer] for one in made], np.int64)
    return Questions(views, np.array([one.picture for one in made], np.int64), right, [read])


def _shape(seen: SeenView) -> dict[str, int]:
    """The sizes of what was seen that decoder and answerer are built for."""
    return {
        "cells": seen.grid.shape[1],
        "grid_channels": seen.grid.shape[2],
        "classes": seen.classes.shape[1],
        "words": seen.words.shape[1],
        "embedding": seen.embedding.shape[1],
    }


def _save(path: Path, values: dict[str, Any]) -> None:
    """Write under another name first, so that an interrupted run leaves no half a file."""
    torch.save(values, path.with_suffix(".unfinished"))
    path.with_suffix(".unfinished").replace(path)
