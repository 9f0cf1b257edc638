"""The stages of a training run, each leaving its result in the work folder and skipped when it is there."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from vlm.training import answers, captions, choosing, fluency, languages, meeting, retrieval, rewards, sentences
from vlm.training.answerer import Answerer, AnswererShape
from vlm.training.answers import Questions
from vlm.training.captions import SeenView, Tables
from vlm.training.data import Asked
from vlm.training.decoder import Decoder, DecoderShape, grown
from vlm.training.efficientnet import channels_last
from vlm.training.fluency import Told
from vlm.training.languages import Parallel, Student
from vlm.training.loop import device, save
from vlm.training.material import foreign
from vlm.training.questions import Made, make
from vlm.training.retrieval import TextSide, Tower
from vlm.training.run import Run, Trained, on_device
from vlm.training.vocabulary import SPECIAL, known_words, tag_words, words

# Of weights that go on from a model, so much of the way is gone (Wortsman et al., "Robust
# fine-tuning", CVPR 2022): what the model knew of other pictures is kept.
HALFWAY = 0.5
PLAIN = 20000  # English captions by which the student learns what English is


def trained(run: Run) -> Trained:
    """All stages, in order."""
    tower, text, tags = retrieval_stage(run)
    student, pieces = languages_stage(run, tower, text)
    decoder, vocabulary = captions_stage(run, tower, text, tags)
    answerer, known = answers_stage(run, tower)
    before = run.start.before if run.start else None
    return Trained(tower, text, tags, student, pieces, decoder, vocabulary, answerer, known, before)


def retrieval_stage(run: Run) -> tuple[Tower, TextSide, list[str]]:
    """Tune the upper network; the tower, the text side and the words that make tags."""
    settings, train = run.recipe.retrieval, run.material.captioned
    if run.start:
        tags, tower, text = run.start.tags, copy.deepcopy(run.start.tower), copy.deepcopy(run.start.text)
    else:
        tags = tag_words((text for texts in train.captions for text in texts), run.recipe.vision.tag_at_least)
        torch.manual_seed(run.recipe.seed)
        tower = Tower(copy.deepcopy(run.tools.base.branch), len(tags), settings)
        text = TextSide(settings.dim)
    both = nn.ModuleDict({"tower": tower, "text": text})

    def fit(path: Path) -> nn.Module:
        views = [run.view("captioned", train.images, number) for number in range(run.recipe.vision.views)]
        mentioned = _mentioned(train.captions, tags).astype(np.float32)
        best = retrieval.fit(
            tower, text, views, run.english(), mentioned, settings, run.recipe.seed, path, choosing.recall(run)
        )
        found = nn.ModuleDict(dict(zip(("tower", "text"), best, strict=True)))
        if run.start:
            _halfway(found, nn.ModuleDict({"tower": run.start.tower, "text": run.start.text}))
        else:
            _, _, words = retrieval.look(best[0], views[0])
            meanings = sentences.sentences(run.tools.encoder, run.tools.tokens, tags, "words")
            best[0].learn_meanings(on_device(meanings), on_device(words).sigmoid())
        return found

    _stage(run, "retrieval", both, fit)
    return channels_last(tower).eval(), text.eval(), tags


def languages_stage(run: Run, tower: Tower, text: TextSide) -> tuple[Student, Tokenizer]:
    """Teach the student; it and its tokenizer."""
    if run.start:
        return run.start.student, run.start.pieces
    settings, given, tools = run.recipe.languages, run.material, run.tools
    parallel = run.sentences("parallel", [row["en"] for row in given.parallel])
    texts = foreign(given, run.english(), parallel)
    english = [*texts.english, *tools.known]
    path = run.work / "languages.json"
    if not path.exists():
        languages.learn_tokenizer([*texts.texts, *english], settings.vocabulary).save(str(path))
    tokens = Tokenizer.from_file(str(path))
    torch.manual_seed(run.recipe.seed)
    student = languages.started(tools.encoder, tokens, settings)
    measured = choosing.foreign_recall(run, tower, text)

    def measure(epoch: int, it: Student) -> float:
        return measured(epoch, it, tokens)

    def material() -> Parallel:
        plain = _plain_english(run)
        apart = languages.foreign_words(texts.texts, [*english, *plain])
        names = range(len(texts.targets), len(texts.targets) + len(tools.known))
        counts = [len(texts.texts), len(english), len(plain), len(apart)]
        return Parallel(
            [*texts.texts, *english, *plain, *apart],
            np.array([*texts.row, *texts.english_row, *names, *[-1] * (len(plain) + len(apart))]),
            np.array([*texts.picture, *[-1] * sum(counts[1:])]),
            np.repeat([False, True, True, False], counts),
            np.concatenate([texts.targets, tools.names]),
        )

    def fit(path: Path) -> nn.Module:
        return languages.fit(student, tokens, material(), settings, run.recipe.seed, path, measure)

    def meet(path: Path) -> nn.Module:
        images = given.captioned.images
        views = [retrieval.look(tower, run.view("captioned", images, n))[1] for n in run.whole()]
        return meeting.fit(student, tokens, material(), views, text, settings, run.recipe.seed, path, measure)

    _stage(run, "languages", student, fit)
    if given.chinese:
        _stage(run, "meeting", student, meet)
    return student.eval(), tokens


def _plain_english(run: Run) -> list[str]:
    """English of all kinds, by which the student learns to tell it from other languages: captions,
    questions and single words."""
    given = run.material
    captions = [*(text for each in given.captioned.captions for text in each), *given.told]
    some = captions[:: max(1, len(captions) // PLAIN)]
    made = {one.question for one in make(given.captioned.captions, run.recipe.seed)}
    return [*some, *given.asked.questions, *sorted(made), *known_words(captions, 3)]


def captions_stage(run: Run, tower: Tower, text: TextSide, tags: list[str]) -> tuple[Decoder, list[str]]:
    """Teach the decoder words, then to describe, then to describe as people do; it and its vocabulary."""
    settings, given, seed = run.recipe.captions, run.material, run.recipe.seed
    vocabulary = _vocabulary(run)
    views = run.whole_views(tower, "captioned", given.captioned.images)
    dev = run.seen(tower, "captioned-dev", given.captioned_dev.images, 0)
    decoder = _decoder(run, len(vocabulary), views[0])
    tables, dev_tables = (
        _tables(english, chinese, vocabulary, decoder.shape.longest)
        for english, chinese in (
            (given.captioned.captions, given.chinese),
            (given.captioned_dev.captions, given.chinese_dev),
        )
    )
    if given.told and not run.start:
        told = _told(run, text, tags, vocabulary, decoder.shape.longest)
        share = run.recipe.naming.share
        _stage(
            run, "words", decoder,
            lambda path: fluency.fit(decoder, told, run.tools.names, share, settings, seed, path),
        )  # fmt: skip
    likelihood = choosing.likelihood(run, dev, dev_tables)

    def fit(path: Path) -> nn.Module:
        before = copy.deepcopy(decoder)
        best = captions.fit(decoder, views, tables, settings, seed, path, likelihood)
        if run.start:
            _halfway(best, before)
        return best

    _stage(run, "captions", decoder, fit)
    if settings.reward_epochs:
        agreement = choosing.agreement(run, dev, dev_tables)
        _stage(
            run, "rewards", decoder,
            lambda path: rewards.fit(decoder, views, tables, settings, seed, path, agreement),
        )  # fmt: skip
    return decoder.eval(), vocabulary


def answers_stage(run: Run, tower: Tower) -> tuple[Answerer, list[str]]:
    """Teach the answerer; it and the answers it knows, most frequent first."""
    settings, train, pictures = run.recipe.answers, run.material.asked, run.material.captioned.images
    if run.start:
        return run.start.answerer, run.start.answers
    made = make(run.material.captioned.captions, run.recipe.seed)
    known = answers.known_answers([*train.answers, *(one.answer for one in made)])
    asked = _asked(run, train, known, run.whole_views(tower, "asked", train.images))
    shape = AnswererShape(
        len(known), **_shape(asked.views[0]), width=settings.width, layers=settings.layers, dropout=settings.dropout
    )
    torch.manual_seed(settings.seed)
    answerer = Answerer(shape)

    def fit(path: Path) -> nn.Module:
        about = _made(run, made, known, run.whole_views(tower, "captioned", pictures))
        shares = (1 - settings.made_share, settings.made_share)
        measure = choosing.exact(run, tower, known)
        return answers.fit(answerer, (asked, about), shares, settings, path, measure)

    _stage(run, "answers", answerer, fit)
    return answerer.eval(), known


def _stage(run: Run, name: str, module: nn.Module, fit: Callable[[Path], nn.Module]) -> None:
    """Put into the module what the stage taught it: now, or in an earlier run."""
    path, epochs = run.work / f"{name}.pt", run.work / f"{name}.epochs"
    if not path.exists():
        save(path, fit(epochs).state_dict())
    epochs.unlink(missing_ok=True)
    module.to(device()).load_state_dict(torch.load(path, weights_only=True, map_location=device()))


@torch.no_grad()
def _halfway(found: nn.Module, start: nn.Module) -> None:
    for now, before in zip(found.parameters(), start.parameters(), strict=True):
        now.lerp_(before, 1 - HALFWAY)


def _vocabulary(run: Run) -> list[str]:
    """The words that captions are written with, those of captioned pictures first; new ones come after those
    of the model that the run goes on from."""
    settings, given = run.recipe.captions, run.material
    known = run.start.vocabulary if run.start else SPECIAL
    english = known_words((text for texts in given.captioned.captions for text in texts), settings.at_least)
    told = known_words(given.told, settings.told_at_least)
    chinese = known_words((text for texts in given.chinese for text in texts), settings.at_least)
    return list(dict.fromkeys([*known, *english, *told, *chinese]))


def _decoder(run: Run, vocabulary: int, seen: SeenView) -> Decoder:
    settings = run.recipe.captions
    torch.manual_seed(run.recipe.seed)
    if run.start:
        return grown(run.start.decoder, vocabulary)
    sizes = {name: getattr(settings, name) for name in ("width", "heads", "layers", "dropout")}
    return Decoder(DecoderShape(vocabulary, **_shape(seen), **sizes))


def _tables(
    english: Sequence[Sequence[str]], chinese: Sequence[Sequence[str]], vocabulary: Sequence[str], longest: int
) -> Tables:
    tables = {"en": captions.token_table(english, vocabulary, longest)}
    return tables | ({"zh": captions.token_table(chinese, vocabulary, longest, "zh")} if chinese else {})


@torch.inference_mode()
def _told(run: Run, text: TextSide, tags: Sequence[str], vocabulary: Sequence[str], longest: int) -> Told:
    """Captions without pictures, a random share of them."""
    settings, every = run.recipe.captions, run.material.told
    order = np.random.default_rng(run.recipe.seed).permutation(len(every))[: settings.told]
    texts = [every[i] for i in order]
    return Told(
        captions.token_table([[one] for one in texts], vocabulary, longest),
        text(on_device(run.sentences("told", texts))).cpu().numpy(),
        _mentioned([[one] for one in texts], tags),
        fluency.mentioned_names(texts, run.tools.known),
    )


def _mentioned(texts: Sequence[Sequence[str]], tags: Sequence[str]) -> NDArray[np.bool_]:
    """[n, tags]: whether any caption of the picture has the word."""
    number = {tag: i for i, tag in enumerate(tags)}
    table = np.zeros((len(texts), len(tags)), bool)
    for row, each in enumerate(texts):
        for word in {word for text in each for word in words(text)} & number.keys():
            table[row, number[word]] = True
    return table


def _asked(run: Run, asked: Asked, known: Sequence[str], views: Sequence[SeenView]) -> Questions:
    """People's questions; the mirrored picture is asked about in mirrored words."""
    number = {answer: i for i, answer in enumerate(known)}
    texts = [asked.questions, [answers.mirrored(question) for question in asked.questions]]
    wordings = [sentences.questions(run.tools.encoder, run.tools.tokens, each, "questions") for each in texts]
    right = np.array([number[answer] for answer in asked.answers], np.int64)
    return Questions(views, np.array(asked.picture, np.int64), right, np.full(len(right), 1 / len(right)), wordings)


def _made(run: Run, made: Sequence[Made], known: Sequence[str], views: Sequence[SeenView]) -> Questions:
    """Questions made from captions, which know no left and right."""
    number = {answer: i for i, answer in enumerate(known)}
    read = sentences.questions(run.tools.encoder, run.tools.tokens, [one.question for one in made], "made questions")
    right = np.array([number[one.answer] for one in made], np.int64)
    drawn = answers.evenly([one.kind for one in made], [one.answer for one in made])
    return Questions(views, np.array([one.picture for one in made], np.int64), right, drawn, [read])


def _shape(seen: SeenView) -> dict[str, int]:
    """The sizes of what was seen that decoder and answerer are built for."""
    return {
        "cells": seen.grid.shape[1],
        "grid_channels": seen.grid.shape[2],
        "classes": seen.classes.shape[1],
        "words": seen.words.shape[1],
        "embedding": seen.embedding.shape[1],
    }
